//! The life of a key: rotated, switched off and on, ended; by its own dates and by its kind's.

use std::sync::atomic::{AtomicBool, Ordering};

use harness::{AtEnd, Count, Host, Key, Question, in_parallel};
use serde_json::{Value, json};

const DAY: u64 = 86_400;
/// The catalog's longest overlap.
const LONGEST_OVERLAP: u64 = 7 * DAY;

#[track_caller]
fn check_lives(host: &Host, key: &Key) -> u64 {
    host.decide(&Question::reads_jobs(&key.secret)).check_allow().remaining()
}

#[track_caller]
fn check_dead(host: &Host, key: &Key) {
    host.decide(&Question::reads_jobs(&key.secret)).check_unauthenticated();
}

#[test]
fn in_the_overlap_both_work_and_share_one_meter() {
    let host = Host::dev();
    let old = host.issue("production", &["jobs:read"]);
    assert_eq!(check_lives(&host, &old), 9_999);
    let new = host.rotate(&old, DAY);
    for left in [9_997, 9_995, 9_993] {
        assert_eq!(check_lives(&host, &new), left + 1);
        assert_eq!(check_lives(&host, &old), left);
    }
    let (shown, successor) = (host.show(&old), host.show(&new));
    assert_eq!(shown["lineage"], successor["lineage"]);
    assert_eq!(shown["successor"], json!(new.id));
    assert_eq!(successor["predecessor"], json!(old.id));

    host.advance(DAY - 60);
    check_lives(&host, &old);
    host.advance(60);
    check_dead(&host, &old);
    check_lives(&host, &new);
    assert_eq!(host.show(&old)["state"], "expired");
}

#[test]
fn the_successor_is_the_same_key_with_another_secret() {
    let host = Host::dev();
    let further = json!({
        "name": "nightly import", "ip_allow": ["203.0.113.0/24", "2001:db8::/32"], "metadata": { "team": "data" },
        "expires_at": host.hours_from_now(20), "not_before": host.hours_from_now(-1),
    });
    for (kind, scopes) in [
        ("production", ["jobs:read", "webhooks:configure"].as_slice()),
        ("staging", &["jobs:write"]),
        ("read_only", &[]),
    ] {
        let old = host.issue_with(kind, scopes, &further);
        let new = host.rotate(&old, 60);
        for field in [
            "kind",
            "prefix",
            "name",
            "scopes",
            "ip_allow",
            "metadata",
            "workspace",
            "lineage",
            "not_before",
            "expires_at",
        ] {
            assert_eq!(new.view[field], old.view[field], "{field} of {kind}");
        }
        assert!(new.secret.starts_with(old.view["prefix"].as_str().unwrap()));
        assert!(new.secret != old.secret && new.id != old.id);
    }
}

#[test]
fn no_overlap_ends_the_old_key_now() {
    let host = Host::dev();
    for body in [json!({ "overlap_seconds": 0 }), json!({})] {
        let old = host.issue("production", &["jobs:read"]);
        check_lives(&host, &old);
        let new = Key::of(host.operator().post(&host.key(&old, "/rotate"), &body).check_json(201));
        check_dead(&host, &old);
        check_lives(&host, &new);
    }
}

#[test]
fn an_overlap_never_puts_an_end_off() {
    let host = Host::dev();
    let short = host.issue_with("production", &["jobs:read"], &json!({ "expires_at": host.hours_from_now(2) }));
    let new = host.rotate(&short, DAY);
    assert_eq!(host.show(&short)["expires_at"], short.view["expires_at"]);
    assert_eq!(new.view["expires_at"], short.view["expires_at"], "the end that was asked for stays");
    host.advance(2 * 3_600);
    check_dead(&host, &short);
    check_dead(&host, &new);

    let staging = host.issue("staging", &["jobs:read"]);
    host.advance(89 * DAY);
    let new = host.rotate(&staging, LONGEST_OVERLAP);
    assert_eq!(host.show(&staging)["expires_at"], staging.view["expires_at"]);
    host.advance(DAY);
    check_dead(&host, &staging);
    check_lives(&host, &new);
}

