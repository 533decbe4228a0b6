//! Three hosts on a primary that sentinels watch over: what was confirmed stays, whoever is primary.

use std::time::Duration;

use harness::process::PATIENCE;
use harness::{Fault, Question, Sentinels, ask_on, is_left_to_tests_run, seen, stopwatch, wait_for};

use crate::cluster::rig::Trio;

/// How long the hosts believe what they have heard: not a second, in which hosts on a busy machine may not come to hearing anything.
const BOUND: Duration = Duration::from_secs(5);

const KILLED: &str = "Redis Sentinel: primary killed, right after a revoke";

#[test]
fn a_key_that_was_revoked_right_before_a_fail_over_stays_dead() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let sentinels = Sentinels::start();
    let trio = Trio::who_believe_for(BOUND, &sentinels.url());
    for what in ["Redis Sentinel: told to fail over, right after a revoke", KILLED] {
        sentinels.wait_until_whole();
        let living = trio.issue(0);
        trio.wait_until_all_allow(&living);
        let dead = trio.revoked();
        let watch = stopwatch();
        if what == KILLED {
            let old = sentinels.primary();
            old.kill_9();
            sentinels.wait_for_another_than(old.address());
        } else {
            sentinels.fail_over();
        }
        let mut told = trio.check_dead(&dead);
        // And all goes on.
        for at in 0..3 {
            let question = Question::reads_jobs(&living.secret).request();
            told.extend(ask_on(&trio.gateway(at), &question, &watch, |asked| asked.came == harness::Came::Allow));
        }
        trio.issue(0);
        let recovered = watch();
        trio.check_dead(&dead);
        let saw = seen(told.iter().map(|asked| asked.came.to_string()));
        Fault { what, saw: &saw, recovered, found: 1 }.note();
    }
}

#[test]
fn a_primary_that_would_lose_revocations_is_refused() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let sentinels = Sentinels::start();
    sentinels.primary().done(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    let setup = harness::Setup::real().on_embedded().env("CRONFLOW_ACCESS_REDIS", &sentinels.url());
    let is_in_time = |ran: &harness::Ran| !ran.stderr.contains("it took too long");
    let refused = wait_for(PATIENCE, "init is answered in time", || Some(setup.init()).filter(is_in_time));
    refused.check(1, &["may lose revocations when it fails over", "set `min-replicas-to-write 1`"]);
}
