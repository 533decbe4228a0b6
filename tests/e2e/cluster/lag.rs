//! How late a revocation may be seen: measured over thousands of them, and never later than the bound, whatever is cut off.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use harness::{Came, Cluster, Lag, Question, Ways, ask_on, in_parallel, is_left_to_tests_run, stopwatch};

use super::rig::{self, BOUND, Trio};

/// Who revoke, and look at the other hosts right after.
const REVOKING: usize = 6;

/// How long all of them may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Issues and revokes so many keys through all hosts; of each, how long after its acknowledgement the last question was sent to
/// another host that was still allowed. `meanwhile` is done again and again until they are done.
fn lags(trio: &Trio, count: usize, meanwhile: impl Fn() + Sync) -> Vec<Duration> {
    let (watch, next, working) = (stopwatch(), AtomicUsize::new(0), AtomicUsize::new(REVOKING));
    let lags = in_parallel(REVOKING + 1, |number| {
        if number == REVOKING {
            while working.load(Ordering::SeqCst) > 0 && watch() < PATIENCE {
                meanwhile();
            }
            return Vec::new();
        }
        let (at, mut lags) = (number % 3, Vec::new());
        let (operator, others) = (trio.operator(at), [trio.gateway((at + 1) % 3), trio.gateway((at + 2) % 3)]);
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= count {
                break;
            }
            // Each from a network of its own, where nobody has failed yet.
            let from = format!("10.{}.{}.1", number / 256, number % 256);
            let question = loop {
                assert!(watch() < PATIENCE, "no key is issued and known everywhere any more");
                let Some(key) = trio.try_issue(&operator) else { continue };
                let question = Question::reads_jobs(&key.secret).from(&from).request();
                let is_known = |other| {
                    let asked = ask_on(other, &question, &watch, |asked| !asked.came.is_unavailable());
                    asked.last().is_some_and(|asked| asked.came == Came::Allow)
                };
                // A fail-over may lose a key that was issued a moment before, and a revocation that was not confirmed says nothing of
                // how late it is seen. Then another takes its place.
                let is_revoked = || trio.try_revoke(&operator, &key).is_ok_and(|told| rig::is_confirmed(&told));
                if others.iter().all(is_known) && is_revoked() {
                    break question;
                }
            };
            let ended = watch();
            let lag = others.iter().flat_map(|other| {
                let asked = ask_on(other, &question, &watch, |asked| asked.came.is_deny("unauthenticated"));
                asked
                    .into_iter()
                    .filter(|asked| asked.came == Came::Allow)
                    .map(|asked| asked.sent.saturating_sub(ended))
            });
            lags.push(lag.max().unwrap_or_default());
        }
        working.fetch_sub(1, Ordering::SeqCst);
        lags
    });
    let lags: Vec<_> = lags.into_iter().flatten().collect();
    assert_eq!(lags.len(), count);
    lags
}

/// Asks all hosts about a key that lives, each time that it is called: others are served meanwhile, as far as their quota goes.
fn others(trio: &Trio) -> impl Fn() + Sync {
    let question = Question::reads_jobs(&trio.issue(0).secret).request();
    let gateways = [0, 1, 2].map(|at| trio.gateway(at));
    move || gateways.iter().for_each(|gateway| drop(gateway.try_send(&question)))
}

/// Checks that it was never later than the bound, and notes how late it was.
#[track_caller]
pub(super) fn check_lags(what: &str, lags: Vec<Duration>) {
    let lag = Lag::of(what, lags);
    let most = lag.of_hundred(100);
    assert!(most <= BOUND, "{what}: allowed {most:?} after a revocation was acknowledged");
    lag.note();
}

#[test]
fn ten_thousand_revocations_are_seen_by_all_within_the_bound() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::start();
    let trio = Trio::on(&cluster.url());
    let lags = lags(&trio, 10_000, others(&trio));
    check_lags("Three hosts, nine nodes, under load", lags);
}

#[test]
fn a_host_that_hears_no_announcements_sees_them_within_the_bound() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::start();
    let ways = Ways::of(&cluster);
    let trio = Trio::on_each([&cluster.url(), &cluster.url(), &ways.url()]);
    for way in ways.all() {
        way.hold_announcements();
    }
    let lags = lags(&trio, 500, others(&trio));
    assert!(ways.all().iter().any(|way| way.dropped() > 0), "nothing was kept back");
    check_lags("One host of three hears no announcements", lags);
}

#[test]
fn hosts_whose_announcements_are_cut_short_again_and_again_see_them_within_the_bound() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::of(3, 1);
    let trio = Trio::on(&cluster.url());
    let lags = lags(&trio, 300, || {
        for node in cluster.nodes() {
            drop(node.commands(&[&["CLIENT", "KILL", "TYPE", "pubsub"]]));
        }
    });
    check_lags("Announcements cut short again and again", lags);
}

#[test]
fn and_while_another_primary_takes_over() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::of(3, 2);
    let trio = Trio::on(&cluster.url());
    let (home, done) = (trio.key_of_home(), AtomicBool::new(false));
    let lags = lags(&trio, 300, || {
        if done.swap(true, Ordering::SeqCst) {
            return std::thread::yield_now();
        }
        cluster.holder_of(&home).kill_9();
    });
    check_lags("A primary is killed meanwhile", lags);
}