#[test]
fn an_overlap_has_a_limit() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    for too_long in [LONGEST_OVERLAP + 1, u64::MAX] {
        host.try_rotate(&key, too_long).check_problem_says(400, "invalid_request", "`overlap_seconds`");
    }
    for wrong in [json!(-1), json!(1.5), json!("1"), json!(1e30)] {
        let refused = host.operator().post(&host.key(&key, "/rotate"), &json!({ "overlap_seconds": wrong }));
        refused.check_problem_says(400, "invalid_request", "`overlap_seconds`");
    }
    assert_eq!(host.show(&key)["successor"], Value::Null);
    host.rotate(&key, LONGEST_OVERLAP);
}

#[test]
fn what_can_not_be_rotated() {
    let host = Host::dev();
    let rotated = host.issue("production", &["jobs:read"]);
    let successor = host.rotate(&rotated, DAY);
    host.try_rotate(&rotated, DAY).check_problem_says(409, "conflict", &successor.id);
    let revoked = host.issue("production", &["jobs:read"]);
    host.change(&revoked, "revoke");
    host.try_rotate(&revoked, 0).check_problem_says(409, "conflict", "revoked");
    let disabled = host.issue("production", &["jobs:read"]);
    host.change(&disabled, "disable");
    host.try_rotate(&disabled, DAY).check_problem_says(409, "conflict", "overlap of 0");
    let expired = host.issue_with("production", &["jobs:read"], &json!({ "expires_at": host.hours_from_now(1) }));
    host.advance(3_600);
    host.try_rotate(&expired, 0).check_problem_says(409, "conflict", "expired");

    // A disabled key that is enabled again can be.
    host.change(&disabled, "enable");
    let new = host.rotate(&disabled, DAY);
    check_lives(&host, &new);
}

#[test]
fn a_disabled_key_is_replaced_where_nothing_overlaps_and_stays_dead() {
    let host = Host::dev();
    let disabled = host.issue("production", &["jobs:read"]);
    host.change(&disabled, "disable");
    let new = host.rotate(&disabled, 0);
    assert_eq!(host.show(&new)["state"], "disabled");
    check_dead(&host, &new);
    host.change(&new, "enable");
    check_lives(&host, &new);
    // Whether or not it may still be enabled, it ended.
    host.try_change(&disabled, "enable");
    check_dead(&host, &disabled);
}

#[test]
fn staging_dies_at_ninety_days_unless_rotated() {
    let host = Host::dev();
    let (kept, rotated) = (host.issue("staging", &["jobs:read"]), host.issue("staging", &["jobs:read"]));
    let production = host.issue("production", &["jobs:read"]);
    host.advance(80 * DAY);
    let new = host.rotate(&rotated, DAY);
    host.advance(10 * DAY - 60);
    check_lives(&host, &kept);
    host.advance(60);
    check_dead(&host, &kept);
    assert_eq!(host.show(&kept)["state"], "expired");
    check_lives(&host, &new);
    host.advance(80 * DAY);
    check_dead(&host, &new);
    check_lives(&host, &production);

    // The clock stays where it was moved to, and so does the end.
    let host = host.kill_9().start();
    check_dead(&host, &kept);
    check_dead(&host, &new);
    check_lives(&host, &production);
}

#[test]
fn a_key_lives_between_its_dates() {
    let host = Host::dev();
    let dates = json!({ "not_before": host.hours_from_now(2), "expires_at": host.hours_from_now(4) });
    let key = host.issue_with("production", &["jobs:read"], &dates);
    assert_eq!(key.view["state"], "not_yet_valid");
    check_dead(&host, &key);
    host.advance(2 * 3_600 - 60);
    check_dead(&host, &key);
    host.advance(60);
    check_lives(&host, &key);
    assert_eq!(host.show(&key)["state"], "active");
    host.advance(2 * 3_600 - 60);
    check_lives(&host, &key);
    host.advance(60);
    check_dead(&host, &key);
    assert_eq!(host.show(&key)["state"], "expired");
}

