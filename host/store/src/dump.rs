//! What a store holds, whole: records with the times that the seam does not show, and where each shard stands, so that a
//! store can go over to another backend and nobody notices.
//!
//! How it is got out and put in is each backend's own business, and all speak of it in these words. A dump is a row of pages.
//! What a shard holds comes in any order, but for two things: the entries of a log come in the order of their numbers, and
//! all sums of a counter's group have one time.

use access_model::{Shard, Timestamp};

use crate::{IndexEntry, LogEntry, Record};

/// Some of what a shard holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The shard.
    pub shard: Shard,
    /// What it holds.
    pub items: Vec<Item>,
}

/// One thing that a shard holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Where the shard stands; once for each shard.
    Stand {
        /// Number of its last commit.
        sequence: u64,
        /// Number of the last commit that was announced. Of a backend that announces within its process alone: of the last.
        announced: u64,
    },
    /// A record.
    Record {
        /// Its key.
        key: String,
        /// Version and value.
        record: Record,
        /// As [`Put::forget_after`](crate::Put::forget_after) said.
        forget_after: Option<Timestamp>,
    },
    /// A member of an index.
    Member {
        /// The index.
        index: String,
        /// Score and member.
        entry: IndexEntry,
    },
    /// An entry of a log. Those that are gone from its beginning are missing here too.
    Logged {
        /// The log.
        log: String,
        /// Number and value.
        entry: LogEntry,
    },
    /// A counter.
    Sum {
        /// Its group.
        group: String,
        /// Its name.
        name: String,
        /// The sum.
        sum: i64,
        /// As [`Count::forget_after`](crate::Count::forget_after) said.
        forget_after: Option<Timestamp>,
    },
}

impl Item {
    /// Bytes that it takes, about.
    pub fn weight(&self) -> usize {
        match self {
            Self::Stand { .. } => 0,
            Self::Record { key, record, .. } => key.len() + record.value.len(),
            Self::Member { index, entry } => index.len() + entry.member.len(),
            Self::Logged { log, entry } => log.len() + entry.value.len(),
            Self::Sum { group, name, .. } => group.len() + name.len(),
        }
    }
}
