//! Quotas are exact: under load, over a rotation, over a crash.

use std::sync::OnceLock;

use harness::{Host, Question, Tally, flood};
use rustix::process::Signal;

const PRODUCTION: u64 = 10_000;
const STAGING: u64 = 1_000;

/// Checks that all of `limit` was allowed and nothing more.
#[track_caller]
fn check_exactly(tally: &Tally, limit: u64) {
    tally.check_within_a_minute();
    assert_eq!((tally.allowed as u64, tally.lost), (limit, 0), "in {:?}", tally.took);
    for answer in &tally.denied {
        answer.check_rate_limited(limit);
        assert!(answer.0["principal"].is_object(), "{}", answer.0);
    }
}

#[test]
fn ten_thousand_of_ten_thousand_and_one_hundred() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let tally = flood(&host, 64, 10_100, |_| Question::reads_jobs(&key.secret));
    check_exactly(&tally, PRODUCTION);
    assert_eq!(tally.denied.len(), 100);
}

#[test]
fn a_rotation_in_between_hands_out_no_second_allowance() {
    let host = Host::dev();
    let old = host.issue("production", &["jobs:read"]);
    let new = OnceLock::new();
    let tally = flood(&host, 64, 10_300, |number| {
        if number == 4_000 {
            new.get_or_init(|| host.rotate(&old, 3_600));
        }
        match new.get() {
            Some(new) if number % 2 == 0 => Question::reads_jobs(&new.secret),
            _ => Question::reads_jobs(&old.secret),
        }
    });
    check_exactly(&tally, PRODUCTION);
    // The successor's successor counts in the same meter still.
    let third = host.rotate(new.get().unwrap(), 3_600);
    host.decide(&Question::reads_jobs(&third.secret)).check_rate_limited(PRODUCTION);
}

#[test]
fn a_crash_in_between_hands_out_no_second_allowance() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let before = flood(&host, 64, 10_100, |number| {
        if number == 5_000 {
            host.signal(Signal::KILL);
        }
        Question::reads_jobs(&key.secret)
    });
    assert!(before.lost > 0 && before.denied.is_empty(), "{before:?}");
    let host = host.wait().start();
    let after = flood(&host, 64, 10_100, |_| Question::reads_jobs(&key.secret));
    for answer in &after.denied {
        answer.check_deny(&["rate_limited"]);
    }
    let both = before.and(after);
    both.check_within_a_minute();
    // What the crash may cost is one lease, a twentieth of the limit, and the answers that were under way.
    assert!((9_400..=10_000).contains(&both.allowed), "{}", both.allowed);
}

#[test]
fn staging_gets_a_thousand() {
    let host = Host::dev();
    let key = host.issue("staging", &["jobs:read"]);
    let tally = flood(&host, 16, 1_100, |_| Question::reads_jobs(&key.secret));
    check_exactly(&tally, STAGING);
    // Another key has a quota of its own.
    let other = host.issue("staging", &["jobs:read"]);
    assert_eq!(host.decide(&Question::reads_jobs(&other.secret)).check_allow().remaining(), STAGING - 1);
}

#[test]
fn a_batch_consumes_like_single_questions() {
    let host = Host::dev();
    let key = host.issue("staging", &["jobs:read"]);
    let items = vec![Question::reads_jobs(&key.secret).body().clone(); 100];
    let body = serde_json::json!({ "items": items });
    let mut allowed = 0;
    for _ in 0..11 {
        let answers = host.gateway().post("/v1/authorize/batch", &body).check_json(200);
        let answers = answers["items"].as_array().unwrap();
        allowed += answers.iter().filter(|answer| answer["decision"] == "allow").count();
    }
    assert_eq!(allowed as u64, STAGING);
}

#[test]
fn denials_consume_nothing() {
    let host = Host::dev();
    let key = host.issue("staging", &["jobs:read"]);
    let asks = Question::reads_jobs(&key.secret);
    assert_eq!(host.decide(&asks).check_allow().remaining(), STAGING - 1);
    for _ in 0..30 {
        host.decide(&asks.clone().to("POST /v1/jobs")).check_deny(&["missing_scope"]);
        host.decide(&asks.clone().within("production")).check_deny(&["environment_not_allowed"]);
        host.decide(&asks.clone().in_workspace("other")).check_deny(&["wrong_workspace"]);
        host.decide(&asks.clone().to("GET /nowhere")).check_deny(&["unknown_action"]);
    }
    assert_eq!(host.decide(&asks).check_allow().remaining(), STAGING - 2);
}

#[test]
fn attempts_have_a_limit_too() {
    let host = Host::dev();
    let key = host.issue("staging", &["jobs:read"]);
    let denied = Question::of(&key.secret).to("POST /v1/jobs").within("staging");
    // Five times the quota, as the catalog says.
    let tally = flood(&host, 16, 5_100, |_| denied.clone());
    tally.check_within_a_minute();
    let by_policy = tally.denied.iter().filter(|answer| answer.codes() == ["missing_scope"]).count();
    assert_eq!((tally.allowed, by_policy), (0, 5_000));
    host.decide(&denied).check_rate_limited(STAGING);
}

#[test]
fn whoever_comes_back_when_told_to_is_let_in() {
    let host = Host::dev();
    let key = host.issue("staging", &["jobs:read"]);
    let asks = Question::reads_jobs(&key.secret);
    for round in 0..3 {
        // As time goes by, old uses leave the window, so what was exhausted need not be for long.
        let mut answers = (0..3_000).map(|_| host.decide(&asks));
        let told = answers.find(|answer| !answer.is_allow()).unwrap_or_else(|| panic!("no end in round {round}"));
        told.check_rate_limited(STAGING);
        host.advance(told.0["quota"]["reset_seconds"].as_u64().unwrap());
        host.decide(&asks).check_allow();
    }
    host.advance(61);
    assert_eq!(host.decide(&asks).check_allow().remaining(), STAGING - 1);
}
