//! Three hosts on a primary that sentinels watch over: what was confirmed stays, whoever is primary.

use harness::{Fault, Question, Sentinels, ask_on, is_left_to_tests_run, seen, stopwatch, wait_until};

use crate::cluster::rig::{Trio, is_confirmed};

const KILLED: &str = "Redis Sentinel: primary killed, right after a revoke";

#[test]
fn a_key_that_was_revoked_right_before_a_fail_over_stays_dead() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let sentinels = Sentinels::start();
    let trio = Trio::on(&sentinels.url());
    for what in ["Redis Sentinel: told to fail over, right after a revoke", KILLED] {
        let (living, dead) = (trio.issue(0), trio.issue(1));
        for key in [&living, &dead] {
            trio.wait_until_all_allow(key);
        }
        wait_until("the revocation is confirmed", || {
            let revoked = trio.operator(2).post(&trio.key(&dead, "/revoke"), &serde_json::json!({}));
            is_confirmed(&revoked)
        });
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
        wait_until("it is changed again", || {
            let answered = trio
                .operator(0)
                .try_send(&harness::Request::new("POST", &trio.workspace("/keys")).json(&crate::cluster::rig::a_key()));
            answered.is_ok_and(|response| response.status == 201)
        });
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
    setup.init().check(1, &["may lose revocations when it fails over", "set `min-replicas-to-write 1`"]);
}
