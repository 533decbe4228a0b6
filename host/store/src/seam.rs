//! The one interface that the domain logic stands on, and its nouns.
//!
//! - A **record** is bytes under a key, with a version: the number of the commit that put it, so that no version comes twice,
//!   not even after the record was deleted. It is kept for ever, or until it is swept some time after nobody needs it any more.
//! - An **index** is a set of members sorted by (score, member); lists and due work live in it.
//! - A **log** is append-only; the commit that appends takes the next sequence number, from 1, without a gap. It may lose its
//!   beginning, when nobody needs that any more.
//! - A **counter** is a signed sum, zero until it is first added to. Counters that are read together form a group, and are
//!   forgotten together.
//!
//! All of them live in one shard, and one commit touches one shard, so that a Redis Cluster slot can hold it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use access_model::{Shard, Timestamp};
use bytes::Bytes;

use crate::freshness::Freshness;

/// Where the books are kept.
#[async_trait::async_trait]
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// How many shards the store has; set when it was created.
    fn shards(&self) -> u8;

    /// Reads records, in the order asked for, in one round trip and from one snapshot.
    async fn read(&self, shard: Shard, keys: &[String]) -> Result<Vec<Option<Record>>, StoreError>;

    /// Reads a page of an index.
    async fn range(&self, shard: Shard, range: Range) -> Result<Vec<IndexEntry>, StoreError>;

    /// Reads a page of a log, newest first: entries with a sequence number below `before` (all, when absent).
    async fn log(
        &self,
        shard: Shard,
        log: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError>;

    /// Reads a group of counters, by name. Empty when none of it was ever added to, or the group is forgotten.
    async fn counters(&self, shard: Shard, group: &str) -> Result<BTreeMap<String, i64>, StoreError>;

    /// Applies everything in `commit`, or nothing.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when a check does not hold: nothing was written.
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError>;

    /// Deletes at most `most` records and counters, in any shards, whose [`Put::forget_after`] or [`Count::forget_after`] is
    /// before `now`, and says how many it deleted: when it says `most`, there may be more.
    ///
    /// This is garbage collection and nothing else. A reader may find a record long past its time, because nobody has swept
    /// yet, so whoever reads one compares the times in it with its own `now`. A record may be gone as soon as its time is
    /// over, so a backend that forgets by itself (with TTLs of its own) may do nothing here and answer 0.
    ///
    /// A put that prolongs a record, or keeps it for ever, is never lost to a sweep at the same time. Nobody needs what is swept, so that no [`Change`] is announced and no sequence
    /// number taken; what a cache still holds is past its own time too.
    async fn sweep(&self, now: Timestamp, most: usize) -> Result<usize, StoreError>;

    /// Calls `watcher` for every announced commit to any shard, by whatever host, at least once. On the host that commits, a
    /// call is over before [`Store::commit`] answers.
    fn watch(&self, watcher: Watcher);

    /// How long what was read can be believed. None: for ever, since every commit is made in this process, so that watchers
    /// have heard of it.
    fn freshness(&self) -> Option<Arc<Freshness>> {
        None
    }
}

/// Told of each announced commit.
pub type Watcher = Arc<dyn Fn(&Change) + Send + Sync>;

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The shard's sequence number of the commit that put it.
    pub version: u64,
    /// What was put.
    pub value: Bytes,
}

/// A page of an index.
#[derive(Debug, Clone)]
pub struct Range {
    /// Name of the index.
    pub index: String,
    /// Entries strictly after this position in the direction of reading; from the beginning when absent.
    pub after: Option<IndexEntry>,
    /// No score above this; all when absent. Due work asks with `now`.
    pub up_to: Option<i64>,
    /// Highest first instead of lowest first.
    pub descending: bool,
    /// At most so many entries.
    pub limit: usize,
}

/// A member of an index. Sorted by score, then by member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexEntry {
    /// For example a time in milliseconds. Within ±2⁵³, which every backend holds exactly.
    pub score: i64,
    /// Unique within the index: putting it again moves it.
    pub member: String,
}

/// An entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// From 1, without a gap.
    pub sequence: u64,
    /// What was appended.
    pub value: Bytes,
}

