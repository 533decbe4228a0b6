//! The default backend: one SQLite file under the data directory.
//!
//! Parts in reading order: `file` (who may open it, how it comes into being), `writer` (the one thread that writes, and
//! how commits share a transaction), `apply` (one commit in SQL, one sweep), `read` (reading without waiting for the writer),
//! [`backup`](fn@backup) (a copy while it serves), `look` (reading what another process may be serving), `dump` and `load` (all
//! that it holds, out and into a new one), `error` (what goes wrong, and what to do then).
//!
//! *What an acknowledgement means.* The file is in write-ahead mode. A transaction is with the operating system when it
//! ends, which survives the process; it is synced to the disk when any commit in it asks to survive power loss.
//!
//! It must never overwrite a file that it doesn't understand, and never write from a second thread.

mod apply;
mod backup;
mod dump;
mod error;
mod file;
mod load;
mod look;
mod read;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use access_model::{Shard, Timestamp};
use tokio::sync::{mpsc, oneshot};

pub use self::backup::backup;
use self::error::closed;
pub use self::error::{BackupError, OpenError};
pub use self::file::{Lock, holder, sync_directory};
pub use self::load::Loading;
pub use self::look::Look;
use self::read::Readers;
use self::writer::{Job, Watchers, Writer};
use crate::{Commit, CommitError, Committed, IndexEntry, LogEntry, Range, Record, Store, StoreError, Watcher};

/// Commits and sweeps that may wait for the writer; more than that wait in their callers.
const QUEUE: usize = 1_024;

/// Name of the store's file within its directory. SQLite keeps `-wal` and `-shm` beside it while it is open.
pub const FILE: &str = "access.db";

/// How to open an [`Embedded`] store.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many shards a store that doesn't exist yet gets, from 1 to 100. One that exists keeps its own number.
    pub shards_when_new: u8,
    /// How many threads read, at least one.
    pub readers: usize,
    /// The file grows no larger than this: commits that need more are refused, reads go on. Unlimited when absent.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { shards_when_new: 16, readers: 4, max_bytes: None }
    }
}

/// The store in one file, open in this process alone.
///
/// A commit or a sweep whose future is dropped may still be applied. Dropping the store writes out what is queued, as [`Self::close`]
/// does, but can't say whether that went well.
pub struct Embedded {
    shards: u8,
    readers: Arc<Readers>,
    watchers: Watchers,
    writer: Mutex<WriterHandle>,
}

/// Both are absent once the store is closed.
#[derive(Default)]
struct WriterHandle {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
}

impl Embedded {
    /// Opens the store in `directory`, or creates it (and the directory) when there is none. Blocks the thread.
    ///
    /// # Errors
    /// When another process has it open, when the file is damaged, foreign or from a newer release, and when the directory
    /// can't be written to. An existing file is left as it is then.
    pub fn open(directory: &Path, options: Options) -> Result<Self, OpenError> {
        let opened = file::open(directory, options.shards_when_new)?;
        let path = opened.path.clone();
        let unusable = |detail: String| OpenError::Unusable { path: path.clone(), detail };
        if let Some(bytes) = options.max_bytes {
            limit(&opened.connection, bytes).map_err(|error| unusable(error.to_string()))?;
        }
        let shards = u8::try_from(opened.sequences.len()).map_err(|error| unusable(error.to_string()))?;
        let readers =
            Readers::start(options.readers, || file::connect(&path)).map_err(|error| unusable(error.to_string()))?;
        let watchers = Watchers::default();
        let (queue, jobs) = mpsc::channel(QUEUE);
        let writer = Writer::new(opened, Arc::clone(&watchers));
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(jobs))
            .map_err(|error| unusable(error.to_string()))?;
        let writer = Mutex::new(WriterHandle { queue: Some(queue), thread: Some(thread) });
        Ok(Self { shards, readers: Arc::new(readers), watchers, writer })
    }

    /// Refuses what comes from now on, finishes what is queued, syncs it, and gives the file free. Once more is harmless.
    ///
    /// # Errors
    /// When the last sync fails. What was acknowledged as surviving power loss does so all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        let WriterHandle { queue, thread } = std::mem::take(&mut *self.writer());
        let readers = Arc::clone(&self.readers);
        let end = move || {
            // The writer is the last to close its connection: of two at once, none would clear the log away.
            readers.close();
            drop(queue);
            thread.map_or(Ok(Ok(())), JoinHandle::join)
        };
        let ended = tokio::task::spawn_blocking(end).await;
        ended.map_err(|error| StoreError::Unavailable(error.to_string()))?.unwrap_or_else(|_| Err(stopped()))
    }

    fn writer(&self) -> MutexGuard<'_, WriterHandle> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.readers.close();
        let WriterHandle { queue, thread } = std::mem::take(&mut *self.writer());
        drop(queue);
        // A watcher that held the last reference drops it on the writer's own thread, which can't wait for itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the store was not closed cleanly"),
                Err(_) => tracing::error!("the store's writer had panicked"),
            }
        }
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("shards", &self.shards).field("readers", &self.readers).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl Store for Embedded {
    fn shards(&self) -> u8 {
        self.shards
    }

    async fn read(&self, shard: Shard, keys: &[String]) -> Result<Vec<Option<Record>>, StoreError> {
        let keys = keys.to_vec();
        self.readers.run(move |connection| read::records(connection, shard, &keys)).await
    }

    async fn range(&self, shard: Shard, range: Range) -> Result<Vec<IndexEntry>, StoreError> {
        self.readers.run(move |connection| read::range(connection, shard, &range)).await
    }

    async fn log(
        &self,
        shard: Shard,
        log: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let log = log.to_owned();
        self.readers.run(move |connection| read::log(connection, shard, &log, before, limit)).await
    }

    async fn counters(&self, shard: Shard, group: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        let group = group.to_owned();
        self.readers.run(move |connection| read::counters(connection, shard, &group)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let queue = self.writer().queue.clone().ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        queue.send(Job::Commit { commit: Box::new(commit), answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    async fn sweep(&self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        let queue = self.writer().queue.clone().ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        queue.send(Job::Sweep { now, most, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// The writer waits for `watcher`, so it must be quick. If it panics, the writer stops and every later commit is refused:
    /// a cache that missed a change must not go unnoticed.
    fn watch(&self, watcher: Watcher) {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(watcher);
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("its writer has stopped; restart the host".to_owned())
}

fn limit(connection: &rusqlite::Connection, bytes: u64) -> rusqlite::Result<()> {
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
    connection.pragma_update(None, "max_page_count", pages.clamp(1, i64::from(u32::MAX) - 1))
}

#[cfg(test)]
mod tests;
