//! What a workspace is told of its traffic, and whom another allow-list would lock out.

use harness::{Host, Question, wait_until};
use serde_json::{Value, json};

fn traffic(host: &Host) -> Value {
    host.operator().get(&host.workspace("/traffic?days=1")).check_json(200)
}

fn preview(host: &Host, ip_allow: &Value) -> Value {
    let path = host.workspace("/network/preview");
    host.operator().post(&path, &json!({ "ip_allow": ip_allow })).check_json(200)
}

/// Two requests of one key from two networks, and a denial.
fn with_traffic() -> (Host, harness::Key) {
    let host = Host::real();
    let key = host.issue("production", &["jobs:read"]);
    let ask = |ip: &str| host.decide(&Question::reads_jobs(&key.secret).from(ip));
    for ip in ["203.0.113.7", "203.0.113.7", "2001:db8::7"] {
        ask(ip).check_allow();
    }
    let denied = Question::of(&key.secret).to("POST /v1/jobs").within("production").from("203.0.113.7");
    host.decide(&denied).check_deny(&["missing_scope"]);
    wait_until("the store was told", || traffic(&host)["total"]["denied"]["missing_scope"] == 1);
    (host, key)
}

#[test]
fn traffic_is_told_by_hour_reason_and_client_and_survives_a_crash() {
    let (host, _) = with_traffic();
    let told = traffic(&host);
    let counts = json!({ "allowed": 3, "denied": { "missing_scope": 1 } });
    assert_eq!(told["total"], counts, "{told}");
    let clients: Vec<_> = told["clients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|client| {
            (client["network"].clone(), client["allowed"].clone(), client["denied"].clone(), client["keys"].clone())
        })
        .collect();
    let expected = [
        (json!("203.0.113.7/32"), json!(2), json!(1), json!(1)),
        (json!("2001:db8::7/128"), json!(1), json!(0), json!(1)),
    ];
    assert_eq!(clients, expected);
    for wrong in ["?days=0", "?days=93", "?days=x", "?since=2026-01-01"] {
        let path = host.workspace(&format!("/traffic{wrong}"));
        host.operator().get(&path).check_problem(400, "invalid_request");
    }
    let host = host.kill_9().start();
    assert_eq!(traffic(&host)["total"], counts);
}

#[test]
fn a_preview_says_what_the_list_then_does() {
    let (host, key) = with_traffic();
    let out = preview(&host, &json!(["198.51.100.0/24", "2001:db8::/32"]));
    assert_eq!((&out["allowed"], &out["would_deny"], &out["unknown"]), (&json!(3), &json!(2), &json!(0)), "{out}");
    assert_eq!(out["clients"], json!([{ "network": "203.0.113.7/32", "keys": [key.id], "would_deny": 2 }]), "{out}");
    assert_eq!(out["keys"][0]["key"], json!(key.id));
    let asker = json!({ "ip": "127.0.0.1", "requests_denied": true, "locked_out": false });
    assert_eq!(out["asker"], asker, "{out}");
    assert_eq!(preview(&host, &Value::Null)["would_deny"], 0);
    // Nothing was changed by asking; what was said then comes true.
    host.decide(&Question::reads_jobs(&key.secret).from("203.0.113.7")).check_allow();
    host.allow_from(&json!(["198.51.100.0/24", "2001:db8::/32"]));
    host.decide(&Question::reads_jobs(&key.secret).from("203.0.113.7")).check_deny(&["ip_not_allowed"]);
    host.decide(&Question::reads_jobs(&key.secret).from("2001:db8::7")).check_allow();
    let path = host.workspace("/network/preview");
    for (body, what) in [
        (json!({ "ip_allow": [] }), "would lock everybody out"),
        (json!({ "ip_allow": ["203.0.113.7/24"] }), "did you mean"),
        (json!({}), "ip_allow"),
    ] {
        host.operator().post(&path, &body).check_problem_says(400, "invalid_request", what);
    }
}

#[test]
fn another_workspace_hears_none_of_it() {
    let (host, _) = with_traffic();
    let organization = host.create_organization("stranger");
    let other = host.create_workspace(&organization, "main");
    let get = |what: &str| host.operator().get(&format!("/v1/workspaces/{other}/{what}")).check_json(200);
    assert_eq!((get("traffic")["clients"].clone(), get("traffic")["hours"].clone()), (json!([]), json!([])));
    assert_eq!(get("overview")["active_keys"], 0);
    let manager = host.issue("production", &["usage:read", "network:read", "keys:read", "audit:read"]);
    let manager = host.client(Some(&manager.secret));
    for what in ["traffic", "overview", "audit/export", "audit"] {
        manager.get(&format!("/v1/workspaces/{other}/{what}")).check_problem(403, "wrong_workspace");
    }
    let path = format!("/v1/workspaces/{other}/network/preview");
    manager.post(&path, &json!({ "ip_allow": null })).check_problem(403, "wrong_workspace");
}
