//! The store in Redis, as its operators meet it: where its password stays, what is refused, what is shown, and a Redis that
//! comes back empty. That everything else holds there too is shown by the whole suite, with `E2E_STORE=redis`.

use std::process::Command;

use harness::process::{Process, product};
use harness::setup::temporary;
use harness::{Host, Question, Ran, Redis, Reply, Setup, is_left_to_tests_run, wait_until};
use rustix::process::Signal;
use serde_json::json;

const PASSWORD: &str = "hunter2-of-redis";

/// A command on a store of its own, whose URL comes from where passwords come from.
fn with_url(arguments: &[&str], url: &str, folder: &std::path::Path) -> Command {
    let mut command = product();
    command.args(arguments).arg("--data-dir").arg(folder.join("data")).env("CRONFLOW_ACCESS_REDIS", url);
    command
}

#[test]
fn the_password_of_redis_is_shown_nowhere() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let folder = temporary();
    let redis = Redis::start(&folder.path().join("redis"));
    redis.command(&["CONFIG", "SET", "requirepass", PASSWORD]);
    let url = format!("redis://:{PASSWORD}@{}", redis.address());
    let check = |text: &str| assert!(!text.contains(PASSWORD), "{text}");

    let init = ["init", "--organization", "acme", "--workspace", "main"];
    let ran = Ran::of(&mut with_url(&init, &url, folder.path()));
    ran.check(0, &["cf_op_"]);
    check(&format!("{ran:?}"));
    let serve = ["serve", "--listen", "127.0.0.1:0", "--log", "trace", "--log-format", "json"];
    let mut host = Process::start(&mut with_url(&serve, &url, folder.path()));
    assert!(host.stderr.wait_for(r#""message":"serving""#, 0));
    let heard = host.stderr.len();
    redis.kill_9();
    assert!(host.stderr.wait_for("Redis is away", heard));
    assert!(host.stderr.wait_for("Redis is still away", heard));
    host.signal(Signal::TERM);
    assert!(host.wait().success());
    check(&host.stdout.text());
    check(&host.stderr.text());

    // Nor where it is wrong, in whatever way.
    redis.restart();
    redis.command(&["CONFIG", "SET", "requirepass", "another"]);
    for wrong in
        [url.clone(), format!("{url}/{PASSWORD}"), PASSWORD.to_owned(), format!("redis://:{PASSWORD}@127.0.0.1:1")]
    {
        for arguments in [&serve[..3], &init] {
            let ran = Ran::of(&mut with_url(arguments, &wrong, folder.path()));
            ran.check(1, &["error: ", "Redis"]);
            check(&format!("{ran:?}"));
        }
    }
    for arguments in [["serve", "--help"], ["config", "show"], ["config", "check"]] {
        let ran = Ran::of(product().args(arguments).env("CRONFLOW_ACCESS_REDIS", &url).current_dir(folder.path()));
        ran.check(0, &["redis"]);
        check(&format!("{ran:?}"));
    }
}

#[test]
fn what_can_not_be_is_refused_before_anything_is_begun() {
    let folder = temporary();
    let nowhere = "redis://127.0.0.1:1";
    let wrong = |arguments: &[&str], url: &str, said: &[&str]| {
        Ran::of(&mut with_url(arguments, url, folder.path())).check(1, said);
    };
    for millis in ["0", "99", "60001"] {
        let said = format!("`freshness_ms` can't be {millis}; choose from 100 to 60000");
        wrong(&["serve", "--dev", "--listen", "127.0.0.1:0", "--freshness-ms", millis], nowhere, &[&said]);
    }
    wrong(
        &["serve", "--listen", "127.0.0.1:0"],
        nowhere,
        &["can't use Redis at 127.0.0.1:1: ", "check that it runs there"],
    );
    for (url, said) in [
        ("rediss://localhost#insecure", "leave `#insecure` out"),
        ("redis-sentinel://localhost", "by which name sentinels know the primary"),
        ("redis-cluster://127.0.0.1:1", "can't use Redis at the cluster at 127.0.0.1:1: "),
    ] {
        wrong(&["serve", "--listen", "127.0.0.1:0"], url, &[said]);
    }
    let ca_file = ["serve", "--listen", "127.0.0.1:0", "--redis-ca-file", "/nowhere/ca.pem"];
    wrong(&ca_file, "rediss://localhost", &["`/nowhere/ca.pem`, by which Redis is to be known"]);
    let replicas = ["serve", "--listen", "127.0.0.1:0", "--redis-wait-replicas", "11"];
    wrong(&replicas, nowhere, &["`redis_wait_replicas` can't be 11; choose from 0 to 10"]);
    assert!(!folder.path().join("data/root.key").exists());
    let target = folder.path().join("copy");
    wrong(
        &["backup", "--to", target.to_str().unwrap()],
        nowhere,
        &["the store is in Redis, which is backed up and restored by its own means"],
    );
}

#[test]
fn metrics_say_what_a_host_has_heard() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    assert_eq!(host.metric("access_store_fresh"), 1);
    let shard = &host.identity().organization["org_".len()..][..2];
    let applied = format!("access_store_applied{{shard=\"{shard}\"}}");
    let before = host.metric(&applied);
    host.issue("production", &["jobs:read"]);
    wait_until("the announcement is heard", || host.metric(&applied) > before);
    assert!(host.scrape().contains("\naccess_store_skew_milliseconds "));
}

