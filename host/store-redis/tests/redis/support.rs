//! A server of a test's own, stores on it, and what tests say to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use access_model::PlainSecret;
use access_model::clock::SystemClock;
use access_model::entropy::SystemEntropy;
use access_store_redis::{OpenError, Options, Redis};
use harness::is_left_to_tests_run;
use tempfile::TempDir;

/// A redis-server, with the folder that goes with it.
pub(crate) struct Server {
    pub(crate) redis: harness::Redis,
    _folder: TempDir,
}

impl Server {
    /// One that forgets when it ends, and is quick. None, and a line that says so, where redis-server is not installed.
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

    /// Options for a store that no other test has. Patient, since tests share a busy machine.
    pub(crate) fn options(&self) -> Options {
        static STORES: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("test{}", STORES.fetch_add(1, Ordering::Relaxed));
        let url = PlainSecret::new(format!("redis://{}", self.redis.address()));
        Options { prefix, shards_when_new: Some(4), time_out: Duration::from_secs(20), ..Options::new(url) }
    }
}

/// Opens a store, as a host of its own.
pub(crate) async fn open(options: &Options) -> Arc<Redis> {
    Arc::new(try_open(options).await.unwrap())
}

/// Opens a store, or not.
pub(crate) async fn try_open(options: &Options) -> Result<Redis, OpenError> {
    Redis::open(options.clone(), Arc::new(SystemClock::new()), Arc::new(SystemEntropy)).await
}
