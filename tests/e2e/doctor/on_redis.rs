//! An installation on Redis: its settings, its data, and whether it is there.

use std::process::Command;

use harness::process::product;
use harness::{Ran, Setup, is_left_to_tests_run};

use super::check;

/// `doctor` of an installation on Redis, not yet run.
fn doctor(setup: &Setup) -> Command {
    let mut command = product();
    command.args(["doctor", "--listen", "127.0.0.1:1", "--redis", &format!("redis://{}", setup.redis().address())]);
    command.arg("--data-dir").arg(setup.data_dir());
    command
}

#[test]
fn a_store_in_redis_is_looked_at_where_it_is() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::real().on_redis().initialized().start();
    host.issue("production", &["jobs:read"]);
    let organization = host.identity().organization.clone();
    let ran = Ran::of(doctor(host.setup()).args(["--url", &host.url()]));
    let lines: Vec<_> = ran.check(0, &[", 16 shards, epoch ", " ms a round trip"]).stdout.lines().collect();
    let names = ["settings", "store", "root_key", "clock", "trusted_proxies", "policies", "audit", "mail", "host"];
    assert_eq!(lines.len(), names.len(), "{lines:#?}");
    assert!(lines.iter().zip(names).all(|(line, name)| line.starts_with(&format!("ok    {name}"))), "{lines:#?}");

    let setup = host.terminate().setup;
    let redis = setup.redis();
    for (setting, wrong, right, level, says) in [
        ("appendfsync", "everysec", "always", "warn", "it runs with `appendfsync everysec`  → set `appendonly yes`"),
        ("maxmemory-policy", "allkeys-lru", "noeviction", "fail", "  → set `maxmemory-policy noeviction`"),
        ("maxmemory", "1500000", "0", "warn", "that it may  → raise its `maxmemory`"),
    ] {
        redis.command(&["CONFIG", "SET", setting, wrong]);
        check(&mut doctor(&setup), level, "store", &[says]);
        redis.command(&["CONFIG", "SET", setting, right]);
    }
    check(&mut doctor(&setup), "ok", "store", &["Redis "]);

    let log = format!("audit/{organization}");
    let key = format!("access:{{s{}}}:l:{log}", &organization["org_".len()..][..2]);
    redis.command(&["XDEL", &key, "2-0"]);
    check(&mut doctor(&setup), "fail", "audit", &[&log, "record 2 is missing"]);
    redis.command(&["XTRIM", &key, "MAXLEN", "0"]);
    check(&mut doctor(&setup), "fail", "audit", &[&log, "record 1 is missing, and "]);

    redis.kill_9();
    redis.restart_empty();
    check(&mut doctor(&setup), "fail", "store", &["there is no store in Redis at ", "  → run `cronflow-access init"]);
    redis.kill_9();
    check(&mut doctor(&setup), "fail", "store", &["can't use Redis at ", "  → check that it runs there"]);
    check(&mut doctor(&setup), "warn", "audit", &["not looked at, since the store can't be read"]);
}

#[test]
fn looking_at_redis_writes_nothing() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let setup = Setup::real().on_redis().initialized();
    let written = || setup.redis().command(&["INFO", "persistence"]);
    let changes = || {
        let info = format!("{:?}", written());
        let (_, rest) = info.split_once("rdb_changes_since_last_save:").expect("it is told");
        rest.chars().take_while(char::is_ascii_digit).collect::<String>()
    };
    let before = changes();
    check(&mut doctor(&setup), "ok", "audit", &["whole and unchanged"]);
    assert_eq!(changes(), before);
}

#[test]
fn what_is_in_redis_is_not_backed_up_here() {
    let setup = Setup::real().on_embedded().initialized();
    let to = setup.folder().join("backup");
    for command in ["backup --to", "restore --from"] {
        let mut product = product();
        product.args(command.split(' ')).arg(&to).arg("--data-dir").arg(setup.data_dir());
        let ran = Ran::of(product.env("CRONFLOW_ACCESS_REDIS", "redis://:hunter2@127.0.0.1:1"));
        ran.check(1, &["error: the store is in Redis, which is backed up and restored by its own means", "root.key"]);
        assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
    }
    assert!(!to.exists());
}
