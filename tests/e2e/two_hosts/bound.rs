//! The bound: what was asked later than a change's acknowledgement and this much is answered as the change says. Measured
//! from when a question was sent, so that a slow machine makes it no later.

use std::sync::OnceLock;
use std::time::Duration;

use harness::{
    Asked, Came, Count, Host, Key, Question, Setup, ask_on, in_parallel, is_left_to_tests_run, stopwatch, wait_until,
};
use serde_json::json;

/// How long a host believes what it has heard; what `--freshness-ms` is when nobody says otherwise.
const BOUND: Duration = Duration::from_secs(1);
/// Connections that ask without a pause, each about a key of its own.
const CONNECTIONS: usize = 32;
/// How often each asks after the bound, at least.
const AFTERWARDS: usize = 20;

/// A change that ends keys.
struct Ending {
    /// Makes it through the first host, and says which keys it has ended as soon as that is acknowledged.
    make: fn(host: &Host, keys: &[Key], ended: &dyn Fn(usize)),
    /// Takes it back, where it would stand in the way of what comes next.
    undo: fn(host: &Host),
    code: &'static str,
}

const REVOKE: Ending =
    Ending { make: |host, keys, ended| one_by_one(host, keys, "revoke", ended), undo: |_| {}, code: "unauthenticated" };
const DISABLE: Ending = Ending { make: |host, keys, ended| one_by_one(host, keys, "disable", ended), ..REVOKE };
const SUSPEND: Ending = Ending {
    make: |host, keys, ended| {
        let operator = host.manager().client(Some(&host.identity().operator_token));
        operator.post(&host.workspace("/suspend"), &json!({})).check_json(200);
        (0..keys.len()).for_each(ended);
    },
    undo: |host| drop(host.operator().post(&host.workspace("/resume"), &json!({})).check_json(200)),
    code: "unauthenticated",
};
const ALLOW_LIST: Ending = Ending {
    make: |host, keys, ended| {
        let operator = host.manager().client(Some(&host.identity().operator_token));
        operator.put(&host.workspace("/network"), &json!({ "ip_allow": ["203.0.113.0/24"] })).check_json(200);
        (0..keys.len()).for_each(ended);
    },
    undo: |host| host.allow_from(&json!(null)),
    code: "ip_not_allowed",
};

fn one_by_one(host: &Host, keys: &[Key], change: &str, ended: &dyn Fn(usize)) {
    let operator = host.manager().client(Some(&host.identity().operator_token));
    for (number, key) in keys.iter().enumerate() {
        operator.post(&host.key(key, &format!("/{change}")), &json!({})).check_json(200);
        ended(number);
    }
}

/// What was asked about a key, and when its end was acknowledged.
struct Told {
    asked: Vec<Asked>,
    end: Duration,
}

/// Asks the second host about keys without a pause while the first ends them; what was told, key by key.
#[track_caller]
fn end_under_load(host: &Host, keys: &[Key], ending: &Ending) -> Vec<Told> {
    let ends: Vec<OnceLock<Duration>> = keys.iter().map(|_| OnceLock::new()).collect();
    let (asking, watch) = (Count::default(), stopwatch());
    let told = in_parallel(CONNECTIONS + 1, |number| {
        let Some(key) = keys.get(number) else {
            asking.wait_for(CONNECTIONS, "all ask");
            (ending.make)(host, keys, &|number| ends[number].set(watch()).expect("a key ends once"));
            return Vec::new();
        };
        let client = host.decider().client(Some(&host.identity().gateway_token));
        let question = Question::reads_jobs(&key.secret).from("198.51.100.7");
        ask_on(&client, &question.request(), &watch, |asked| asked.came == Came::Allow);
        asking.add_one();
        let mut afterwards = 0;
        ask_on(&client, &question.request(), &watch, |asked| {
            afterwards += usize::from(ends[number].get().is_some_and(|end| asked.sent > *end + BOUND));
            afterwards == AFTERWARDS
        })
    });
    let ends = ends.into_iter().map(|end| end.into_inner().expect("every key has ended"));
    told.into_iter().zip(ends).map(|(asked, end)| Told { asked, end }).collect()
}

/// How long after its acknowledgement the last question was sent that was still allowed.
fn lag(told: &[Told]) -> Duration {
    let late = |told: &Told| {
        let allowed = told.asked.iter().filter(|asked| asked.came == Came::Allow);
        allowed.map(|asked| asked.sent.saturating_sub(told.end)).max().unwrap_or_default()
    };
    told.iter().map(late).max().unwrap_or_default()
}

/// Checks that nothing was allowed later than the bound, and that all else is as it may be.
#[track_caller]
fn check_bound(told: &[Told], may_be: impl Fn(&Came) -> bool) {
    let lag = lag(told);
    assert!(lag <= BOUND, "a question that was sent {lag:?} after the end was acknowledged was allowed");
    for (asked, end) in told.iter().flat_map(|told| told.asked.iter().map(move |asked| (asked, told.end))) {
        assert!(asked.came == Came::Allow || may_be(&asked.came), "ended at {end:?}, lag {lag:?}: {asked:?}");
    }
}

