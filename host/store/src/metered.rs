//! A store that counts its round trips: what a request cost the store, zero included, can be shown. It also remembers which logs
//! were appended to, so that nobody has to look for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use access_model::{Shard, Timestamp};

use crate::{
    Commit, CommitError, Committed, Freshness, IndexEntry, LogEntry, Range, Record, Store, StoreError, Watcher,
};

/// Counts the round trips to the store within.
#[derive(Debug)]
pub struct Metered {
    inner: Arc<dyn Store>,
    reads: AtomicU64,
    commits: AtomicU64,
    appended: Mutex<BTreeSet<(Shard, String)>>,
}

/// Round trips so far, whatever came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Calls of `read`, `range`, `log` and `counters`.
    pub reads: u64,
    /// Calls of `commit` and `sweep`.
    pub commits: u64,
}

impl Metered {
    /// Counts the round trips to `inner` from now on.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, reads: AtomicU64::new(0), commits: AtomicU64::new(0), appended: Mutex::default() }
    }

    /// Round trips so far.
    pub fn stats(&self) -> StoreStats {
        StoreStats { reads: self.reads.load(Ordering::Relaxed), commits: self.commits.load(Ordering::Relaxed) }
    }

    /// The store within, for what runs by itself in the background: the numbers say what requests cost.
    pub fn unmetered(&self) -> &dyn Store {
        self.inner.as_ref()
    }

    /// Commits without counting, for the same.
    ///
    /// # Errors
    /// Those of [`Store::commit`].
    pub async fn commit_unmetered(&self, commit: Commit) -> Result<Committed, CommitError> {
        let (shard, logs) = (commit.shard, commit.appends.iter().map(|(log, _)| log));
        let logs: Vec<_> = logs.map(|log| (shard, log.clone())).collect();
        let committed = self.inner.commit(commit).await?;
        if !logs.is_empty() {
            self.appended().extend(logs);
        }
        Ok(committed)
    }

    /// The logs that this process appended to since it was last asked.
    pub fn take_appended(&self) -> BTreeSet<(Shard, String)> {
        std::mem::take(&mut *self.appended())
    }

    fn appended(&self) -> MutexGuard<'_, BTreeSet<(Shard, String)>> {
        self.appended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store, with one more read on its count.
    fn reading(&self) -> &dyn Store {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.as_ref()
    }
}

#[async_trait::async_trait]
impl Store for Metered {
    fn shards(&self) -> u8 {
        self.inner.shards()
    }

    async fn read(&self, shard: Shard, keys: &[String]) -> Result<Vec<Option<Record>>, StoreError> {
        self.reading().read(shard, keys).await
    }

    async fn range(&self, shard: Shard, range: Range) -> Result<Vec<IndexEntry>, StoreError> {
        self.reading().range(shard, range).await
    }

    async fn log(
        &self,
        shard: Shard,
        log: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.reading().log(shard, log, before, limit).await
    }

    async fn counters(&self, shard: Shard, group: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        self.reading().counters(shard, group).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_unmetered(commit).await
    }

    async fn sweep(&self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.inner.sweep(now, most).await
    }

    fn watch(&self, watcher: Watcher) {
        self.inner.watch(watcher);
    }

    fn freshness(&self) -> Option<Arc<Freshness>> {
        self.inner.freshness()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;

    #[tokio::test]
    async fn each_round_trip_counts_once() {
        let store = Metered::new(Arc::new(Memory::default()));
        let shard = Shard::PLATFORM;
        assert_eq!(store.stats(), StoreStats::default());
        store.read(shard, &["a".to_owned(), "b".to_owned()]).await.unwrap();
        store.log(shard, "log", None, 1).await.unwrap();
        store.counters(shard, "c").await.unwrap();
        store.commit(Commit::new(shard)).await.unwrap();
        assert_eq!(store.stats(), StoreStats { reads: 3, commits: 1 });
        store.sweep(Timestamp::from_millis(0), 1).await.unwrap();
        assert_eq!(store.stats(), StoreStats { reads: 3, commits: 2 });
    }

    #[tokio::test]
    async fn what_was_appended_to_is_told_once() {
        let store = Metered::new(Arc::new(Memory::default()));
        let append = |log: &str| Commit {
            appends: vec![(log.to_owned(), "entry".into())],
            ..Commit::new(Shard::PLATFORM)
        };
        store.commit(append("a")).await.unwrap();
        store.commit_unmetered(append("b")).await.unwrap();
        store.commit(append("a")).await.unwrap();
        store.commit(Commit { log_ends: vec![("c".to_owned(), 1)], ..append("c") }).await.unwrap_err();
        let told: Vec<_> = store.take_appended().into_iter().map(|(_, log)| log).collect();
        assert_eq!(told, ["a", "b"]);
        assert!(store.take_appended().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_contract() {
        let make = async || Arc::new(Metered::new(Arc::new(Memory::default()))) as Arc<dyn Store>;
        crate::contract::run(make).await.unwrap();
        crate::contract::run_sweeping(make).await.unwrap();
    }
}
