//! Wall clocks that are wrong, and wall clocks that are set while hosts serve. What a host believes runs on monotonic time, so that
//! neither interrupts anybody nor keeps a revocation back; keys end by the clock of whoever is asked.

use std::time::Duration;

use harness::{Came, Client, Fault, Host, Key, Node, Question, Setup, WallClock, ask_on, flood, is_left_to_tests_run};
use harness::{Request, stopwatch};
use serde_json::json;

/// How long a host believes what it has heard: not a second, in which hosts on a busy machine may not come to hearing anything.
const BOUND: Duration = Duration::from_secs(5);
/// Two hours.
const WRONG_BY: i64 = 7_200;
/// What a staging key may ask in a minute, and what several hosts can use of it, at least.
const STAGING: usize = 1_000;
const USABLE: usize = STAGING * 97 / 100;
/// What takes longer shows nothing.
const WINDOW: Duration = Duration::from_secs(60);
/// Refusals in a row after which nothing is left.
const REFUSALS: usize = 200;

/// Two hosts on one Redis.
fn two() -> Host {
    Setup::dev().on_redis().args(["--freshness-ms".to_owned(), BOUND.as_millis().to_string()]).start()
}

/// A third process beside the two of `host`, which goes by this clock.
#[track_caller]
fn beside(host: &Host, clock: &WallClock) -> Node {
    clock.of(host.setup().clone()).try_start_node(3).expect("a third serves beside them")
}

fn asker(host: &Host, node: &Node) -> Client {
    node.client(Some(&host.identity().gateway_token))
}

/// A key that ends in an hour.
#[track_caller]
fn that_ends_in_an_hour(host: &Host) -> Key {
    host.issue_with("production", &["jobs:read"], &json!({ "expires_at": host.hours_from_now(1) }))
}

/// The clock of Redis minus a host's, in milliseconds, as the host tells it.
#[track_caller]
fn skew(node: &Node) -> i64 {
    let metrics = Client::new(node.metrics(), None).get("/metrics").body;
    let value = metrics.lines().find_map(|line| line.strip_prefix("access_store_skew_milliseconds "));
    value.expect("it tells").parse().expect("a number")
}

/// Checks that a key that is revoked through the first host is dead at `asker`'s within the bound.
#[track_caller]
fn check_bound(host: &Host, asker: &Client) {
    let key = host.issue("production", &["jobs:read"]);
    let question = Question::reads_jobs(&key.secret);
    question.ask(asker).check_allow();
    let operator = host.manager().client(Some(&host.identity().operator_token));
    operator.send(&Request::new("POST", &host.key(&key, "/revoke")).json(&json!({}))).check_json(200);
    let asked = ask_on(asker, &question.request(), &stopwatch(), |asked| asked.came.is_deny("unauthenticated"));
    let late = asked.iter().find(|asked| asked.came == Came::Allow && asked.sent > BOUND);
    assert!(late.is_none(), "{late:?}");
}

/// What two hosts allow of a staging key together, asked in turn until nothing is left.
#[track_caller]
fn allowed_of_a_limit(host: &Host, askers: [&Client; 2]) -> usize {
    let key = host.issue("staging", &["jobs:read"]);
    let (watch, question) = (stopwatch(), Question::reads_jobs(&key.secret));
    let (mut allowed, mut refused) = (0, 0);
    while refused < REFUSALS && watch() < WINDOW {
        for asker in askers {
            let answer = question.ask_patiently(asker);
            if answer.is_allow() {
                (allowed, refused) = (allowed + 1, 0);
            } else {
                answer.check_deny(&["rate_limited"]);
                refused += 1;
            }
        }
    }
    assert!(watch() < WINDOW, "this machine is too slow to show anything: {:?}", watch());
    allowed
}