/// Checks that the second host lives: it hears of new keys and of their ends.
#[track_caller]
fn check_recovers(host: &Host) {
    let key = host
        .manager()
        .client(Some(&host.identity().operator_token))
        .post(&host.workspace("/keys"), &json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] }));
    let key = Key::of(key.check_json(201));
    let client = host.decider().client(Some(&host.identity().gateway_token));
    let question = Question::reads_jobs(&key.secret).from("203.0.113.7");
    ask_on(&client, &question.request(), &stopwatch(), |asked| {
        assert!(asked.came == Came::Allow || asked.came.is_unavailable(), "{asked:?}");
        asked.came == Came::Allow
    });
    host.change(&key, "revoke");
    question.ask(&client).check_unauthenticated();
    wait_until("it is ready", || host.decider().health().status == 200);
}

#[test]
fn a_key_that_was_ended_through_one_host_is_dead_at_the_other_within_the_bound() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    for ending in [REVOKE, DISABLE, SUSPEND, ALLOW_LIST] {
        let told = end_under_load(&host, &host.issue_many(CONNECTIONS), &ending);
        check_bound(&told, |came| came.is_deny(ending.code) || came.is_unavailable());
        for told in &told {
            let last = told.asked.last().unwrap();
            assert!(last.came.is_deny(ending.code), "{last:?}");
        }
        (ending.undo)(&host);
    }
}

#[test]
fn and_while_announcements_are_kept_from_it() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis_through_proxy().start();
    for ending in [REVOKE, DISABLE, SUSPEND, ALLOW_LIST] {
        let keys = host.issue_many(CONNECTIONS);
        let before = host.setup().proxy().dropped();
        host.setup().proxy().hold_announcements();
        let told = end_under_load(&host, &keys, &ending);
        check_bound(&told, |came| came.is_deny(ending.code) || came.is_unavailable());
        for told in &told {
            let afterwards = told.asked.iter().filter(|asked| asked.sent > told.end + BOUND);
            assert!(afterwards.clone().any(|asked| asked.came.is_deny(ending.code)), "{:?}", told.asked.last());
        }
        assert!(host.setup().proxy().dropped() > before, "nothing was kept back");
        host.setup().proxy().open();
        (ending.undo)(&host);
        check_recovers(&host);
    }
}

/// Takes the second host's way to Redis while the first ends its keys, gives it back, and asks about them all the while.
#[track_caller]
fn check_without_redis(endings: &[Ending], take: fn(&harness::Proxy)) {
    let host = Setup::dev().on_redis_through_proxy().start();
    for ending in endings {
        let keys = host.issue_many(CONNECTIONS);
        let (asking, afterwards, watch) = (Count::default(), Count::default(), stopwatch());
        let [taken, ended, given_back] = [const { OnceLock::new() }; 3];
        let told = in_parallel(CONNECTIONS + 1, |number| {
            let Some(key) = keys.get(number) else {
                asking.wait_for(CONNECTIONS, "all ask");
                take(host.setup().proxy());
                taken.set(watch()).unwrap();
                (ending.make)(&host, &keys, &|_| {});
                ended.set(watch()).unwrap();
                afterwards.wait_for(CONNECTIONS, "all were answered for longer than the bound");
                given_back.set(watch()).unwrap();
                host.setup().proxy().open();
                return Vec::new();
            };
            let client = host.decider().client(Some(&host.identity().gateway_token));
            let question = Question::reads_jobs(&key.secret).from("198.51.100.7");
            ask_on(&client, &question.request(), &watch, |asked| asked.came == Came::Allow);
            asking.add_one();
            let mut times = 0;
            ask_on(&client, &question.request(), &watch, |asked| {
                if ended.get().is_some_and(|ended| asked.sent > *ended + 2 * BOUND) {
                    times += 1;
                    if times == AFTERWARDS {
                        afterwards.add_one();
                    }
                }
                asked.came.is_deny(ending.code)
            })
        });
        let [taken, given_back] = [taken, given_back].map(|time| time.into_inner().unwrap());
        for asked in told.iter().flatten() {
            let since = asked.sent.saturating_sub(taken);
            match &asked.came {
                Came::Allow => assert!(since <= BOUND, "allowed {since:?} after its way to Redis was taken"),
                came if asked.sent + asked.took < given_back => {
                    assert!(came.is_unavailable(), "{since:?} after its way to Redis was taken: {asked:?}");
                }
                came => assert!(came.is_unavailable() || came.is_deny(ending.code), "{asked:?}"),
            }
            assert!(asked.took < Duration::from_secs(10), "{asked:?}");
        }
        (ending.undo)(&host);
        check_recovers(&host);
    }
}

#[test]
fn and_when_all_that_it_hears_and_says_is_swallowed() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    check_without_redis(&[REVOKE, ALLOW_LIST], harness::Proxy::black_hole);
}

#[test]
fn and_when_its_connections_are_cut_and_refused() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    check_without_redis(&[REVOKE], harness::Proxy::cut);
}

#[test]
fn a_shorter_bound_is_held_as_well() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let bound = Duration::from_millis(300);
    let host = Setup::dev().on_redis_through_proxy().args(["--freshness-ms", "300"]).start();
    let keys = host.issue_many(CONNECTIONS);
    host.setup().proxy().hold_announcements();
    let told = end_under_load(&host, &keys, &REVOKE);
    let lag = lag(&told);
    assert!(lag <= bound, "a question that was sent {lag:?} after the revocation was acknowledged was allowed");
}
