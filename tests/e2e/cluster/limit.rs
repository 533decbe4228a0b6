//! One limit over three hosts: never exceeded, wherever a window begins, and nearly all of it can be used.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harness::{Answer, Cluster, Key, Question, in_parallel, is_left_to_tests_run, stopwatch};

use super::rig::Trio;

const PRODUCTION: usize = 10_000;
const WINDOW: Duration = Duration::from_secs(60);
/// What several hosts can use of a limit, at least.
const USABLE: usize = PRODUCTION * 97 / 100;
const CONNECTIONS: usize = 48;
/// Longer than the slots that uses are counted in.
const A_SECOND: Duration = Duration::from_secs(1);

/// A question that was allowed: when it was sent, and when it was answered.
type Allowed = [Duration; 2];

/// Asks all hosts without a pause, at least until then, and until none has anything left or it has taken too long.
#[track_caller]
fn use_up(trio: &Trio, key: &Key, watch: &(impl Fn() -> Duration + Sync), until: Duration) -> Vec<Allowed> {
    let (question, refused) = (Question::reads_jobs(&key.secret).request(), [const { AtomicUsize::new(0) }; 3]);
    let most = until.max(watch()) + WINDOW;
    let allowed = in_parallel(CONNECTIONS, |connection| {
        let at = connection % 3;
        let (client, mut allowed) = (trio.gateway(at), Vec::new());
        // A host has nothing left when all of its connections were refused again and again.
        let is_left = || refused.iter().any(|row| row.load(Ordering::Relaxed) < 20 * CONNECTIONS);
        while watch() < most && (watch() < until || is_left()) {
            let sent = watch();
            let answer = Answer::of(client.send(&question).check_json(200));
            if answer.is_allow() {
                allowed.push([sent, watch()]);
                refused[at].store(0, Ordering::Relaxed);
            } else if !answer.says_to_try_again() {
                answer.check_rate_limited(PRODUCTION as u64);
                refused[at].fetch_add(1, Ordering::Relaxed);
            }
        }
        allowed
    });
    let allowed: Vec<_> = allowed.into_iter().flatten().collect();
    let [began, ended] = span(&allowed);
    assert!(ended - began < WINDOW, "this machine is too slow to show anything: {:?}", ended - began);
    allowed
}

/// When the first was sent, and the last answered.
fn span(allowed: &[Allowed]) -> [Duration; 2] {
    let began = allowed.iter().map(|[sent, _]| *sent).min();
    let ended = allowed.iter().map(|[_, answered]| *answered).max();
    [began, ended].map(|time| time.expect("something was allowed"))
}

/// The most that were sent and answered within one window, wherever it begins.
fn most_in_a_window(allowed: &[Allowed]) -> usize {
    let sorted = |number: usize| {
        let mut times: Vec<_> = allowed.iter().map(|times| times[number]).collect();
        times.sort();
        times
    };
    let [sent, answered] = [sorted(0), sorted(1)];
    // Whatever was sent before a window begins is answered before it ends.
    let within = |begins: Duration| {
        let answered = answered.partition_point(|answered| *answered <= begins + WINDOW);
        answered.saturating_sub(sent.partition_point(|sent| *sent < begins))
    };
    sent.iter().map(|begins| within(*begins)).max().unwrap_or_default()
}

/// Used up, it is used up again while its window slides: by the dev clock half of what was used has left then, and the rest leaves
/// little by little.
#[test]
fn a_limit_over_three_hosts_is_exceeded_in_no_window_and_most_of_it_can_be_used() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::start();
    let trio = Trio::on(&cluster.url());
    trio.wait_until_all_allow(&trio.issue(0));
    let (key, watch) = (trio.issue(0), stopwatch());
    let first = use_up(&trio, &key, &watch, Duration::ZERO);
    let [began, ended] = span(&first);
    let ahead = (began + (ended - began) / 2 + WINDOW).saturating_sub(watch()).as_secs();
    trio.advance(ahead);
    let ahead = Duration::from_secs(ahead);
    let all_have_left = ended + WINDOW + A_SECOND;
    let second = use_up(&trio, &key, &watch, all_have_left.saturating_sub(ahead));
    for (turn, allowed) in [("first", &first), ("second", &second)] {
        assert!((USABLE..=PRODUCTION).contains(&allowed.len()), "the {turn} time {}, in {:?}", allowed.len(), watch());
    }
    // By the clock that windows run on.
    let second = second.into_iter().map(|times| times.map(|time| time + ahead));
    let most = most_in_a_window(&first.into_iter().chain(second).collect::<Vec<_>>());
    assert!((USABLE..=PRODUCTION).contains(&most), "{most} in one window");
}
