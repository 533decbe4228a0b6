//! One limit over both hosts together.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use harness::{Answer, Host, Key, Question, Setup, Tally, in_parallel, is_left_to_tests_run, stopwatch};
use rustix::process::Signal;

const PRODUCTION: usize = 10_000;
/// What several hosts can use of a limit, at least.
const USABLE: usize = PRODUCTION * 97 / 100;
const CONNECTIONS: usize = 64;
/// What takes longer shows nothing.
const WINDOW: Duration = Duration::from_secs(60);

/// Asks both hosts, half of the connections each, until each host has refused so often in a row that nothing is left there.
fn flood_both(host: &Host, key: &Key, at: impl Fn(usize) + Sync) -> Tally {
    let watch = stopwatch();
    let number = AtomicUsize::new(0);
    let refused_in_a_row = [const { AtomicUsize::new(0) }; 2];
    let tallies = in_parallel(CONNECTIONS, |connection| {
        let side = connection % 2;
        let client = host.nodes()[side].client(Some(&host.identity().gateway_token));
        let mut tally = Tally::default();
        // A host has nothing left when all of its connections were refused again and again.
        let is_left = || refused_in_a_row.iter().any(|row| row.load(Ordering::Relaxed) < 20 * CONNECTIONS);
        while watch() < WINDOW && is_left() {
            at(number.fetch_add(1, Ordering::Relaxed));
            let Ok(response) = client.try_send(&Question::reads_jobs(&key.secret).request()) else {
                tally.lost += 1;
                refused_in_a_row[side].store(usize::MAX / 2, Ordering::Relaxed);
                return tally;
            };
            let answer = Answer::of(response.check_json(200));
            if answer.is_allow() {
                tally.allowed += 1;
                refused_in_a_row[side].store(0, Ordering::Relaxed);
            } else {
                tally.denied.push(answer);
                refused_in_a_row[side].fetch_add(1, Ordering::Relaxed);
            }
        }
        tally
    });
    let tally = tallies.into_iter().fold(Tally::default(), Tally::and);
    let tally = Tally { took: watch(), ..tally };
    tally.check_within_a_minute();
    for answer in &tally.denied {
        answer.check_rate_limited(PRODUCTION as u64);
    }
    tally
}

#[test]
fn a_limit_is_one_limit_and_most_of_it_can_be_used() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    let key = host.issue("production", &["jobs:read"]);
    let tally = flood_both(&host, &key, |_| {});
    assert!((USABLE..=PRODUCTION).contains(&tally.allowed), "{} in {:?}", tally.allowed, tally.took);
    assert_eq!(tally.lost, 0);
    // And a rotation hands out nothing, at either host.
    let successor = host.rotate(&key, 3_600);
    for node in host.nodes() {
        node.decide(&host.identity().gateway_token, &Question::reads_jobs(&successor.secret))
            .check_rate_limited(PRODUCTION as u64);
    }
}

#[test]
fn a_host_that_dies_under_load_gives_nobody_more() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    let key = host.issue("production", &["jobs:read"]);
    let killed = AtomicBool::new(false);
    let tally = flood_both(&host, &key, |number| {
        if number >= 4_000 && !killed.swap(true, Ordering::Relaxed) {
            host.nodes()[1].signal(Signal::KILL);
        }
    });
    assert!(tally.lost > 0);
    // What it may cost is one lease, a twentieth of the limit, and the answers that were under way.
    assert!((USABLE - 600..=PRODUCTION).contains(&tally.allowed), "{} in {:?}", tally.allowed, tally.took);
}
