//! What is refused before anything is written, and what is said then.

use access_store_redis::{OpenError, Options};
use harness::Reply;

use crate::support::{Server, at, open, put, read, try_open};

async fn refused(options: &Options) -> String {
    let error = try_open(options).await.unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("hunter2") && !format!("{error:?}").contains("hunter2"), "it shows the password: {text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_a_url_is_told_without_showing_it() {
    for url in [
        "",
        "hunter2",
        "http://hunter2@localhost",
        "redis://:hunter2@",
        "redis://:hunter2@host:port",
        "redis://h/hunter2",
        "redis-sentinel://:hunter2@h",
        "redis-cluster://:hunter2@h:port",
    ] {
        let told = refused(&at(url.to_owned())).await;
        assert!(told.contains("the URL of Redis can't be used"), "`{url}`: {told}");
    }
    // Nobody speaks TLS there.
    assert!(
        refused(&at("rediss://:hunter2@127.0.0.1:1".to_owned())).await.contains("can't use Redis at 127.0.0.1:1: ")
    );
    // Nobody listens there.
    let told = refused(&at("redis://user:hunter2@127.0.0.1:1".to_owned())).await;
    assert!(told.contains("can't use Redis at 127.0.0.1:1: "), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_would_lose_or_refuse_what_it_is_given_is_refused() {
    let Some(server) = Server::forgetful() else { return };
    server.command(&["CONFIG", "SET", "requirepass", "hunter2"]);
    let with = |password: &str| {
        let url = format!("redis://:{password}@{}", server.redis.address());
        Options { shards_when_new: Some(2), ..at(url) }
    };
    let told = refused(&with("wrong-hunter2")).await;
    assert!(told.contains("check that it runs there and that its user and password are right"), "{told}");
    let told = refused(&at(server.url())).await;
    assert!(told.contains("NOAUTH") || told.contains("password"), "{told}");
    open(&with("hunter2")).await;

    let Some(server) = Server::with(&["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"]) else { return };
    let told = refused(&server.options()).await;
    assert!(
        told.contains("`maxmemory-policy allkeys-lru`") && told.contains("set `maxmemory-policy noeviction`"),
        "{told}"
    );
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let options = server.options();
    open(&options).await;
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let told = refused(&options).await;
    assert!(told.contains("refuses to be written to: NOREPLICAS"), "{told}");

    let Some(replica) = Server::with(&["--appendonly", "no"]) else { return };
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    let primary = server.redis.address();
    replica.command(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    assert!(refused(&replica.options()).await.contains("is a replica; name its primary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_can_not_be_asked_for_are_no_reason_to_refuse() {
    let Some(server) = Server::durable() else { return };
    server.command(&["ACL", "SETUSER", "access", "on", ">hunter2", "~*", "&*", "+@all", "-config"]);
    let url = format!("redis://access:hunter2@{}", server.redis.address());
    let store = open(&Options { shards_when_new: Some(2), ..at(url) }).await;
    put(&store, "key", "1").await.unwrap();
    assert!(!format!("{store:?}").contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_absent_newer_or_not_whole_is_refused_and_left_as_it_is() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let serving = Options { shards_when_new: None, ..options.clone() };
    assert!(matches!(try_open(&serving).await, Err(OpenError::Absent { .. })));
    assert_eq!(server.command(&["DBSIZE"]), Reply::Number(0), "nothing is begun by looking");
    for shards in [0, 101] {
        let wrong = Options { shards_when_new: Some(shards), ..options.clone() };
        assert!(matches!(try_open(&wrong).await, Err(OpenError::Shards(_))), "{shards}");
    }
    put(open(&options).await.as_ref(), "key", "1").await.unwrap();
    let key = |name: &str| format!("{}:{name}", options.prefix);

    server.command(&["HSET", &key("store"), "format", "2"]);
    assert!(refused(&options).await.contains("format 2, and this release knows formats up to 1"));
    server.command(&["HSET", &key("store"), "format", "1"]);

    let epoch = server.text(&["HGET", &key("{s03}:state"), "epoch"]);
    for lost in [["HDEL", "epoch", ""], ["HSET", "epoch", "another"]] {
        let words: Vec<&str> = lost.into_iter().filter(|word| !word.is_empty()).collect();
        let state = key("{s03}:state");
        server.command(&[&[words[0], state.as_str()], &words[1..]].concat());
        let told = refused(&options).await;
        assert!(
            told.contains("is not whole (its shard 03 is missing, or from another store); restore a backup"),
            "{told}"
        );
    }
    server.command(&["HSET", &key("{s03}:state"), "epoch", &epoch]);
    for field in ["epoch", "shards", "format"] {
        let value = server.text(&["HGET", &key("store"), field]);
        server.command(&["HDEL", &key("store"), field]);
        assert!(refused(&options).await.contains("is not whole"), "{field}");
        server.command(&["HSET", &key("store"), field, &value]);
    }
    assert!(read(open(&serving).await.as_ref(), "key").await.unwrap().is_some());
}

/// A host that died while it began a store.
#[tokio::test(flavor = "multi_thread")]
async fn a_beginning_that_was_cut_short_is_taken_up() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let key = |name: &str| format!("{}:{name}", options.prefix);
    server.command(&["HSET", &key("store"), "epoch", "e", "shards", "3", "format", "1"]);
    server.command(&["HSET", &key("{s01}:state"), "epoch", "e"]);
    let store = open(&options).await;
    put(&store, "key", "1").await.unwrap();
    assert_eq!(server.text(&["HGET", &key("{s02}:state"), "epoch"]), "e");
}