#[test]
fn hosts_whose_clocks_differ_hold_one_bound_and_one_limit_and_keys_end_by_the_clock_that_is_asked() {
    if is_left_to_tests_run("redis-server") || is_left_to_tests_run("cc") {
        return;
    }
    for ahead in [WRONG_BY, -WRONG_BY] {
        let host = two();
        let clock = WallClock::made();
        clock.set(ahead);
        let node = beside(&host, &clock);
        let (right, wrong) = (asker(&host, host.decider()), asker(&host, &node));
        let skew = skew(&node);
        assert!((skew + 1_000 * ahead).abs() < 60_000, "{skew} ms");
        check_bound(&host, &wrong);
        let allowed = allowed_of_a_limit(&host, [&right, &wrong]);
        assert!((USABLE..=STAGING).contains(&allowed), "{allowed}");

        let ending = Question::reads_jobs(&that_ends_in_an_hour(&host).secret);
        if ahead > 0 {
            ending.ask(&right).check_allow();
            ending.ask(&wrong).check_unauthenticated();
        } else {
            host.advance(3_601);
            ending.ask(&right).check_unauthenticated();
            ending.ask(&wrong).check_allow();
        }
        let what =
            format!("Clock of one host of three {} h {}", WRONG_BY / 3_600, if ahead > 0 { "fast" } else { "slow" });
        let saw = "one limit, one bound; keys end early or late there";
        Fault { what: &what, saw, recovered: Duration::ZERO, found: 3 }.note();
    }
}

#[test]
fn a_clock_that_is_set_interrupts_nobody_and_keeps_no_revocation_back() {
    if is_left_to_tests_run("redis-server") || is_left_to_tests_run("cc") {
        return;
    }
    let host = two();
    let clock = WallClock::made();
    let node = beside(&host, &clock);
    let (asker, key) = (asker(&host, &node), host.issue("production", &["jobs:read"]));
    for ahead in [0, WRONG_BY, -WRONG_BY, 0] {
        clock.set(ahead);
        for _ in 0..50 {
            Question::reads_jobs(&key.secret).ask(&asker).check_allow();
        }
        check_bound(&host, &asker);
    }
    let saw = "allow, without a pause";
    let what = "Clock of a host set forward and back by 2 h, on Redis";
    Fault { what, saw, recovered: Duration::ZERO, found: 4 }.note();
}

/// Set forward, a window begins anew, as if its time were over; set back, none does.
#[test]
fn a_clock_that_is_set_back_gives_nobody_more_and_set_forward_it_ends_what_ends_by_then() {
    if is_left_to_tests_run("cc") {
        return;
    }
    let clock = WallClock::made();
    let host = clock.of(Setup::dev().on_embedded()).start();
    let (living, staging) = (host.issue("production", &["jobs:read"]), host.issue("staging", &["jobs:read"]));
    let ending = that_ends_in_an_hour(&host);
    let lives = |host: &Host, key: &Key| host.decide(&Question::reads_jobs(&key.secret)).is_allow();
    let asks = |_| Question::reads_jobs(&staging.secret);

    let before = flood(&host, 8, 300, asks);
    clock.set(-WRONG_BY);
    assert!(lives(&host, &living) && lives(&host, &ending));
    let all = before.and(flood(&host, 8, STAGING, asks));
    all.check_within_a_minute();
    assert_eq!((all.allowed, all.lost), (STAGING, 0));

    clock.set(WRONG_BY);
    assert!(lives(&host, &living));
    host.decide(&Question::reads_jobs(&ending.secret)).check_unauthenticated();
    let anew = flood(&host, 8, STAGING + 100, asks);
    anew.check_within_a_minute();
    assert_eq!((anew.allowed, anew.lost), (STAGING, 0));

    clock.set(0);
    assert!(lives(&host, &living) && lives(&host, &ending));
    let stopped = host.terminate();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.stderr);
    let watch = stopwatch();
    let host = stopped.start();
    let recovered = watch();
    assert!(lives(&host, &living) && lives(&host, &ending));
    let what = "Clock of a host set back and forward by 2 h, on the embedded store";
    Fault { what, saw: "allow, without a pause; set forward, keys end and windows begin anew", recovered, found: 2 }
        .note();
}
