//! One limit over three hosts.

use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{Answer, Cluster, Question, in_parallel, is_left_to_tests_run, stopwatch};

use super::rig::Trio;

const PRODUCTION: usize = 10_000;
/// What several hosts can use of a limit, at least.
const USABLE: usize = PRODUCTION * 97 / 100;
const CONNECTIONS: usize = 48;

#[test]
fn a_limit_is_one_limit_over_three_hosts_and_most_of_it_can_be_used() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::of(3, 1);
    let trio = Trio::on(&cluster.url());
    let key = trio.issue(0);
    trio.wait_until_all_allow(&key);
    let (watch, refused) = (stopwatch(), [const { AtomicUsize::new(0) }; 3]);
    let allowed: usize = in_parallel(CONNECTIONS, |connection| {
        let at = connection % 3;
        let (client, mut allowed) = (trio.gateway(at), 0);
        // A host has nothing left when all of its connections were refused again and again.
        while refused.iter().any(|row| row.load(Ordering::Relaxed) < 20 * CONNECTIONS) {
            let answer = Answer::of(client.send(&Question::reads_jobs(&key.secret).request()).check_json(200));
            if answer.is_allow() {
                allowed += 1;
                refused[at].store(0, Ordering::Relaxed);
            } else {
                answer.check_rate_limited(PRODUCTION as u64);
                refused[at].fetch_add(1, Ordering::Relaxed);
            }
        }
        allowed
    })
    .into_iter()
    .sum();
    assert!(watch().as_secs() < 60, "this machine is too slow to show anything: {:?}", watch());
    // Each host was asked once before.
    assert!((USABLE..=PRODUCTION).contains(&(allowed + 3)), "{allowed} in {:?}", watch());
}
