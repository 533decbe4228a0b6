//! The Redis backend: the books of an installation in one Redis, shared by all its hosts.
//!
//! Parts in reading order: [`Options`] and [`Redis`] (the store, as the rooms above see it), `place` (where Redis is, by its URL),
//! `names` (what the keys are called), `scripts` (each operation is one script, one round trip, one slot), `begin` (what is looked
//! at before the store is used, and how it comes into being) with `checks` (whether a fail-over would lose what was confirmed),
//! `fleet` (which server is asked, and what to do when it is another one now) with `slots` and `seek` (who holds what), `node` (a
//! server, with all that leads there), `line` (a connection that is made again when it is lost), `proof` (the arithmetic of
//! announcements and heartbeats), `hearing` (who is told), `pulse` (the heartbeat), `recent` (what is done once more when a
//! fail-over has lost it), `skew` (whose clock is off), [`Look`] (a store that is only looked at),
//! `dump` and [`Loading`] (all that it holds, out and into a new one).
//!
//! *What is promised.* A commit's acknowledgement survives what Redis survives: with `appendonly yes` and `appendfsync always`
//! that is power loss, and the store says so loudly when Redis is set otherwise. One that narrows and is confirmed survives a
//! fail-over. What one host reads and another touches is believed for at most [`Options::bound`] after the last heartbeat that
//! proves that this host has heard of everything.
//!
//! It must never touch two slots in one script, never write a key that has neither a TTL nor an owner, never wait for a Redis
//! that is away, never send again what may have been done, and never answer from a Redis that lost its data as if nothing had
//! ever been there. Nothing outside this crate knows Redis.

mod begin;
mod checks;
mod commit;
mod dump;
mod error;
mod fleet;
mod hearing;
mod line;
mod load;
mod look;
mod names;
mod node;
mod options;
mod place;
mod proof;
mod pulse;
mod recent;
mod scripts;
mod seek;
mod skew;
mod slots;
mod store;

pub use error::OpenError;
pub use load::Loading;
pub use look::{Look, Server};
pub use options::Options;
pub use store::Redis;

// Named, because nothing else here says why it is in the manifest.
use idna_adapter as _;
use rustls as _;
