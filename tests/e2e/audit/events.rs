//! What must be told: by whom, and what it was before and after.

use harness::{Host, Person, Request};
use serde_json::{Value, json};

use super::{export, records, signing_key, verify};

/// A record that must be there.
struct Told<'a> {
    action: &'a str,
    actor: &'a str,
    /// What stands in `before`, as a pointer and its value; nothing: there was nothing before.
    before: Option<(&'a str, Value)>,
    after: (&'a str, Value),
}

#[test]
fn each_kind_of_change_is_told_with_who_and_before_and_after() {
    let host = Host::dev();
    let operator = host.operator();
    let key = host.issue("production", &["jobs:read"]);
    host.change(&key, "disable");
    host.token(&["jobs:read"]);
    let owner = Person::owner(&host).sign_in_with_code(&host);
    let organization = format!("/v1/organizations/{}", host.identity().organization);
    let role = format!("{organization}/roles/nightly");
    owner.client.put(&role, &json!({ "description": "nights", "actions": ["keys.list"] })).check_json(200);
    owner.client.put(&role, &json!({ "description": "nights", "actions": ["keys.list", "keys.get"] })).check_json(200);
    let policy = host.workspace("/policies/no-nights?publish=true");
    for code in ["first", "second"] {
        let source = format!("forbid(\"{code}\", \"no\")");
        operator.put(&policy, &json!({ "engine": "cel", "source": source })).check_json(200);
    }
    operator.put(&host.workspace("/network"), &json!({ "ip_allow": ["203.0.113.0/24"] })).check_json(200);
    operator.send(&Request::new("DELETE", &host.workspace("/policies/no-nights")));
    let path = format!("{organization}/audit/export");
    let text = operator.get(&path).body;
    verify(text.as_bytes(), &["--key", &signing_key(&host)]).check(0, &[]);
    let records = [records(&text), records(&export(&host, ""))].concat();
    for Told { action, actor, before, after } in [
        Told { action: "keys.issue", actor: "operator", before: None, after: ("/kind", json!("production")) },
        Told {
            action: "keys.disable",
            actor: "operator",
            before: Some(("/state", json!("active"))),
            after: ("/state", json!("disabled")),
        },
        Told { action: "tokens.issue", actor: "client", before: None, after: ("/scopes/0", json!("jobs:read")) },
        Told { action: "sessions.open", actor: "member", before: None, after: ("/factor", json!("given")) },
        Told {
            action: "roles.put",
            actor: "member",
            before: Some(("/actions", json!(["keys.list"]))),
            after: ("/actions", json!(["keys.get", "keys.list"])),
        },
        Told {
            action: "policies.publish",
            actor: "operator",
            before: Some(("/revision", json!(1))),
            after: ("/revision", json!(2)),
        },
        Told {
            action: "network.update",
            actor: "operator",
            before: Some(("/ip_allow", Value::Null)),
            after: ("/ip_allow/0", json!("203.0.113.0/24")),
        },
    ] {
        let of_action: Vec<_> = records.iter().filter(|record| record["action"] == action).collect();
        let is_told = of_action.iter().any(|record| {
            let is_before = match &before {
                None => record.get("before").is_none(),
                Some((pointer, value)) => record["before"].pointer(pointer) == Some(value),
            };
            let by = &record["actor"];
            is_before
                && record["after"].pointer(after.0) == Some(&after.1)
                && by["kind"] == actor
                && by["id"].is_string()
                && (record["decision_id"].is_string() || action == "sessions.open")
        });
        assert!(is_told, "{action}: {of_action:#?}");
    }
    assert!(!text.contains(&key.secret) && !text.contains(&owner.secret));
}
