//! A store on a server, and what tests say to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use access_model::PlainSecret;
use access_model::clock::SystemClock;
use access_model::entropy::SystemEntropy;
use access_store_redis::{OpenError, Options, Redis};
use harness::RedisServer;

/// Options for a store on `server` that no other test has. Patient, since tests share a busy machine.
pub(crate) fn options(server: &RedisServer) -> Options {
    static STORES: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("test{}", STORES.fetch_add(1, Ordering::Relaxed));
    Options { prefix, shards_when_new: Some(4), time_out: Duration::from_secs(20), ..at(server.url()) }
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
