//! What a fail-over has lost is done once more by whoever did it, and never over what was done since.
//!
//! A server that forgot its last moments stands for one that never heard of them: its state is taken down before, and put back.

use std::collections::BTreeMap;
use std::time::Duration;

use access_model::PlainSecret;
use access_store::{Check, Commit, IndexEntry, Put, Range, Store};
use access_store_redis::{Options, Redis};
use harness::{Proxy, Reply};

use crate::support::{SHARD, Server, open, proves_again, read, until};

/// All keys of a server, as it dumps them.
fn take_down(server: &Server) -> BTreeMap<String, Vec<Vec<String>>> {
    let Reply::List(keys) = server.command(&["KEYS", "*"]) else { panic!("a list") };
    let names = keys.into_iter().map(|key| if let Reply::Text(key) = key { key } else { panic!("a name") });
    names.filter(|key| !key.contains(":host:")).map(|key| (key.clone(), commands(server, &key))).collect()
}

/// What makes a key anew.
fn commands(server: &Server, key: &str) -> Vec<Vec<String>> {
    let flat = |reply: Reply| match reply {
        Reply::List(parts) => parts.into_iter().map(|part| match part {
            Reply::Text(text) => text,
            other => panic!("{other:?}"),
        }),
        other => panic!("{other:?}"),
    };
    let command = |words: &[&str], rest: Vec<String>| words.iter().map(|word| (*word).to_owned()).chain(rest).collect();
    match server.text(&["TYPE", key]).as_str() {
        "hash" => vec![command(&["HSET", key], flat(server.command(&["HGETALL", key])).collect())],
        "zset" => {
            let found: Vec<_> = flat(server.command(&["ZRANGE", key, "0", "-1", "WITHSCORES"])).collect();
            found.chunks(2).map(|pair| command(&["ZADD", key], pair.iter().rev().cloned().collect())).collect()
        }
        "stream" => {
            let Reply::List(entries) = server.command(&["XRANGE", key, "-", "+"]) else { panic!("a list") };
            let entry = |entry: Reply| {
                let Reply::List(parts) = entry else { panic!("a list") };
                let [Reply::Text(id), values] = &parts[..] else { panic!("{parts:?}") };
                command(&["XADD", key, id], flat(values.clone()).collect())
            };
            entries.into_iter().map(entry).collect()
        }
        other => panic!("{other}"),
    }
}

/// A server that never heard of what was done since, in the place of the one that did.
async fn fail_over(server: &Server, before: &BTreeMap<String, Vec<Vec<String>>>) {
    server.redis.kill_9();
    server.redis.restart_empty();
    for words in before.values().flatten() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        server.command(&words);
    }
}

fn change(key: &str, value: &'static str, version: Option<u64>, narrows: bool) -> Commit {
    Commit {
        checks: vec![Check { key: key.to_owned(), version }],
        puts: vec![Put::new(key.to_owned(), value.into())],
        index_puts: vec![("index".to_owned(), IndexEntry { score: 1, member: format!("{key} {value}") })],
        appends: vec![("log".to_owned(), format!("{key} {value}").into())],
        narrows,
        ..Commit::new(SHARD)
    }
}

async fn version(store: &Redis, key: &str) -> Option<u64> {
    read(store, key).await.unwrap().map(|record| record.version)
}

async fn value(store: &Redis, key: &str) -> Option<String> {
    let record = read(store, key).await.ok().flatten()?;
    Some(String::from_utf8_lossy(&record.value).into_owned())
}

