//! Whether a change is everywhere: every host says so, or is told as missing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use access_authority::Authority;
use access_authority::fleet::Applied;
use access_model::{Clock, Shard};
use access_store::Freshness;

use crate::bench::{Bench, CATALOG};

async fn two_hosts() -> (Bench, Arc<Freshness>, Arc<Authority>) {
    let (bench, freshness) = Bench::shared(CATALOG).await;
    let until = bench.clock.monotonic() + Duration::from_secs(3_600);
    (0..16).for_each(|shard| freshness.prove(Shard::new(shard).unwrap(), 1, until));
    let other = bench.second_host().await;
    other.tick().await;
    (bench, freshness, other)
}

fn answers(host: &Arc<Authority>) -> tokio::task::JoinHandle<()> {
    let host = Arc::clone(host);
    tokio::spawn(async move { host.answer_fleet().await })
}

#[tokio::test]
async fn where_one_host_is_alone_it_is_all() {
    let bench = Bench::new().await;
    let alone = Applied { hosts: 1, lag_milliseconds: 0, missing: Vec::new() };
    assert_eq!(bench.authority.applied_everywhere(Shard::PLATFORM, 9).await, alone);
    let (bench, freshness) = Bench::shared(CATALOG).await;
    freshness.heard(Shard::PLATFORM, 1);
    assert_eq!(bench.authority.applied_everywhere(Shard::PLATFORM, 9).await, alone);
}

#[tokio::test]
async fn a_change_is_everywhere_once_every_host_has_heard_of_it() {
    let (bench, freshness, other) = two_hosts().await;
    let answering = answers(&other);
    freshness.heard(Shard::PLATFORM, 7);
    let applied = bench.authority.applied_everywhere(Shard::PLATFORM, 7).await;
    assert_eq!((applied.hosts, applied.missing.len()), (2, 0), "{applied:?}");
    // One that comes to hear of it while it is asked.
    let asking = Arc::clone(&bench.authority);
    let asked = tokio::spawn(async move { asking.applied_everywhere(Shard::PLATFORM, 8).await });
    tokio::task::yield_now().await;
    freshness.heard(Shard::PLATFORM, 8);
    let applied = asked.await.unwrap();
    assert_eq!((applied.hosts, applied.missing.len()), (2, 0), "{applied:?}");
    answering.abort();
}

#[tokio::test]
async fn a_host_that_says_nothing_is_missing_and_nobody_waits_for_ever() {
    let (bench, _, other) = two_hosts().await;
    // It answers what it has heard of, and this it has not.
    let answering = answers(&other);
    let applied = bench.authority.applied_everywhere(Shard::PLATFORM, 9).await;
    assert_eq!((applied.hosts, applied.missing.len()), (1, 1), "{applied:?}");
    answering.abort();
    // Nor does a store that fails keep anybody.
    bench.failing.fails.store(true, Ordering::SeqCst);
    let applied = bench.authority.applied_everywhere(Shard::PLATFORM, 1).await;
    assert_eq!((applied.hosts, applied.missing.len()), (1, 1), "{applied:?}");
}
