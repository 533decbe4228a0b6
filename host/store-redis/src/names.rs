//! What the keys are called.
//!
//! | Key | Type | What |
//! |---|---|---|
//! | `access:store` | hash | `format` (`loading` while it is filled from a dump), `shards`, `epoch`, and `whole` once all shards have begun |
//! | `access:{s07}:state` | hash | `sequence` (of the last commit), `announced` (the last that was), `epoch`, `terms` (of servers that wrote it) |
//! | `access:{s07}:r:RECORD` | hash | `v` (version), `d` (value); with a TTL when it is to be forgotten |
//! | `access:{s07}:i:INDEX` | sorted set | |
//! | `access:{s07}:l:LOG` | stream | ids are `SEQUENCE-0` |
//! | `access:{s07}:logs` | hash | the last sequence number of each log |
//! | `access:{s07}:c:GROUP` | hash | sums by name; with a TTL when it is to be forgotten |
//! | `access:{s07}:host:ID` | string | the release that a host runs; gone some beats after the host |
//! | `access:{s07}:replays` | hash | what was lost in a fail-over and applied once more; gone ten minutes later |
//! | `access:{s07}:changes` | channel (sharded) | announcements, in JSON |
//!
//! What stands in braces makes all keys of a shard one slot of a Redis Cluster.

use access_model::Shard;

/// The books: which store this is, and where each shard lives.
#[derive(Debug)]
pub(crate) struct Books {
    /// Drawn when the store was created; another one means another store.
    pub(crate) epoch: String,
    homes: Vec<Home>,
}

/// The names of one shard.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) shard: Shard,
    base: String,
    pub(crate) state: String,
    pub(crate) log_numbers: String,
    pub(crate) channel: String,
    pub(crate) host: String,
    pub(crate) replays: String,
}

/// The hash that says that there is a store.
pub(crate) fn store(prefix: &str) -> String {
    format!("{prefix}:store")
}

impl Books {
    /// The books of the store of this epoch, as the host of this id sees them.
    pub(crate) fn new(prefix: &str, epoch: String, shards: u8, host: &str) -> Self {
        let homes = (0..shards).filter_map(Shard::new).map(|shard| Home::new(prefix, shard, host)).collect();
        Self { epoch, homes }
    }

    pub(crate) fn homes(&self) -> &[Home] {
        &self.homes
    }

    /// Where a shard lives, if the store has it.
    pub(crate) fn home(&self, shard: Shard) -> Option<&Home> {
        self.homes.get(usize::from(shard.number()))
    }
}

impl Home {
    fn new(prefix: &str, shard: Shard, host: &str) -> Self {
        let base = format!("{prefix}:{{s{shard}}}");
        Self {
            shard,
            state: state(prefix, shard),
            log_numbers: format!("{base}:logs"),
            channel: format!("{base}:changes"),
            host: format!("{base}:host:{host}"),
            replays: format!("{base}:replays"),
            base,
        }
    }

    pub(crate) fn record(&self, key: &str) -> String {
        format!("{}:r:{key}", self.base)
    }

    pub(crate) fn index(&self, name: &str) -> String {
        format!("{}:i:{name}", self.base)
    }

    pub(crate) fn log(&self, name: &str) -> String {
        format!("{}:l:{name}", self.base)
    }

    pub(crate) fn counters(&self, group: &str) -> String {
        format!("{}:c:{group}", self.base)
    }
}

/// The hash that says where a shard stands.
pub(crate) fn state(prefix: &str, shard: Shard) -> String {
    format!("{prefix}:{{s{shard}}}:state")
}
