//! A primary that sentinels watch over.

use std::time::Duration;

use access_model::Shard;
use access_store::{Commit, Put, Store};
use access_store_redis::{Options, Redis};
use harness::{Sentinels, is_left_to_tests_run};

use crate::support::{Ears, open, options_at, proves_again, put, read, touched, try_open, until};

fn options(sentinels: &Sentinels) -> Options {
    Options { time_out: Duration::from_millis(500), ..options_at(sentinels.url()) }
}

async fn narrow(store: &Redis, key: &str) -> bool {
    let puts = vec![Put::new(key.to_owned(), "dead".into())];
    let commit = Commit { puts, narrows: true, ..Commit::new(Shard::PLATFORM) };
    store.commit(commit).await.is_ok_and(|done| done.confirmed)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_stays_whoever_is_primary() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let sentinels = Sentinels::start();
    let options = options(&sentinels);
    let (one, other) = (open(&options).await, open(&options).await);
    let heard = Ears::on(&other);
    // Once by its own will, and once dead.
    for turn in ["asked", "killed"] {
        until("it is confirmed", async || narrow(&one, turn).await).await;
        if turn == "asked" {
            sentinels.fail_over();
        } else {
            let old = sentinels.primary();
            old.kill_9();
            sentinels.wait_for_another_than(old.address());
        }
        for store in [&one, &other] {
            until("it is read again", async || matches!(read(store, turn).await, Ok(Some(_)))).await;
            proves_again(store).await;
        }
    }
    until("it is written to", async || put(&one, "after", "1").await.is_ok()).await;
    heard.hear(touched(&["after"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_that_may_lose_what_was_confirmed_are_not_trusted() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let sentinels = Sentinels::start();
    let options = options(&sentinels);
    let primary = sentinels.primary();
    let told = async || try_open(&options).await.unwrap_err().to_string();
    primary.done(&["CONFIG", "SET", "min-replicas-max-lag", "10"]);
    let error = told().await;
    assert!(
        error.contains("`min-replicas-max-lag 10` (seconds)") && error.contains("`down-after-milliseconds 4000`"),
        "{error}"
    );
    primary.done(&["CONFIG", "SET", "min-replicas-max-lag", "3"]);
    let replica = sentinels.servers().iter().find(|server| server.address() != primary.address()).unwrap();
    replica.done(&["CONFIG", "SET", "replica-priority", "10"]);
    until("the sentinels have noticed", async || {
        try_open(&options)
            .await
            .is_err_and(|error| error.to_string().contains("different `replica-priority` (10, 100)"))
    })
    .await;
    replica.done(&["CONFIG", "SET", "replica-priority", "100"]);
    until("all is well", async || try_open(&options).await.is_ok()).await;
    let unknown = options_at(sentinels.url().replace("/main", "/other"));
    let error = try_open(&unknown).await.unwrap_err().to_string();
    assert!(error.contains("the primary `other` of the sentinels at ") && error.contains("can't use Redis"), "{error}");
}