#[test]
fn revoked_and_disabled_are_dead_on_the_next_request_and_stay_so() {
    let host = Host::dev();
    let scopes = ["jobs:read"].as_slice();
    let [revoked, disabled, enabled, replaced] = std::array::from_fn(|_| host.issue("production", scopes));
    for key in [&revoked, &disabled, &enabled, &replaced] {
        check_lives(&host, key);
    }
    assert_eq!(host.change(&revoked, "revoke")["state"], "revoked");
    check_dead(&host, &revoked);
    for key in [&disabled, &enabled] {
        assert_eq!(host.change(key, "disable")["state"], "disabled");
        check_dead(&host, key);
    }
    assert_eq!(host.change(&enabled, "enable")["state"], "active");
    check_lives(&host, &enabled);
    let new = host.rotate(&replaced, 0);

    let host = host.kill_9().start();
    for dead in [&revoked, &disabled, &replaced] {
        check_dead(&host, dead);
    }
    for living in [&enabled, &new] {
        check_lives(&host, living);
    }
    // Revoked is for good; saying so twice changes nothing.
    assert_eq!(host.change(&revoked, "revoke")["state"], "revoked");
    for change in ["enable", "disable"] {
        host.try_change(&revoked, change).check_problem_says(409, "conflict", "revoked");
    }
    host.change(&disabled, "enable");
    check_lives(&host, &disabled);
}

#[test]
fn of_a_hundred_rotations_at_once_one_succeeds() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let answers = in_parallel(100, |_| {
        let operator = host.client(Some(&host.identity().operator_token));
        operator.post(&host.key(&key, "/rotate"), &json!({ "overlap_seconds": DAY }))
    });
    let (rotated, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(rotated.len(), 1);
    for refused in refused {
        refused.check_problem(409, "conflict");
    }
    let successor = Key::of(rotated[0].check_json(201));
    assert_eq!(host.show(&key)["successor"], json!(successor.id));
    check_lives(&host, &successor);
    let listed = host.operator().get(&host.workspace("/keys?limit=200")).check_json(200);
    let of_this_line = listed["items"].as_array().unwrap().iter().filter(|item| item["lineage"] == key.view["lineage"]);
    assert_eq!(of_this_line.count(), 2);
}

/// Sixteen connections ask without a pause while a key ends; whoever asks after the end was acknowledged is denied.
#[track_caller]
fn check_end_under_load(end: impl Fn(&Host, &Key) + Sync) {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let (ended, all_have_asked) = (AtomicBool::new(false), Count::default());
    let wait_for_all = || {
        all_have_asked.add_one();
        all_have_asked.wait_for(17, "all have asked");
    };
    in_parallel(17, |number| {
        if number == 0 {
            let _end = AtEnd(&ended);
            wait_for_all();
            return end(&host, &key);
        }
        let gateway = host.client(Some(&host.identity().gateway_token));
        let question = Question::reads_jobs(&key.secret);
        question.ask(&gateway).check_allow();
        wait_for_all();
        while !ended.load(Ordering::SeqCst) {
            question.ask(&gateway);
        }
        for _ in 0..20 {
            question.ask(&gateway).check_unauthenticated();
        }
    });
}

#[test]
fn revoking_under_load_is_immediate() {
    check_end_under_load(|host, key| drop(host.change(key, "revoke")));
}

#[test]
fn disabling_under_load_is_immediate() {
    check_end_under_load(|host, key| drop(host.change(key, "disable")));
}

#[test]
fn rotating_without_overlap_under_load_is_immediate() {
    check_end_under_load(|host, key| drop(host.rotate(key, 0)));
}
