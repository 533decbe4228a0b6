//! The harness of the end-to-end tests: a real host on a free port, and everybody who speaks to it.
//!
//! Reading order: [`setup`] (how one is to be started), [`host`] (talk to it, stop it, start it again), [`node`] (each of its
//! processes), [`http`] (who speaks to it, byte for byte), [`http2`] (frame by frame), [`curl`] (as a library does), [`certificates`] (over TLS), [`question`] (asking for a decision, and one `check_…` per kind of
//! answer), [`keys`] (issuing and changing keys), [`people`] (signing in), [`cli`] (the other commands), [`mod@flood`] (many at once), [`secret`]
//! (secrets that nobody issued), [`asking`] (on and on, while something happens), [`redis`] and [`proxy`] (a store that can be
//! killed, paused, slowed down and cut off), [`cluster`] and [`sentinel`] (many of them, which fail over), [`ways`] (one host's, to many of them), [`wall_clock`] (a clock that is wrong), [`faults`] (what came of all that), [`together`] (when each of two hosts knows what was changed through the other), [`gateway`] and
//! [`api`] (a real gateway, and what it protects), [`balancer`] (nginx before several hosts), [`receiver`] (of webhooks), [`relay`] (of mail), [`jobs_api`] (the example), [`browser`] (somebody with a browser), [`guest`] (policies in Rust, compiled), [`process`] (what runs underneath).
//!
//! With `E2E_STORE=redis` every host is on a redis-server of its own, as two processes: what changes something goes to one,
//! what asks for a decision to the other. `Setup::on_redis` says so for one test.
//!
//! A test starts a host of its own, so that tests neither wait for nor disturb each other. Nothing here sleeps: whoever
//! waits, waits for the thing itself (a log line, an end of file, an answer), up to [`process::PATIENCE`].
//!
//! To test a new endpoint: a `Client` and a `check_…` are probably enough; put what is missing into the file of its noun.
//! It must never reach into the product: it knows the contract, and nothing of the rooms that keep it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests use this, and a test that can't go on fails right there"
)]

pub mod api;
pub mod asking;
pub mod balancer;
pub mod browser;
pub mod certificates;
pub mod cli;
pub mod cluster;
pub mod curl;
pub mod faults;
pub mod flood;
pub mod gateway;
pub mod guest;
pub mod host;
pub mod http;
pub mod http2;
pub mod jobs_api;
pub mod keepers;
pub mod keys;
pub mod node;
pub mod people;
pub mod process;
pub mod proxy;
pub mod question;
pub mod receiver;
pub mod redis;
pub mod relay;
pub mod secret;
pub mod sentinel;
pub mod setup;
pub mod together;
pub mod wall_clock;
pub mod ways;

pub use api::{Api, Received};
pub use asking::{Asked, AtEnd, Came, Count, WASM_TARGET, ask_on, is_left_to_tests_run, tools, wait_for, wait_until};
pub use balancer::Balancer;
pub use browser::{Browser, Tab};
pub use certificates::{Issuer, Spoken};
pub use cli::{Ran, run_init};
pub use cluster::Cluster;
pub use curl::Curl;
pub use faults::{Fault, Lag, seen};
pub use flood::{Tally, flood, in_parallel, stopwatch};
pub use gateway::{Gateway, Make};
pub use host::{Host, Stopped};
pub use http::{Client, Request, Response};
pub use jobs_api::JobsApi;
pub use keepers::{Aws, ROOT_TOKEN, Vault};
pub use keys::Key;
pub use node::Node;
pub use people::{Person, SignedIn};
pub use process::binary;
pub use proxy::Proxy;
pub use question::{Answer, Question};
pub use receiver::{Manner, Receiver};
pub use redis::{Redis, Reply};
pub use relay::{Mailed, Relay};
pub use sentinel::Sentinels;
pub use setup::Setup;
pub use wall_clock::WallClock;
pub use ways::Ways;
