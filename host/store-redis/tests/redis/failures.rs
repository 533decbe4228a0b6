//! Servers that end, stop, come back empty, or refuse.

use std::sync::Arc;
use std::time::Duration;

use access_store::{Commit, Put, Store, StoreError};
use access_store_redis::{Options, Redis};
use harness::process::PATIENCE;
use harness::{Proxy, Reply};
use tokio::task::JoinSet;

use crate::support::{Ears, MISSED, SHARD, Server, at, open, proven, proves_again, put, read, until};

/// As impatient as a host.
fn impatient(options: Options) -> Options {
    Options { time_out: Duration::from_millis(500), ..options }
}

/// What is said of a record that can't be read.
async fn trouble(store: &Redis) -> String {
    match read(store, "key").await {
        Err(StoreError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

async fn is_away(store: &Redis) -> bool {
    matches!(read(store, "key").await, Err(StoreError::Unavailable(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_the_server_died_under_load() {
    let Some(server) = Server::durable() else { return };
    let options = server.options();
    let (store, other) = (open(&options).await, open(&options).await);
    let heard = Ears::on(&other);
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut acknowledged = Vec::new();
            for turn in 0.. {
                let key = format!("{task}/{turn}");
                let puts = vec![Put::new(key.clone(), "value".into())];
                let appends = vec![("log".to_owned(), key.clone().into())];
                let commit = Commit { puts, appends, ..Commit::new(SHARD) };
                match tokio::time::timeout(PATIENCE, store.commit(commit)).await.unwrap() {
                    Ok(_) => acknowledged.push(key),
                    Err(access_store::CommitError::Store(StoreError::Unavailable(_) | StoreError::Unconfirmed(_))) => {
                        break;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            acknowledged
        });
    }
    until("there is something to lose", async || heard.so_far().len() > 500).await;
    server.redis.kill_9();
    let acknowledged: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    assert!(acknowledged.len() > 200);
    assert!(is_away(&store).await);
    server.redis.restart();

    until("the store is back", async || !is_away(&store).await).await;
    let records = store.read(SHARD, &acknowledged).await.unwrap();
    assert!(records.iter().all(Option::is_some), "{} of {}", records.iter().flatten().count(), records.len());
    let log = store.log(SHARD, "log", None, usize::MAX).await.unwrap();
    assert!(log.iter().map(|entry| entry.sequence).rev().eq(1..=log.len() as u64), "the log has gaps");
    // A new connection assumes nothing, on either host.
    heard.hear(MISSED).await;
    for store in [&store, &other] {
        proves_again(store).await;
        put(store, "after", "1").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_answering_is_given_up_and_comes_back() {
    let Some(server) = Server::forgetful() else { return };
    let store = open(&impatient(server.options())).await;
    put(&store, "key", "1").await.unwrap();
    server.redis.pause();
    let mut tasks = JoinSet::new();
    for _ in 0..200 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { tokio::time::timeout(PATIENCE, read(&store, "key")).await.unwrap() });
    }
    for answer in tasks.join_all().await {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    until("nobody waits any more", async || trouble(&store).await.starts_with("Redis is away: ")).await;
    let proven_at_most = proven(&store);
    assert!(is_away(&store).await);
    server.redis.resume();
    until("it is back", async || !is_away(&store).await).await;
    until("it is fresh again", async || proven(&store) > proven_at_most).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_may_have_been_made() {
    let Some(server) = Server::forgetful() else { return };
    let proxy = Proxy::before(server.redis.address());
    let behind = at(format!("redis://{}", proxy.address()));
    let store = open(&Options { shards_when_new: Some(1), ..behind }).await;
    proxy.black_hole();
    let error = put(&store, "key", "1").await.unwrap_err().to_string();
    assert!(error.contains("may or may not have been made"), "{error}");
    // From then on nothing is sent.
    let error = put(&store, "other", "1").await.unwrap_err().to_string();
    assert!(error.contains("Redis is away") && !error.contains("may or may not"), "{error}");
    proxy.open();
    until("it is back", async || read(&store, "key").await.is_ok()).await;
    assert_eq!(read(&store, "other").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_empty_is_no_store_without_keys() {
    let Some(server) = Server::durable() else { return };
    let options = impatient(server.options());
    let store = open(&options).await;
    put(&store, "key", "1").await.unwrap();
    proves_again(&store).await;
    server.redis.kill_9();
    server.redis.restart_empty();
    until("it is found empty", async || trouble(&store).await.contains("came back empty")).await;
    let proven_at_most = proven(&store);
    let error = put(&store, "key", "1").await.unwrap_err().to_string();
    assert!(error.contains("restore its data"), "{error}");
    assert_eq!(server.command(&["DBSIZE"]), Reply::Number(0), "nothing is written to it");
    for read in [
        store.counters(SHARD, "group").await.map(drop),
        store.log(SHARD, "log", None, 1).await.map(drop),
        store.range(SHARD, everything("index")).await.map(drop),
    ] {
        assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    }
    // Another store in its place is not this one either; and it is never fresh.
    let another = open(&options).await;
    put(&another, "key", "another").await.unwrap();
    assert!(trouble(&store).await.contains("holds another store"));
    assert_eq!(proven(&store), proven_at_most);
    proves_again(&another).await;
    assert_eq!(proven(&store), proven_at_most);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_emptied_and_restored_is_served_again() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let store = open(&options).await;
    put(&store, "key", "1").await.unwrap();
    let state = format!("{}:{{s00}}:state", options.prefix);
    server.command(&["RENAME", &state, "aside"]);
    assert!(trouble(&store).await.contains("came back empty"));
    server.command(&["RENAME", "aside", &state]);
    assert!(read(&store, "key").await.unwrap().is_some());
    proves_again(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_refuses_changes_nothing() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let store = open(&options).await;
    put(&store, "key", "1").await.unwrap();
    for (setting, value, back, why) in
        [("maxmemory", "1", "0", "OOM"), ("min-replicas-to-write", "1", "0", "NOREPLICAS")]
    {
        server.command(&["CONFIG", "SET", setting, value]);
        let before = server.text(&["HGET", &format!("{}:{{s00}}:state", options.prefix), "sequence"]);
        let error = put(&store, "key", "2").await.unwrap_err().to_string();
        assert!(error.contains(why), "{setting}: {error}");
        assert_eq!(read(&store, "key").await.unwrap().unwrap().value, "1");
        assert_eq!(server.text(&["HGET", &format!("{}:{{s00}}:state", options.prefix), "sequence"]), before);
        // A server that may not write proves nothing, once what it had answered before is read.
        beats_are_refused(&server).await;
        let proven_at_most = proven(&store);
        beats_are_refused(&server).await;
        assert_eq!(proven(&store), proven_at_most, "{setting}");
        server.command(&["CONFIG", "SET", setting, back]);
        proves_again(&store).await;
    }
}

/// Waits until two more rounds of heartbeats were sent in vain: only they are sent whole, one for each of four shards.
async fn beats_are_refused(server: &Server) {
    let refused = || {
        let stats = server.text(&["INFO", "commandstats"]);
        let line = stats.lines().find(|line| line.starts_with("cmdstat_eval:")).unwrap();
        let counts = line.split([',', ':']).filter_map(|part| part.split_once('='));
        let counts = counts.filter(|(name, _)| ["rejected_calls", "failed_calls"].contains(name));
        counts.map(|(_, count)| count.parse::<u64>().unwrap()).sum::<u64>()
    };
    let before = refused();
    until("heartbeats are refused", async || refused() >= before + 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_were_flushed_are_loaded_again() {
    let Some(server) = Server::forgetful() else { return };
    let store = open(&server.options()).await;
    for _ in 0..3 {
        server.command(&["SCRIPT", "FLUSH"]);
        put(&store, "key", "1").await.unwrap();
        assert!(read(&store, "key").await.unwrap().is_some());
        assert!(store.range(SHARD, everything("index")).await.unwrap().is_empty());
    }
    proves_again(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_refuses() {
    let Some(server) = Server::forgetful() else { return };
    let store = open(&server.options()).await;
    put(&store, "key", "1").await.unwrap();
    store.close().await;
    store.close().await;
    assert!(trouble(&store).await.contains("closed"));
    // Its connections end with it.
    until("it has gone", async || !server.text(&["CLIENT", "LIST"]).contains("ssub=4")).await;
}

fn everything(index: &str) -> access_store::Range {
    access_store::Range { index: index.to_owned(), after: None, up_to: None, descending: false, limit: 9 }
}
