//! Several hosts on one server.

use std::sync::Arc;
use std::time::Duration;

use access_model::Timestamp;
use access_model::clock::ManualClock;
use access_model::entropy::SystemEntropy;
use access_store::{Commit, Count, Put, Store};
use access_store_redis::{Options, Redis};
use harness::{Proxy, Reply};
use tokio::task::JoinSet;

use crate::support::{Ears, MISSED, SHARD, Server, at, open, proves_again, put, read, touched, try_open, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_host_commits_the_other_hears() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let (one, other) = (open(&options).await, open(&options).await);
    let (own, heard) = (Ears::on(&one), Ears::on(&other));
    let puts = ["a", "ä\n\"\0"].map(|key| Put::new(key.to_owned(), "1".into())).to_vec();
    one.commit(Commit { puts, deletes: vec!["gone".to_owned()], ..Commit::new(SHARD) }).await.unwrap();
    heard.hear(touched(&["a", "ä\n\"\0", "gone"])).await;
    assert_eq!(read(&other, "a").await.unwrap(), read(&one, "a").await.unwrap());

    one.commit(Commit { announce: false, ..Commit::new(SHARD) }).await.unwrap();
    put(&other, "b", "2").await.unwrap();
    own.hear(touched(&["b"])).await;
    // Heartbeats agree with what was heard, and nothing is missed.
    proves_again(&one).await;
    proves_again(&other).await;
    let all = [touched(&["a", "ä\n\"\0", "gone"]), touched(&["b"])];
    assert_eq!(own.so_far(), all);
    assert_eq!(heard.so_far(), all);
    assert_eq!(one.freshness().unwrap().applied(), [3, 0, 0, 0]);
    assert_eq!(other.freshness().unwrap().applied(), [3, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_begin_together_begin_one_store() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let mut tasks = JoinSet::new();
    for shards in 2..10 {
        let options = Options { shards_when_new: Some(shards), ..options.clone() };
        tasks.spawn(async move { try_open(&options).await.unwrap() });
    }
    let stores = tasks.join_all().await;
    put(&stores[0], "key", "value").await.unwrap();
    for store in &stores {
        assert_eq!(store.shards(), stores[0].shards());
        assert!(read(store, "key").await.unwrap().is_some());
    }
    let again = open(&Options { shards_when_new: None, ..options }).await;
    assert_eq!(again.shards(), stores[0].shards());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_subscription_is_made_again_and_told_of_as_missed() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let (one, other) = (open(&options).await, open(&options).await);
    let heard = Ears::on(&other);
    let subscribed = || {
        let clients = server.text(&["CLIENT", "LIST"]);
        let ids = clients.lines().filter(|line| line.contains(" ssub=4 ")).map(|line| line["id=".len()..].to_owned());
        ids.map(|line| line[..line.find(' ').unwrap()].to_owned()).collect::<Vec<_>>()
    };
    let ids = subscribed();
    assert_eq!(ids.len(), 2);
    for id in &ids {
        server.command(&["CLIENT", "KILL", "ID", id]);
    }
    put(&one, "while nobody listens", "1").await.unwrap();
    heard.hear(MISSED).await;
    until("they listen again", async || subscribed().len() == 2 && subscribed().iter().all(|id| !ids.contains(id)))
        .await;
    proves_again(&other).await;
    put(&one, "after", "2").await.unwrap();
    heard.hear(touched(&["after"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_announcements_are_missed_while_the_host_stays_fresh() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let proxy = Proxy::before(server.redis.address());
    let behind = at(format!("redis://{}", proxy.address()));
    let (one, other) = (open(&options).await, open(&Options { prefix: options.prefix.clone(), ..behind }).await);
    let heard = Ears::on(&other);
    put(&one, "a", "1").await.unwrap();
    heard.hear(touched(&["a"])).await;
    proxy.hold_announcements();
    put(&one, "b", "1").await.unwrap();
    heard.hear(MISSED).await;
    proves_again(&other).await;
    assert!(!heard.so_far().contains(&touched(&["b"])));
    assert!(proxy.dropped() > 0);
    proxy.open();
    // The old subscription still works; or it was given up meanwhile, and made again.
    let is_heard = async || {
        put(&one, "c", "1").await.unwrap();
        heard.so_far().contains(&touched(&["c"]))
    };
    until("announcements come again", is_heard).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_missed_and_what_is_not_ours_is_nothing() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let store = open(&options).await;
    let (state, channel) = (format!("{}:{{s00}}:state", options.prefix), format!("{}:{{s00}}:changes", options.prefix));
    let epoch = server.text(&["HGET", &state, "epoch"]);
    let heard = Ears::on(&store);
    let message = |epoch: &str, sequence: u64, previous: u64, key: &str| {
        format!(r#"{{"epoch":"{epoch}","sequence":{sequence},"previous":{previous},"keys":["{key}"]}}"#)
    };
    for nothing in ["", "{}", "\u{0}", &message("another", 1, 0, "theirs")] {
        server.command(&["SPUBLISH", &channel, nothing]);
    }
    server.command(&["SPUBLISH", &channel, &message(&epoch, 3, 2, "ours")]);
    heard.hear(MISSED).await;
    assert_eq!(heard.so_far(), [MISSED]);
    // What was announced there was never committed: by the number, the store has gone back.
    until("it is back at the store's number", async || store.freshness().unwrap().applied()[0] == 0).await;
    put(&store, "key", "1").await.unwrap();
    proves_again(&store).await;
    assert_eq!(store.freshness().unwrap().applied()[0], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_goes_back_is_noticed() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let store = open(&options).await;
    for key in ["a", "b", "c"] {
        put(&store, key, "1").await.unwrap();
    }
    proves_again(&store).await;
    let heard = Ears::on(&store);
    server.command(&["HSET", &format!("{}:{{s00}}:state", options.prefix), "announced", "1", "sequence", "1"]);
    heard.hear(MISSED).await;
    assert_eq!(store.freshness().unwrap().applied()[0], 1);
    assert_eq!(put(&store, "d", "1").await.unwrap().sequence, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_whose_watcher_panicked_is_never_fresh_again() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let (one, other) = (open(&options).await, open(&options).await);
    other.watch(Arc::new(|change| assert_ne!(*change, touched(&["bad"]), "this panic is part of the test")));
    put(&one, "good", "1").await.unwrap();
    proves_again(&other).await;
    put(&one, "bad", "1").await.unwrap();
    let fresh = other.freshness().unwrap();
    // Others go on, and while they do, this one is left behind.
    let left_behind = async || {
        let before = fresh.until(SHARD);
        proves_again(&one).await;
        fresh.until(SHARD) == before
    };
    until("it proves nothing any more", left_behind).await;
    assert!(left_behind().await && left_behind().await);
    assert!(read(&other, "bad").await.unwrap().is_some(), "the store itself answers");
}

/// Channels are shared by all databases of a server.
#[tokio::test(flavor = "multi_thread")]
async fn stores_in_other_databases_are_not_heard() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let elsewhere = Options { prefix: options.prefix.clone(), shards_when_new: Some(4), ..at(server.url() + "/1") };
    let (here, there) = (open(&options).await, open(&elsewhere).await);
    let heard = Ears::on(&here);
    put(&there, "theirs", "1").await.unwrap();
    put(&here, "ours", "1").await.unwrap();
    proves_again(&here).await;
    assert_eq!(heard.so_far(), [touched(&["ours"])]);
    assert_eq!(read(&here, "theirs").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_skew_is_measured_and_the_dev_offset_left_out() {
    let Some(server) = Server::forgetful() else { return };
    let seconds = match server.command(&["TIME"]) {
        Reply::List(parts) => parts[0].number().unwrap(),
        other => panic!("{other:?}"),
    };
    // An hour behind, by itself; a day ahead, by the dev clock.
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis((seconds - 3_600) * 1_000)));
    access_model::Clock::set_offset(clock.as_ref(), Duration::from_secs(86_400));
    let store = Redis::open(server.options(), clock, Arc::new(SystemEntropy)).await.unwrap();
    let skew = store.freshness().unwrap().skew_millis();
    assert!((3_600_000..3_700_000).contains(&skew), "{skew}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_has_an_end_or_an_owner() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let store = open(&options).await;
    let forget_after = Some(Timestamp::from_millis(4_102_444_800_000));
    let everything = |forget_after| Commit {
        puts: vec![Put { forget_after, ..Put::new("record".to_owned(), "1".into()) }],
        index_puts: vec![("index".to_owned(), access_store::IndexEntry { score: 1, member: "m".to_owned() })],
        appends: vec![("log".to_owned(), "1".into())],
        counters: vec![Count { group: "group".to_owned(), name: "n".to_owned(), amount: 1, forget_after }],
        ..Commit::new(SHARD)
    };
    store.commit(everything(forget_after)).await.unwrap();
    let mut found = Vec::new();
    let Reply::List(keys) = server.command(&["KEYS", &format!("{}:*", options.prefix)]) else { panic!("a list") };
    for key in keys {
        let Reply::Text(key) = key else { panic!("{key:?}") };
        let name = key[options.prefix.len()..].to_owned();
        let Some(name) = name.strip_prefix(":{s00}") else { continue };
        let ends = server.command(&["PTTL", &key]).number().unwrap();
        let name = if name.starts_with(":host:") { ":host:" } else { name };
        found.push((name.to_owned(), ends > 0));
    }
    found.sort();
    let expected = [
        (":c:group", true),
        (":host:", true),
        (":i:index", false),
        (":l:log", false),
        (":logs", false),
        (":r:record", true),
        (":state", false),
    ];
    assert_eq!(found, expected.map(|(name, ends)| (name.to_owned(), ends)));
    // A later put says what holds from then on.
    store.commit(everything(None)).await.unwrap();
    for name in ["c:group", "r:record"] {
        let key = format!("{}:{{s00}}:{name}", options.prefix);
        assert_eq!(server.command(&["PTTL", &key]), Reply::Number(-1), "{key}");
    }
    // What nobody needed even a minute ago may be gone at once.
    store.commit(everything(Some(Timestamp::from_millis(1)))).await.unwrap();
    assert_eq!(read(&store, "record").await.unwrap(), None);
    assert!(store.counters(SHARD, "group").await.unwrap().is_empty());
}
