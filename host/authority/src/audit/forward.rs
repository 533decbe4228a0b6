//! Reading a log forwards, as its chain goes.

use access_model::Shard;
use access_model::audit::SealedRecord;
use access_model::audit::chain::Link;
use access_store::{LogEntry, Store};

use crate::error::Error;

/// Records of one read.
const READ_AT_ONCE: u64 = 500;

/// How far a log was read.
#[derive(Debug, Clone)]
pub(super) struct Forward {
    pub(super) home: Shard,
    pub(super) log: String,
    /// The record read last, or the one that the first goes on from.
    pub(super) sequence: u64,
    /// Its link.
    pub(super) link: Link,
}

/// A record in its place.
#[derive(Debug)]
pub(super) struct Linked {
    pub(super) sequence: u64,
    pub(super) link: Link,
    pub(super) sealed: SealedRecord,
}

impl Forward {
    /// The records that follow, none beyond the one numbered `last`, and moves on. Nothing: `last` was read.
    pub(super) async fn next(&mut self, store: &dyn Store, last: u64) -> Result<Vec<Linked>, Error> {
        let count = last.saturating_sub(self.sequence).min(READ_AT_ONCE);
        if count == 0 {
            return Ok(Vec::new());
        }
        let limit = usize::try_from(count).unwrap_or(usize::MAX);
        let entries = store.log(self.home, &self.log, Some(self.sequence + count + 1), limit).await?;
        if entries.len() < limit {
            return Err(self.broken(self.sequence + 1, "is not there"));
        }
        entries.iter().rev().map(|entry| self.link(entry)).collect()
    }

    /// Puts a record into its place.
    pub(super) fn link(&mut self, entry: &LogEntry) -> Result<Linked, Error> {
        let sequence = self.sequence + 1;
        if entry.sequence != sequence {
            return Err(self.broken(sequence, "is not there"));
        }
        let sealed: Option<SealedRecord> = serde_json::from_slice(&entry.value).ok();
        let Some(sealed) = sealed.filter(SealedRecord::is_intact) else {
            return Err(self.broken(sequence, "is not what was hashed"));
        };
        (self.sequence, self.link) = (sequence, self.link.next(sequence, &sealed.sha256));
        Ok(Linked { sequence, link: self.link, sealed })
    }

    pub(super) fn broken(&self, sequence: u64, what: &str) -> Error {
        Error::internal(format!("record {sequence} of `{}` {what}", self.log))
    }
}
