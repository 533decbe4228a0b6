//! Due work: what happens by itself when its time has come.
//!
//! Each shard has an index of what is due when, kept by the same commits as the records that it is about, so that nobody
//! ever scans those. One host at a time does a shard's work, by lease; each piece is one commit that also takes it out of the
//! index, so that doing it twice is doing it once.
//!
//! To add a kind of work: a variant of [`Due`], its schedule where its record is put, and what is done.

mod key_expiry;
mod lease;

use std::sync::atomic::{AtomicU32, Ordering};

use access_model::{Id, Shard};
use access_store::{Commit, CommitError, IndexEntry, Range, Store as _};

use crate::authority::Authority;
use crate::error::Error;
use crate::records;

pub(crate) use key_expiry::schedule as schedule_key_expiry;

/// A shard's index is looked at every so many seconds.
const TURNS: u32 = 4;
/// Pieces of work of one shard that are done at a time.
const AT_ONCE: usize = 100;

/// A piece of work. Its text is its member in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// This key ends.
    KeyExpiry(Id),
    /// Audit records of this workspace or organization may have been kept long enough.
    AuditRetention(Id),
    /// This event waits in the outbox.
    Dispatch(Id),
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Turn(AtomicU32);

impl Due {
    fn parse(member: &str) -> Option<Self> {
        match member.split_once('/')? {
            ("key-expiry", id) => id.parse().ok().map(Self::KeyExpiry),
            ("audit-retention", id) => id.parse().ok().map(Self::AuditRetention),
            ("event", id) => id.parse().ok().map(Self::Dispatch),
            _ => None,
        }
    }

    pub(crate) fn member(&self) -> String {
        match self {
            Self::KeyExpiry(id) => format!("key-expiry/{id}"),
            Self::AuditRetention(id) => format!("audit-retention/{id}"),
            Self::Dispatch(id) => format!("event/{id}"),
        }
    }

    /// Takes it out of the index.
    pub(crate) fn take_out(&self, commit: &mut Commit) {
        commit.index_deletes.push((records::DUE.to_owned(), self.member()));
    }
}

impl Authority {
    /// Does what is due in the shards whose turn it is. To be called each second.
    pub(crate) async fn do_due_work(&self) {
        let turn = self.due_turn.0.fetch_add(1, Ordering::Relaxed) % TURNS;
        for shard in (0..self.store.shards()).filter(|number| u32::from(*number) % TURNS == turn) {
            let Some(shard) = Shard::new(shard) else { continue };
            if let Err(error) = self.do_due_work_of(shard).await {
                tracing::debug!(%error, %shard, "due work waits");
            }
        }
    }

    async fn do_due_work_of(&self, shard: Shard) -> Result<(), Error> {
        let index = records::DUE.to_owned();
        let up_to = Some(self.clock.now().as_millis());
        let range = Range { index, after: None, up_to, descending: false, limit: AT_ONCE };
        let due = self.store.unmetered().range(shard, range).await?;
        if due.is_empty() || !self.take_due_lease(shard).await? {
            return Ok(());
        }
        for entry in due {
            match self.do_one(&entry).await {
                // Somebody changed what it is about, and its time perhaps: it is looked at again.
                Ok(()) | Err(Error::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn do_one(&self, entry: &IndexEntry) -> Result<(), Error> {
        match Due::parse(&entry.member) {
            Some(Due::KeyExpiry(id)) => self.expire_key(&id).await,
            Some(Due::AuditRetention(id)) => self.forget_audit(&id).await,
            Some(Due::Dispatch(id)) => self.dispatch(&id).await,
            // A newer host's.
            None => Ok(()),
        }
    }

    pub(crate) async fn commit_due(&self, commit: Commit) -> Result<(), Error> {
        match self.store.unmetered().commit(commit).await {
            Ok(_) => Ok(()),
            Err(CommitError::Conflict { .. }) => Err(Error::Contended),
            Err(error) => Err(error.into()),
        }
    }
}