async fn log(store: &Redis) -> Vec<String> {
    let entries = store.log(SHARD, "log", None, 100).await.unwrap();
    entries.iter().rev().map(|entry| String::from_utf8_lossy(&entry.value).into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_is_done_once_more() {
    let Some(server) = Server::durable() else { return };
    let options = server.options();
    let one = open(&options).await;
    for key in ["a", "b", "c", "d"] {
        one.commit(change(key, "alive", None, false)).await.unwrap();
    }
    // It survives, and is not done twice.
    one.commit(change("d", "dead", version(&one, "d").await, true)).await.unwrap();
    let before = take_down(&server);

    let other = open(&options).await;
    one.commit(change("a", "disabled", version(&one, "a").await, true)).await.unwrap();
    // Of one history, by two hosts, with what is lost for good between them.
    one.commit(change("b", "renamed", version(&one, "b").await, false)).await.unwrap();
    one.commit(change("b", "disabled", version(&one, "b").await, true)).await.unwrap();
    other.commit(change("b", "dead", version(&one, "b").await, true)).await.unwrap();
    one.commit(change("new", "dead", None, true)).await.unwrap();
    one.commit(change("a", "dead", version(&one, "a").await, true)).await.unwrap();
    fail_over(&server, &before).await;

    for (key, expected) in [("a", "dead"), ("b", "dead"), ("new", "dead"), ("c", "alive"), ("d", "dead")] {
        until(&format!("{key} is {expected}"), async || value(&other, key).await.as_deref() == Some(expected)).await;
    }
    for store in [&one, &other] {
        proves_again(store).await;
    }
    let told = log(&one).await;
    assert_eq!(told[..5], ["a alive", "b alive", "c alive", "d alive", "d dead"]);
    let mut rest = told[5..].to_vec();
    rest.sort();
    assert_eq!(rest, ["a dead", "a disabled", "b dead", "b disabled", "new dead"], "each once");
    let number = one.log(SHARD, "log", None, 1).await.unwrap()[0].sequence;
    assert_eq!(number, told.len() as u64);

    // Once more, with what was done once more in it: nothing is left to do.
    let (before, put_then) = (take_down(&server), version(&one, "a").await);
    fail_over(&server, &before).await;
    until("it is there", async || value(&one, "a").await.is_some()).await;
    for store in [&one, &other] {
        proves_again(store).await;
    }
    assert_eq!((log(&one).await, version(&one, "a").await), (told, put_then));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_since_is_left_alone() {
    let Some(server) = Server::durable() else { return };
    let options = server.options();
    let proxy = Proxy::before(server.redis.address());
    let url = PlainSecret::new(format!("redis://{}", proxy.address()));
    let one = open(&Options { url, time_out: Duration::from_millis(500), ..options.clone() }).await;
    for key in ["a", "b", "gone"] {
        one.commit(change(key, "alive", None, false)).await.unwrap();
    }
    let before = take_down(&server);
    for key in ["a", "b", "gone"] {
        one.commit(change(key, "disabled", version(&one, key).await, true)).await.unwrap();
    }
    // The host that did it is cut off while another history begins, and is written on.
    proxy.cut();
    fail_over(&server, &before).await;
    let other = open(&options).await;
    other.commit(change("a", "enabled again", version(&other, "a").await, false)).await.unwrap();
    let deletes = vec!["gone".to_owned()];
    other.commit(Commit { deletes, ..Commit::new(SHARD) }).await.unwrap();
    proxy.open();
    until("b is disabled", async || value(&other, "b").await.as_deref() == Some("disabled")).await;
    proves_again(&one).await;
    assert_eq!(value(&other, "a").await.as_deref(), Some("enabled again"));
    assert_eq!(value(&other, "gone").await, None);
    // That it was done is told all the same.
    let told = log(&other).await;
    for done in ["a disabled", "b disabled", "gone disabled"] {
        assert_eq!(told.iter().filter(|told| *told == done).count(), 1, "{told:?}");
    }
    let members = |entries: Vec<IndexEntry>| entries.into_iter().map(|entry| entry.member).collect::<Vec<_>>();
    let index = Range { index: "index".to_owned(), after: None, up_to: None, descending: false, limit: 100 };
    let found = members(other.range(SHARD, index).await.unwrap());
    assert_eq!(found, ["a alive", "a enabled again", "b alive", "b disabled", "gone alive"]);
}
