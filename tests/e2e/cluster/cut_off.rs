//! A host that is left with a primary that nobody else reaches, while all others have gone over to another.

use std::sync::OnceLock;
use std::time::Duration;

use harness::process::PATIENCE;
use harness::{
    Asked, Came, Client, Cluster, Count, Fault, Key, Question, Request, Ways, ask_on, in_parallel,
    is_left_to_tests_run, seen, stopwatch, wait_until,
};

use super::lag::check_lags;
use super::rig::{self, BOUND, Trio};
use super::{A_FEW_SECONDS, last_unserved};

/// Keys that the others revoke.
const KEYS: usize = 500;
/// Connections that ask the host that is left, each about keys of its own, without a pause.
const ASKING: usize = 10;
/// Connections that revoke, through the other hosts.
const REVOKING: usize = 6;
/// The host that is left.
const LEFT: usize = 2;

/// Revokes all keys through the other hosts; `ended` is told of each as soon as that is confirmed.
#[track_caller]
fn revoke(trio: &Trio, keys: &[Key], ended: impl Fn(usize) + Sync) {
    in_parallel(REVOKING, |number| {
        let operator = trio.operator(number % LEFT);
        for (at, key) in keys.iter().enumerate().skip(number).step_by(REVOKING) {
            let is_revoked = || trio.try_revoke(&operator, key).is_ok_and(|told| rig::is_confirmed(&told));
            wait_until("it is revoked", is_revoked);
            ended(at);
        }
    });
}

/// Asks once about each of these.
fn ask_about(mine: &[(usize, Request)], client: &Client, watch: &impl Fn() -> Duration) -> Vec<(usize, Asked)> {
    mine.iter().map(|(at, request)| (*at, ask_on(client, request, watch, |_| true).remove(0))).collect()
}

#[test]
fn a_host_that_is_left_with_a_primary_that_was_cut_off_sees_revocations_within_the_bound() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::with_gates();
    let ways = Ways::of(&cluster);
    let trio = Trio::on_each([&cluster.url(), &cluster.url(), &ways.url()]);
    let (home, keys) = (trio.key_of_home(), trio.issue_many(KEYS));
    let old = cluster.holder_of(&home);
    let (asking, afterwards, watch) = (Count::default(), Count::default(), stopwatch());
    let [cut_off, given_back] = [const { OnceLock::new() }; 2];
    let ends: Vec<OnceLock<Duration>> = keys.iter().map(|_| OnceLock::new()).collect();
    let told = in_parallel(ASKING + 1, |number| {
        if number == ASKING {
            asking.wait_for(ASKING, "all keys are allowed");
            // The host keeps its ways to primaries, and so all that it needs but what will take this one's place.
            for replica in cluster.nodes().iter().filter(|node| node.says(&["INFO", "replication"], "role:slave")) {
                ways.to(replica).black_hole();
            }
            cluster.cut_off(old);
            cut_off.set(watch()).expect("it is cut off once");
            wait_until("another takes its place", || {
                cluster.nodes().iter().any(|node| node.address() != old.address() && rig::holds(node, &home))
            });
            revoke(&trio, &keys, |at| ends[at].set(watch()).expect("a key ends once"));
            afterwards.wait_for(ASKING, "all were asked about for longer than the bound");
            assert!(rig::holds(old, &home), "it has heard that another took its place");
            given_back.set(watch()).expect("they are given back once");
            ways.all().iter().for_each(harness::Proxy::open);
            return Vec::new();
        }
        // Each from a network of its own, where nobody has failed yet.
        let question =
            |at: usize| Question::reads_jobs(&keys[at].secret).from(&format!("10.{}.{}.1", at / 256, at % 256));
        let mine: Vec<_> = (number..KEYS).step_by(ASKING).map(|at| (at, question(at).request())).collect();
        let client = trio.gateway(LEFT);
        for (_, request) in &mine {
            ask_on(&client, request, &watch, |asked| asked.came == Came::Allow);
        }
        asking.add_one();
        let (mut told, mut is_counted) = (Vec::new(), false);
        loop {
            let (began, is_given_back) = (watch(), given_back.get().is_some());
            let round = ask_about(&mine, &client, &watch);
            let is_over = is_given_back && round.iter().all(|(_, asked)| asked.came.is_deny("unauthenticated"));
            let is_late = ends.iter().all(|end| end.get().is_some_and(|end| began > *end + BOUND));
            if is_late && !is_counted {
                afterwards.add_one();
                is_counted = true;
            }
            told.extend(round);
            if is_over {
                return told;
            }
            assert!(began < 3 * PATIENCE, "asked in vain, and was told {:?}", told.last());
        }
    });
    let [cut_off, given_back] = [cut_off, given_back].map(|time| time.into_inner().expect("it was done"));
    let ends: Vec<_> = ends.into_iter().map(|end| end.into_inner().expect("every key has ended")).collect();
    let told: Vec<_> = told.into_iter().flatten().collect();
    let mut lags = vec![Duration::ZERO; KEYS];
    for (at, asked) in &told {
        match &asked.came {
            Came::Allow => lags[*at] = lags[*at].max(asked.sent.saturating_sub(ends[*at])),
            came if asked.sent + asked.took < given_back => assert!(came.is_unavailable(), "{asked:?}"),
            came => assert!(came.is_unavailable() || came.is_deny("unauthenticated"), "{asked:?}"),
        }
        assert!(asked.took < A_FEW_SECONDS, "{asked:?}");
    }
    // That primary alone can have told it that nothing has changed.
    let is_by_that_primary = |asked: &Asked| asked.came == Came::Allow && asked.sent > cut_off + BOUND;
    assert!(told.iter().any(|(_, asked)| is_by_that_primary(asked)), "it was not left with it");
    check_lags("One host of three left with a primary that was cut off", lags);

    for key in &keys {
        trio.check_dead(key);
    }
    trio.wait_until_all_allow(&trio.issue(LEFT));
    let meanwhile = told.iter().map(|(_, asked)| asked).filter(|asked| asked.sent > cut_off && asked.sent < given_back);
    let saw = seen(meanwhile.map(|asked| asked.came.to_string()));
    let recovered = last_unserved(told.iter().map(|(_, asked)| asked)).saturating_sub(given_back);
    let what = "Redis Cluster: primary cut off, and one host of three left with it";
    Fault { what, saw: &saw, recovered, found: KEYS }.note();
}
