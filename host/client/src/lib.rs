//! Ask CronFlow Access whether a request is allowed.
//!
//! A service that stands before something worth protecting presents what its client sent, and learns *allow or deny, and why*.
//!
//! ```no_run
//! use cronflow_access_client::{Client, Decision, Question, Secret};
//!
//! # async fn ask(presented: String) -> Result<(), cronflow_access_client::BuildError> {
//! let gateway = Secret::new("cf_gw_…");
//! let access = Client::builder("http://127.0.0.1:7800", gateway).build()?;
//!
//! let question = Question::request(Secret::new(presented), "POST", "/v1/jobs").environment("production");
//! match access.authorize(&question).await {
//!     Decision::Allow(allow) => println!("{} may do it", allow.principal.id),
//!     Decision::Deny(denial) => println!("{}: {}", denial.status, denial.code()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! In front of a whole axum router, [`AccessLayer`] does it for each request and answers denials by itself.
//!
//! Reading order: [`secret`](Secret) (what must not be seen), [`question`](Question), [`decision`](Decision), `transport` (one
//! exchange with the host), [`client`](Client), [`cache`](MaxAge) (off unless asked for), [`layer`];
//! [`webhook`](WebhookVerifier) (the other way: what CronFlow tells a service) stands by itself.
//!
//! # What it holds
//!
//! - **It fails closed.** [`Client::authorize`] has no error. A host that can't be reached, takes too long, answers with
//!   something else than a decision, or contradicts itself, is a [`Denial`] of status 503 and code [`UNAVAILABLE`]. There is
//!   no switch to let requests pass instead: who must, matches [`Denial::cause`] in code of their own.
//! - **It asks once.** A decision consumes quota, so a question is sent again only when no byte of it can have left: the
//!   connection could not be made, or a kept one was found closed before anything was written.
//! - **It stores no secret.** Secrets are redacted in `Debug` and wiped when dropped, bodies of questions included; what the
//!   system's and hyper's own buffers held for a moment is beyond its reach. The cache knows digests alone.
//! - **https** is the feature `tls`. Plain http is for a host on the same machine or a network of your own: both the gateway's
//!   secret and your clients' travel over it.
//!
//! It must never import another room of CronFlow Access: this one ships to customers.

mod cache;
mod client;
mod decision;
mod error;
pub mod layer;
mod question;
mod secret;
mod transport;
mod webhook;

pub use cache::{MaxAge, MaxAgeError};
pub use client::{Builder, Client};
pub use decision::{Allow, Decision, Denial, Principal, Quota, Reason, UNAVAILABLE};
pub use error::{BuildError, Cause};
pub use layer::{AccessLayer, TrustedProxies};
pub use question::{Attribute, Question, Resource};
pub use secret::Secret;
pub use webhook::{Received, WebhookError, WebhookVerifier};
