//! A key never hands out more than it holds.

use harness::{Host, Key};
use serde_json::{Value, json};

/// Asks, as `issuer`, for a key.
#[track_caller]
fn issue_by(host: &Host, issuer: &Key, body: &Value) -> harness::Response {
    host.client(Some(&issuer.secret)).post(&host.workspace("/keys"), body)
}

#[test]
fn a_key_never_issues_more_than_it_has() {
    let host = Host::dev();
    let (its_end, later) = (host.hours_from_now(5), host.hours_from_now(6));
    let further = json!({ "ip_allow": ["127.0.0.0/8", "2001:db8::/32"], "expires_at": its_end });
    let issuer = host.issue_with("production", &["keys:write", "jobs:read"], &further);
    let within = json!({
        "kind": "staging", "name": "e2e", "scopes": ["jobs:read"], "ip_allow": ["127.0.0.0/16"], "expires_at": its_end,
    });
    for (field, value, code) in [
        ("kind", json!("production"), "grant_kind_not_allowed"),
        ("scopes", json!(["jobs:read", "jobs:write"]), "grant_scopes_too_wide"),
        ("scopes", json!(["workers:manage"]), "grant_scopes_too_wide"),
        ("ip_allow", json!(null), "grant_networks_too_wide"),
        ("ip_allow", json!(["126.0.0.0/7"]), "grant_networks_too_wide"),
        ("ip_allow", json!(["127.0.0.1", "198.51.100.1"]), "grant_networks_too_wide"),
        ("ip_allow", json!(["2001:db0::/28"]), "grant_networks_too_wide"),
        ("expires_at", json!(later), "grant_ends_too_late"),
        ("expires_at", json!(null), "grant_ends_too_late"),
    ] {
        let mut asked = within.clone();
        asked[field] = value;
        let problem = issue_by(&host, &issuer, &asked).check_problem(403, code);
        assert_eq!(problem["reasons"][0]["policy"], "grants", "{problem}");
        // A field that is left out is one that is null.
        if asked[field].is_null() {
            asked.as_object_mut().unwrap().remove(field);
            issue_by(&host, &issuer, &asked).check_problem(403, code);
        }
    }
    issue_by(&host, &issuer, &within).check_json(201);
    let nothing = json!({ "kind": "read_only", "name": "e2e", "ip_allow": ["127.0.0.1"], "expires_at": its_end });
    issue_by(&host, &issuer, &nothing).check_json(201);
    // Nobody else's kind either, whatever the catalog would let it hold.
    let managing = json!({ "kind": "staging", "name": "e2e", "scopes": ["keys:write"] });
    issue_by(&host, &issuer, &managing).check_problem_says(400, "invalid_request", "can't hold the scope");
}

#[test]
fn a_key_never_rotates_into_more_than_it_has() {
    let host = Host::dev();
    let issuer = host.issue("production", &["keys:write", "jobs:read"]);
    let rotate =
        |issuer: &Key, key: &Key| host.client(Some(&issuer.secret)).post(&host.key(key, "/rotate"), &json!({}));
    let wider = host.issue("production", &["keys:write", "jobs:read", "jobs:write"]);
    let other = host.issue("production", &["jobs:read"]);
    let scopes = host.issue("staging", &["jobs:write"]);
    rotate(&issuer, &wider).check_problem(403, "grant_kind_not_allowed");
    rotate(&issuer, &other).check_problem(403, "grant_kind_not_allowed");
    rotate(&issuer, &scopes).check_problem(403, "grant_scopes_too_wide");
    for untouched in [&wider, &other, &scopes] {
        let shown = host.show(untouched);
        assert_eq!((&shown["state"], &shown["successor"]), (&json!("active"), &Value::Null), "{shown}");
    }
    let within = host.issue("staging", &["jobs:read"]);
    rotate(&issuer, &within).check_json(201);
    let successor = Key::of(rotate(&issuer, &issuer).check_json(201));
    assert_eq!(successor.view["scopes"], json!(["jobs:read", "keys:write"]));
    rotate(&issuer, &successor).check_problem(401, "unauthenticated");

    let ending = host.issue_with("production", &["keys:write"], &json!({ "expires_at": host.hours_from_now(1) }));
    let without_end = host.issue("staging", &[]);
    rotate(&ending, &without_end).check_problem(403, "grant_ends_too_late");
    let again = Key::of(rotate(&ending, &ending).check_json(201));
    assert_eq!(again.view["expires_at"], ending.view["expires_at"], "the end that was asked for stands");
}
