//! Shards on several servers: one that dies, slots that move, and what is confirmed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use access_model::Shard;
use access_store::{Commit, CommitError, Put, Store, StoreError};
use access_store_redis::{Options, Redis};
use harness::process::PATIENCE;
use harness::{Cluster, is_left_to_tests_run};
use tokio::task::JoinSet;

use crate::support::{open, options_at, try_open, until};

/// As impatient as a host.
fn options(cluster: &Cluster) -> Options {
    Options { time_out: Duration::from_millis(500), shards_when_new: Some(16), ..options_at(cluster.url()) }
}

fn shards() -> impl Iterator<Item = Shard> {
    (0..16).filter_map(Shard::new)
}

fn key_of(options: &Options, shard: Shard) -> String {
    format!("{}:{{s{shard}}}:state", options.prefix)
}

/// Puts records in all shards until it is told to stop; those that were acknowledged.
fn load(store: &Arc<Redis>, stop: &Arc<AtomicBool>, may_fail: bool) -> JoinSet<Vec<(Shard, String)>> {
    let mut tasks = JoinSet::new();
    for shard in shards() {
        let (store, stop) = (Arc::clone(store), Arc::clone(stop));
        tasks.spawn(async move {
            let mut acknowledged = Vec::new();
            for turn in 0.. {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let key = format!("key/{turn}");
                let puts = vec![Put::new(key.clone(), "value".into())];
                let appends = vec![("log".to_owned(), key.clone().into())];
                let commit = Commit { puts, appends, narrows: turn % 4 == 0, ..Commit::new(shard) };
                match tokio::time::timeout(PATIENCE, store.commit(commit)).await.unwrap() {
                    Ok(done) if done.confirmed => acknowledged.push((shard, key)),
                    Ok(_) => assert!(may_fail, "{shard}: {key} is not confirmed"),
                    Err(CommitError::Store(StoreError::Unavailable(_) | StoreError::Unconfirmed(_))) if may_fail => {
                        tokio::task::yield_now().await;
                    }
                    Err(other) => panic!("{shard}: {other}"),
                }
            }
            acknowledged
        });
    }
    tasks
}

async fn all_are_there(store: &Redis, acknowledged: &[(Shard, String)]) {
    for shard in shards() {
        let keys: Vec<_> = acknowledged.iter().filter(|(of, _)| *of == shard).map(|(_, key)| key.clone()).collect();
        let found = store.read(shard, &keys).await.unwrap();
        let missing = keys.iter().zip(&found).filter(|(_, found)| found.is_none()).count();
        assert_eq!(missing, 0, "{shard}: of {}", keys.len());
    }
}

fn unfresh(store: &Redis, before: &[Duration]) -> usize {
    let fresh = store.freshness().unwrap();
    shards().zip(before).filter(|(shard, before)| fresh.until(*shard) <= **before).count()
}

fn until_when(store: &Redis) -> Vec<Duration> {
    let fresh = store.freshness().unwrap();
    shards().map(|shard| fresh.until(shard)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_dies_under_load() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::start();
    let options = options(&cluster);
    let (store, other) = (open(&options).await, open(&options).await);
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = load(&store, &stop, true);
    let dead = cluster.holder_of(&key_of(&options, Shard::PLATFORM));
    let of_dead =
        shards().filter(|shard| cluster.holder_of(&key_of(&options, *shard)).address() == dead.address()).count();
    assert!((1..16).contains(&of_dead));
    dead.kill_9();
    // Its own shards are not fresh any more, and no others.
    until("others go on proving", async || {
        let before = until_when(&store);
        tokio::time::timeout(PATIENCE, async {
            while unfresh(&store, &before) > of_dead {
                tokio::task::yield_now().await;
            }
        })
        .await
        .is_ok()
    })
    .await;
    for store in [&store, &other] {
        let before = until_when(store);
        until("all are fresh again", async || unfresh(store, &before) == 0).await;
    }
    let put = Commit { puts: vec![Put::new("after".to_owned(), "1".into())], ..Commit::new(Shard::PLATFORM) };
    until("it is written to again", async || store.commit(put.clone()).await.is_ok()).await;
    stop.store(true, Ordering::SeqCst);
    let acknowledged: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let narrowed: Vec<_> =
        acknowledged.into_iter().filter(|(_, key)| key["key/".len()..].parse::<u32>().unwrap() % 4 == 0).collect();
    assert!(narrowed.len() > 16, "{}", narrowed.len());
    all_are_there(&other, &narrowed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_move_while_it_serves() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::of(3, 1);
    let options = Options { time_out: Duration::from_secs(5), ..options(&cluster) };
    let (store, other) = (open(&options).await, open(&options).await);
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = load(&store, &stop, false);
    for shard in [0, 3, 0].into_iter().filter_map(Shard::new) {
        let key = key_of(&options, shard);
        cluster.move_slot(&key, cluster.another_primary(&key));
        for store in [&store, &other] {
            let before = until_when(store);
            until("all are fresh again", async || unfresh(store, &before) == 0).await;
        }
    }
    stop.store(true, Ordering::SeqCst);
    let acknowledged: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    all_are_there(&other, &acknowledged).await;
    let before = until_when(&other);
    until("all are fresh", async || unfresh(&other, &before) == 0).await;
    let announced = store.freshness().unwrap().applied();
    until("the other has heard as much", async || other.freshness().unwrap().applied() == announced).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_replica_has_is_applied_and_not_confirmed() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::of(3, 1);
    let options = Options { wait_replicas: Some(2), time_out: Duration::from_secs(2), ..options(&cluster) };
    let store = open(&options).await;
    let put = |narrows| Commit {
        puts: vec![Put::new("key".to_owned(), "1".into())],
        narrows,
        ..Commit::new(Shard::PLATFORM)
    };
    // There is one.
    assert!(store.commit(put(false)).await.unwrap().confirmed);
    let done = store.commit(put(true)).await.unwrap();
    assert!(!done.confirmed && done.sequence == 2, "{done:?}");
    let store = open(&Options { wait_replicas: None, ..options }).await;
    assert!(store.commit(put(true)).await.unwrap().confirmed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_may_lose_what_was_confirmed_is_refused() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::of(3, 1);
    let options = options(&cluster);
    open(&options).await;
    for (setting, value, back, told) in [
        ("min-replicas-to-write", "0", "1", "set `min-replicas-to-write 1`"),
        (
            "min-replicas-max-lag",
            "4",
            "3",
            "`cluster-node-timeout 4000` (milliseconds); set `min-replicas-max-lag` shorter",
        ),
    ] {
        let node = cluster.holder_of(&key_of(&options, Shard::PLATFORM));
        node.done(&["CONFIG", "SET", setting, value]);
        let error = try_open(&options).await.unwrap_err().to_string();
        assert!(error.contains("may lose revocations") && error.contains(told), "{error}");
        node.done(&["CONFIG", "SET", setting, back]);
    }
    // Where nothing may be asked, nothing is refused.
    for node in cluster.nodes() {
        node.done(&["ACL", "SETUSER", "access", "on", ">hunter2", "~*", "&*", "+@all", "-config"]);
    }
    let url = cluster.url().replacen("://", "://access:hunter2@", 1);
    let store = open(&Options { url: access_model::PlainSecret::new(url), ..options }).await;
    assert!(!format!("{store:?}").contains("hunter2"));
}