#[test]
fn a_redis_that_comes_back_empty_is_out_of_reach_not_without_keys() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    let key = host.issue("production", &["jobs:read"]);
    let question = Question::reads_jobs(&key.secret);
    host.decide(&question).check_allow();
    let heard = host.log().len();
    host.setup().redis().kill_9();
    host.setup().redis().restart_empty();
    assert!(host.log().wait_for("restore its data", heard));
    check_out_of_reach(&host, &question);
    // Said once, not with each heartbeat.
    wait_until("many heartbeats more are refused", || refused_scripts(host.setup().redis()) > 200);
    assert_eq!(host.log().text().matches(r#""message":"Redis came back empty"#).count(), 1);
}

fn refused_scripts(redis: &Redis) -> u64 {
    let Reply::Text(stats) = redis.command(&["INFO", "commandstats"]) else { panic!("INFO is text") };
    let line = stats.lines().find(|line| line.starts_with("cmdstat_eval:")).unwrap_or_default();
    line.split_once("failed_calls=").map_or(0, |(_, count)| count.trim().parse().unwrap())
}

fn check_out_of_reach(host: &Host, question: &Question) {
    wait_until("what is remembered is not believed any more", || {
        // First the key's lease can't be renewed; then, on a busy machine before that, the gateway that asks is not believed.
        host.gateway().send(&question.request()).body.contains("store_unavailable")
    });
    host.operator().get(&host.workspace("/keys")).check_problem(503, "store_unavailable");
}

#[test]
fn what_is_taken_away_twice_is_confirmed_no_sooner_than_replicas_have_it() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let folder = temporary();
    // One that is silent is not missed for as long as this takes.
    let settings = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "600", "--repl-diskless-sync-delay", "0"];
    let redis = Redis::start_with(&folder.path().join("primary"), &settings);
    let port = redis.address().port().to_string();
    let replica = Redis::start_with(&folder.path().join("replica"), &["--replicaof", "127.0.0.1", &port]);
    wait_until("the replica follows", || redis.says(&["INFO", "replication"], "min_slaves_good_slaves:1"));
    let host = Setup::dev()
        .on_embedded()
        .env("CRONFLOW_ACCESS_REDIS", &format!("redis://{}", redis.address()))
        .env("CRONFLOW_ACCESS_REDIS_WAIT_REPLICAS", "1")
        .start();
    let [revoked, disabled] = [(); 2].map(|()| host.issue("production", &["jobs:read"]).id);
    let paths = [
        host.workspace(&format!("/keys/{revoked}/revoke")),
        host.workspace(&format!("/keys/{disabled}/disable")),
        format!("/v1/organizations/{}/suspend", host.identity().organization),
    ];
    let is_confirmed = |path: &String| {
        let response = host.operator().post(path, &json!({}));
        response.check_json(200);
        response.header("x-cronflow-confirmed").is_none()
    };
    replica.pause();
    for _ in ["done", "done already"] {
        assert_eq!(paths.each_ref().map(is_confirmed), [false; 3], "no replica has it");
    }
    replica.resume();
    wait_until("a replica has it", || paths.iter().all(is_confirmed));
}
