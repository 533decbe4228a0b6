//! A store that counts its round trips: what a request cost the store, zero included, can be shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
        Self { inner, reads: AtomicU64::new(0), commits: AtomicU64::new(0) }
    }

    /// Round trips so far.
    pub fn stats(&self) -> StoreStats {
        StoreStats { reads: self.reads.load(Ordering::Relaxed), commits: self.commits.load(Ordering::Relaxed) }
    }

    /// The store within, for what runs by itself in the background: the numbers say what requests cost.
    pub fn unmetered(&self) -> &dyn Store {
        self.inner.as_ref()
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
        self.inner.commit(commit).await
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

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_contract() {
        let make = async || Arc::new(Metered::new(Arc::new(Memory::default()))) as Arc<dyn Store>;
        crate::contract::run(make).await.unwrap();
        crate::contract::run_sweeping(make).await.unwrap();
    }
}
