//! A store that counts the round trips of requests: what one cost the store, zero included, can be shown. What a host does by
//! itself is not counted. It also remembers which logs were appended to, so that nobody has to look for them, and takes no more
//! than so many entries that wait to be sealed.

use std::cell::Cell;
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
    unconfirmed: AtomicU64,
    appended: Mutex<BTreeSet<(Shard, String)>>,
    unsealed: Mutex<BTreeMap<(Shard, String), u64>>,
    most_unsealed: AtomicU64,
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
        Self {
            inner,
            reads: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            unconfirmed: AtomicU64::new(0),
            appended: Mutex::default(),
            unsealed: Mutex::default(),
            most_unsealed: AtomicU64::new(u64::MAX),
        }
    }

    /// Round trips so far.
    pub fn stats(&self) -> StoreStats {
        StoreStats { reads: self.reads.load(Ordering::Relaxed), commits: self.commits.load(Ordering::Relaxed) }
    }

    /// Commits so far that were applied and not confirmed.
    pub fn unconfirmed(&self) -> u64 {
        self.unconfirmed.load(Ordering::Relaxed)
    }

    /// Commits, and remembers the logs that it appends to.
    async fn commit_within(&self, commit: Commit) -> Result<Committed, CommitError> {
        let (shard, logs) = (commit.shard, commit.appends.iter().map(|(log, _)| log));
        let logs: Vec<_> = logs.map(|log| (shard, log.clone())).collect();
        let committed = self.inner.commit(commit).await?;
        if !committed.confirmed {
            self.unconfirmed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%shard, sequence = committed.sequence, "a change is applied, and a fail-over may lose it");
            // Nobody may want to know.
            let _ = UNCONFIRMED.try_with(|it| it.set(true));
        }
        if !logs.is_empty() {
            for log in &logs {
                *self.unsealed().entry(log.clone()).or_default() += 1;
            }
            self.appended().extend(logs);
        }
        Ok(committed)
    }

    /// From now on, a log that this process appended so many entries to since it was last sealed takes no more; a tenth more of those
    /// that narrow.
    pub fn bound_unsealed(&self, most: u64) {
        self.most_unsealed.store(most, Ordering::Relaxed);
    }

    /// What was appended to this log is sealed.
    pub fn sealed(&self, shard: Shard, log: &str) {
        self.unsealed().remove(&(shard, log.to_owned()));
    }

    fn check_room(&self, commit: &Commit) -> Result<(), StoreError> {
        if commit.appends.is_empty() {
            return Ok(());
        }
        let most = self.most_unsealed.load(Ordering::Relaxed);
        let most = if commit.narrows { most.saturating_add(most / 10) } else { most };
        let unsealed = self.unsealed();
        let waiting = |log: &String| unsealed.get(&(commit.shard, log.clone())).copied().unwrap_or_default();
        match commit.appends.iter().find(|(log, _)| waiting(log) >= most) {
            Some((log, _)) => Err(StoreError::LogFull(log.clone())),
            None => Ok(()),
        }
    }

    fn unsealed(&self) -> MutexGuard<'_, BTreeMap<(Shard, String), u64>> {
        self.unsealed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The logs that this process appended to since it was last asked.
    pub fn take_appended(&self) -> BTreeSet<(Shard, String)> {
        std::mem::take(&mut *self.appended())
    }

    fn appended(&self) -> MutexGuard<'_, BTreeSet<(Shard, String)>> {
        self.appended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_commit(&self) {
        if !is_in_background() {
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The store, with one more read on its count.
    fn reading(&self) -> &dyn Store {
        if !is_in_background() {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.as_ref()
    }
}

tokio::task_local! {
    static IN_BACKGROUND: ();
    static UNCONFIRMED: Cell<bool>;
}

/// Does `work`, and says besides whether all that it committed is confirmed. What it spawns is not looked at.
pub async fn confirming<T>(work: impl Future<Output = T>) -> (T, bool) {
    let looking = async {
        let done = work.await;
        (done, !UNCONFIRMED.with(Cell::get))
    };
    UNCONFIRMED.scope(Cell::new(false), looking).await
}

/// Does `work`, which no request waits for: what it asks of a store is not counted, and finds room in every log. What it spawns is
/// counted again.
pub async fn in_background<T>(work: impl Future<Output = T>) -> T {
    IN_BACKGROUND.scope((), work).await
}

fn is_in_background() -> bool {
    IN_BACKGROUND.try_with(|()| ()).is_ok()
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
        if !is_in_background() {
            self.check_room(&commit)?;
        }
        self.count_commit();
        self.commit_within(commit).await
    }

    async fn sweep(&self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.count_commit();
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
    async fn what_is_done_in_the_background_is_not_counted() {
        let store = Metered::new(Arc::new(Memory::default()));
        let shard = Shard::PLATFORM;
        in_background(async {
            store.read(shard, &["a".to_owned()]).await.unwrap();
            store.commit(Commit::new(shard)).await.unwrap();
            store.sweep(Timestamp::from_millis(0), 1).await.unwrap();
        })
        .await;
        assert_eq!(store.stats(), StoreStats::default());
        store.commit(Commit::new(shard)).await.unwrap();
        assert_eq!(store.stats(), StoreStats { reads: 0, commits: 1 });
    }

    /// A store whose replicas are slow.
    #[derive(Debug, Default)]
    struct Slow(Memory);

    #[async_trait::async_trait]
    impl Store for Slow {
        fn shards(&self) -> u8 {
            self.0.shards()
        }

        async fn read(&self, shard: Shard, keys: &[String]) -> Result<Vec<Option<Record>>, StoreError> {
            self.0.read(shard, keys).await
        }

        async fn range(&self, shard: Shard, range: Range) -> Result<Vec<IndexEntry>, StoreError> {
            self.0.range(shard, range).await
        }

        async fn log(
            &self,
            shard: Shard,
            log: &str,
            before: Option<u64>,
            limit: usize,
        ) -> Result<Vec<LogEntry>, StoreError> {
            self.0.log(shard, log, before, limit).await
        }

        async fn counters(&self, shard: Shard, group: &str) -> Result<BTreeMap<String, i64>, StoreError> {
            self.0.counters(shard, group).await
        }

        async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
            let confirmed = !commit.narrows;
            Ok(Committed { confirmed, ..self.0.commit(commit).await? })
        }

        async fn sweep(&self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
            self.0.sweep(now, most).await
        }

        fn watch(&self, watcher: Watcher) {
            self.0.watch(watcher);
        }
    }

    #[tokio::test]
    async fn what_is_not_confirmed_is_told_to_those_who_look() {
        let store = Metered::new(Arc::new(Slow::default()));
        let commit = |narrows| Commit { narrows, ..Commit::new(Shard::PLATFORM) };
        for (narrows, expected) in [(false, true), (true, false), (false, true)] {
            let (done, is_confirmed) = confirming(store.commit(commit(narrows))).await;
            assert_eq!((done.unwrap().confirmed, is_confirmed), (expected, expected));
        }
        assert!(!store.commit(commit(true)).await.unwrap().confirmed);
        assert_eq!(store.unconfirmed(), 2);
        let (_, is_confirmed) = confirming(async {
            let _ = store.commit(commit(true)).await;
            store.commit(commit(false)).await
        })
        .await;
        assert!(!is_confirmed);
    }

    #[tokio::test]
    async fn what_was_appended_to_is_told_once() {
        let store = Metered::new(Arc::new(Memory::default()));
        let append =
            |log: &str| Commit { appends: vec![(log.to_owned(), "entry".into())], ..Commit::new(Shard::PLATFORM) };
        store.commit(append("a")).await.unwrap();
        in_background(store.commit(append("b"))).await.unwrap();
        store.commit(append("a")).await.unwrap();
        store.commit(Commit { log_ends: vec![("c".to_owned(), 1)], ..append("c") }).await.unwrap_err();
        let told: Vec<_> = store.take_appended().into_iter().map(|(_, log)| log).collect();
        assert_eq!(told, ["a", "b"]);
        assert!(store.take_appended().is_empty());
    }

    #[tokio::test]
    async fn a_log_that_is_not_sealed_takes_so_many_and_a_tenth_more_that_narrow() {
        let store = Metered::new(Arc::new(Memory::default()));
        let append = |log: &str, narrows| Commit {
            appends: vec![(log.to_owned(), "entry".into())],
            narrows,
            ..Commit::new(Shard::PLATFORM)
        };
        store.bound_unsealed(20);
        for _ in 0..20 {
            store.commit(append("a", false)).await.unwrap();
        }
        for _ in 0..2 {
            let refused = store.commit(append("a", false)).await.unwrap_err();
            assert!(matches!(refused, CommitError::Store(StoreError::LogFull(_))), "{refused}");
            store.commit(append("a", true)).await.unwrap();
        }
        store.commit(append("a", true)).await.unwrap_err();
        store.commit(append("b", false)).await.unwrap();
        store.commit(Commit::new(Shard::PLATFORM)).await.unwrap();
        store.sealed(Shard::PLATFORM, "a");
        store.commit(append("a", false)).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_contract() {
        let make = async || Arc::new(Metered::new(Arc::new(Memory::default()))) as Arc<dyn Store>;
        crate::contract::run(make).await.unwrap();
        crate::contract::run_sweeping(make).await.unwrap();
    }
}
