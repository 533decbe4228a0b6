//! The store seam and the embedded backend.
//!
//! Domain logic is written once, above [`Store`]; a backend only keeps records, sorted indexes, logs and counters, and
//! makes one [`Commit`] atomic. Reading order: [`seam`] (the trait and its nouns), [`freshness`] (how long a
//! read can be believed), [`dump`] (what a store holds, whole), [`embedded`] (one file, the default),
//! [`memory`] (for tests), [`metered`] (counts round trips), [`contract`] (what every backend must pass).
//!
//! To add a backend: implement [`Store`], call [`contract::run`] from a test of yours.
//!
//! It must never know what a record means: keys, policies and quotas are words of `access-model`. Nothing outside
//! [`embedded`] knows SQLite.

pub mod contract;
pub mod dump;
pub mod embedded;
pub mod freshness;
pub mod memory;
pub mod metered;
pub mod seam;

pub use dump::{Item, Page};
pub use embedded::Embedded;
pub use freshness::Freshness;
pub use memory::Memory;
pub use metered::{Metered, StoreStats, confirming, in_background};
pub use seam::*;
