//! A server of a test's own, stores on it, and what tests say to them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access_model::clock::SystemClock;
use access_model::entropy::SystemEntropy;
use access_model::{PlainSecret, Shard};
use access_store::{Change, Commit, CommitError, Committed, Put, Record, Store, StoreError};
use access_store_redis::{OpenError, Options, Redis};
use harness::process::PATIENCE;
use harness::{Reply, is_left_to_tests_run};
use tempfile::TempDir;

pub(crate) const SHARD: Shard = Shard::PLATFORM;

/// A redis-server, with the folder that goes with it.
pub(crate) struct Server {
    pub(crate) redis: harness::Redis,
    _folder: TempDir,
}

impl Server {
    /// One that keeps all that it acknowledges. None, and a line that says so, where redis-server is not installed.
    pub(crate) fn durable() -> Option<Self> {
        Self::with(&[])
    }

    /// One that forgets when it ends, and is quick.
    pub(crate) fn forgetful() -> Option<Self> {
        Self::with(&["--appendonly", "no"])
    }

    pub(crate) fn with(options: &[&str]) -> Option<Self> {
        if is_left_to_tests_run("redis-server") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        Some(Self { redis: harness::Redis::start_with(folder.path(), options), _folder: folder })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.redis.address())
    }

    /// Options for a store that no other test has.
    pub(crate) fn options(&self) -> Options {
        options_at(self.url())
    }

    /// Runs a command that must not be refused.
    #[track_caller]
    pub(crate) fn command(&self, words: &[&str]) -> Reply {
        match self.redis.command(words) {
            Reply::Error(error) => panic!("{words:?}: {error}"),
            reply => reply,
        }
    }

    /// What a command answers, as text.
    #[track_caller]
    pub(crate) fn text(&self, words: &[&str]) -> String {
        match self.command(words) {
            Reply::Text(text) => text,
            other => panic!("{words:?}: {other:?}"),
        }
    }
}

/// Options for a store that no other test has. Patient, since tests share a busy machine.
pub(crate) fn options_at(url: String) -> Options {
    static STORES: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("test{}", STORES.fetch_add(1, Ordering::Relaxed));
    Options { prefix, shards_when_new: Some(4), time_out: Duration::from_secs(20), ..at(url) }
}

/// Options for the store at a URL.
pub(crate) fn at(url: String) -> Options {
    Options::new(PlainSecret::new(url))
}

/// Opens a store, as a host of its own.
pub(crate) async fn open(options: &Options) -> Arc<Redis> {
    Arc::new(try_open(options).await.unwrap())
}

/// Opens a store, or not.
pub(crate) async fn try_open(options: &Options) -> Result<Redis, OpenError> {
    Redis::open(options.clone(), Arc::new(SystemClock::new()), Arc::new(SystemEntropy)).await
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited in vain until {what}");
}

/// Puts one record.
pub(crate) async fn put(store: &Redis, key: &str, value: &'static str) -> Result<Committed, CommitError> {
    let puts = vec![Put::new(key.to_owned(), value.into())];
    store.commit(Commit { puts, ..Commit::new(SHARD) }).await
}

/// Reads one record.
pub(crate) async fn read(store: &Redis, key: &str) -> Result<Option<Record>, StoreError> {
    Ok(store.read(SHARD, &[key.to_owned()]).await?.pop().flatten())
}

/// Whether all shards are fresh at this moment. Stores in these tests have clocks that began a moment ago, so that what is
/// proven is compared with what was proven before.
pub(crate) fn proven(store: &Redis) -> Duration {
    store.freshness().unwrap().until(SHARD)
}

/// Waits until the store has proven once more that it is fresh, from heartbeats that were sent from now on.
pub(crate) async fn proves_again(store: &Redis) {
    for _ in 0..2 {
        let before = proven(store);
        until("the shard is proven fresh again", async || proven(store) > before).await;
    }
}

/// What a watcher has heard.
#[derive(Clone, Default)]
pub(crate) struct Ears(Arc<Mutex<Vec<Change>>>);

impl Ears {
    pub(crate) fn on(store: &Redis) -> Self {
        let ears = Self::default();
        let heard = ears.clone();
        store.watch(Arc::new(move |change| heard.0.lock().unwrap().push(change.clone())));
        ears
    }

    /// In order. A change may be told of more than once.
    pub(crate) fn so_far(&self) -> Vec<Change> {
        let mut heard = self.0.lock().unwrap().clone();
        heard.dedup();
        heard
    }

    pub(crate) async fn hear(&self, change: Change) {
        until(&format!("{change:?} is heard"), async || self.so_far().contains(&change)).await;
    }
}

pub(crate) fn touched(keys: &[&str]) -> Change {
    Change::Touched { shard: SHARD, keys: keys.iter().map(|key| (*key).to_owned()).collect() }
}

pub(crate) const MISSED: Change = Change::Missed { shard: SHARD };