/// What lands together or not at all.
///
/// All checks look at what was there before; then the changes happen in the order of these fields, so that a record put and
/// deleted by the same commit is gone. Reading a shard that the store doesn't have finds nothing; committing to it is an error.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The one shard that it touches.
    pub shard: Shard,
    /// Must hold, all of them, or nothing is written.
    pub checks: Vec<Check>,
    /// Logs that must end so, likewise: (log, number of its newest entry; 0 where it has none).
    pub log_ends: Vec<(String, u64)>,
    /// Records to put.
    pub puts: Vec<Put>,
    /// Records to delete.
    pub deletes: Vec<String>,
    /// Members to put into an index, or to move there.
    pub index_puts: Vec<(String, IndexEntry)>,
    /// Members to put into an index unless they are in it: those stay where they are.
    pub index_marks: Vec<(String, IndexEntry)>,
    /// Members to take out: (index, member).
    pub index_deletes: Vec<(String, String)>,
    /// Values to append: (log, value).
    pub appends: Vec<(String, Bytes)>,
    /// Logs that lose their beginning: (log, number of the last entry that goes). The newest entry never goes, and no number comes
    /// twice.
    pub log_trims: Vec<(String, u64)>,
    /// Sums to add.
    pub counters: Vec<Count>,
    /// Whether watchers are told. Not of what nobody caches and everybody writes all the time: meters, usage.
    pub announce: bool,
    /// What an acknowledgement means.
    pub survives: Survives,
    /// Whether all that it does is take something from somebody, so that it is refused last, and waited for until a fail-over
    /// can't lose it.
    pub narrows: bool,
}

impl Commit {
    /// An empty commit to `shard`, announced, whose acknowledgement survives power loss.
    pub const fn new(shard: Shard) -> Self {
        Self {
            shard,
            checks: Vec::new(),
            log_ends: Vec::new(),
            puts: Vec::new(),
            deletes: Vec::new(),
            index_puts: Vec::new(),
            index_marks: Vec::new(),
            index_deletes: Vec::new(),
            appends: Vec::new(),
            log_trims: Vec::new(),
            counters: Vec::new(),
            announce: true,
            survives: Survives::Power,
            narrows: false,
        }
    }
}

/// A record to put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Its key.
    pub key: String,
    /// What is put.
    pub value: Bytes,
    /// Nobody needs the record after this, by the clock that [`Store::sweep`] is called with; absent: keep it for ever.
    /// It replaces what an earlier put of the same key said.
    pub forget_after: Option<Timestamp>,
}

impl Put {
    /// A record that is kept for ever.
    pub const fn new(key: String, value: Bytes) -> Self {
        Self { key, value, forget_after: None }
    }
}

/// A sum to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The group that the counter belongs to.
    pub group: String,
    /// The counter.
    pub name: String,
    /// What is added. Sums saturate.
    pub amount: i64,
    /// Nobody needs the group after this, as with [`Put::forget_after`]. The group's latest count says it for all of it.
    pub forget_after: Option<Timestamp>,
}

/// A condition on a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The record's key.
    pub key: String,
    /// Its version; absent means that the record must not exist.
    pub version: Option<u64>,
}

/// What an acknowledgement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Survives {
    /// The death of the process (`kill -9`), not that of the machine.
    Process,
    /// Power loss.
    Power,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The shard's sequence number of this commit.
    pub sequence: u64,
    /// The sequence numbers that the appended values got, in order.
    pub appended: Vec<u64>,
    /// It survives what such a commit is to survive. False of one that narrows, where as many replicas as were wanted did not say
    /// in time that they have it: it is applied, and a fail-over may lose it.
    pub confirmed: bool,
}

/// What caches must forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A commit put or deleted these records.
    Touched {
        /// The shard.
        shard: Shard,
        /// Keys of the records.
        keys: Vec<String>,
    },
    /// Commits may have gone unheard: any record of the shard may have been touched.
    Missed {
        /// The shard.
        shard: Shard,
    },
}

impl Change {
    /// What `commit` touches.
    pub fn of(commit: &Commit) -> Self {
        let put = commit.puts.iter().map(|put| &put.key);
        Self::Touched { shard: commit.shard, keys: put.chain(&commit.deletes).cloned().collect() }
    }
}

/// The store could not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It is closed, full, or out of reach.
    #[error("the store is out of reach: {0}")]
    Unavailable(String),
    /// It was told of a change, and did not say what came of it.
    #[error("the store gave no answer, so that the change may or may not have been made: {0}")]
    Unconfirmed(String),
    /// So many entries of a log wait for what must become of them that no more are taken. Nothing was changed.
    #[error("log `{0}` has as many entries that are not sealed as it may")]
    LogFull(String),
    /// It answered with something that can't be.
    #[error("the store holds something that can't be: {0}")]
    Corrupt(String),
}

/// A commit was not applied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A check did not hold.
    #[error("`{key}` is not at the expected version")]
    Conflict {
        /// The record, or the log, that had moved on.
        key: String,
    },
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
