//! Our own events of policies, members and networks: each is created once, and arrives.

use std::collections::BTreeSet;

use harness::{Host, Receiver, wait_until};
use serde_json::{Value, json};

use super::setup;
use crate::policies::{delete_job, forbids_deleting, policy, publish, wasm};
use crate::wat;

/// What arrived of a type: the ids of its messages, and what they are about.
fn arrived(receiver: &Receiver, kind: &str) -> BTreeSet<(String, String)> {
    let of = |received: &harness::Received| {
        let body: Value = serde_json::from_slice(&received.body).expect("JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = received.header("webhook-id").unwrap_or_default().to_owned();
        (body["type"] == kind).then(|| (id, text(&body["data"]["target"])))
    };
    receiver.received().iter().filter_map(of).collect()
}

/// Waits until one event of each of these arrived, and nothing else of its type.
#[track_caller]
fn wait_for_each(receiver: &Receiver, expected: &[(&str, &str)]) {
    for (kind, target) in expected {
        wait_until(&format!("`{kind}` arrives"), || !arrived(receiver, kind).is_empty());
        let targets: Vec<String> = arrived(receiver, kind).into_iter().map(|(_, target)| target).collect();
        assert_eq!(targets, [*target], "{kind}");
    }
}

/// An endpoint that is told of these, those of the organization included.
#[track_caller]
fn told_of(host: &Host, events: &[&str]) -> Receiver {
    let receiver = Receiver::start();
    let body = json!({ "url": receiver.url(), "events": events, "organization_events": true });
    host.operator().post(&host.workspace("/webhooks"), &body).check_json(201);
    receiver
}

#[test]
fn what_becomes_of_policies_and_networks_arrives_once_each() {
    let host = setup().start();
    let receiver = told_of(&host, &["policy.*", "network.changed"]);
    let workspace = host.identity().workspace.clone();
    publish(&host, "no-deleting", &forbids_deleting("first"));
    wait_for_each(&receiver, &[("policy.published", "no-deleting")]);
    publish(&host, "no-deleting", &forbids_deleting("second"));
    host.operator().post(&policy(&host, "no-deleting", "/rollback"), &json!({})).check_json(200);
    wait_for_each(&receiver, &[("policy.rolled_back", "no-deleting")]);
    host.allow_from(&json!(["0.0.0.0/1", "128.0.0.0/1"]));
    wait_for_each(&receiver, &[("network.changed", &workspace)]);
    // Saying the same again changes nothing, and nobody is told.
    host.allow_from(&json!(["0.0.0.0/1", "128.0.0.0/1"]));
    wait_until("both revisions arrive", || arrived(&receiver, "policy.published").len() == 2);
    wait_for_each(&receiver, &[("policy.rolled_back", "no-deleting"), ("network.changed", &workspace)]);
}

#[test]
fn that_a_policy_is_in_quarantine_arrives_once_whichever_host_found_it() {
    let host = setup().start();
    let receiver = told_of(&host, &["policy.quarantined", "policy.rolled_back"]);
    publish(&host, "module", &wasm(&wat::module(&wat::verdict(2), "")));
    publish(&host, "module", &wasm(&wat::module(&wat::where_said(*b"dele", "(loop (br 0))"), "")));
    wait_until("its quarantine arrives", || {
        delete_job(&host);
        !arrived(&receiver, "policy.quarantined").is_empty()
    });
    host.operator().post(&policy(&host, "module", "/rollback"), &json!({})).check_json(200);
    wait_for_each(&receiver, &[("policy.rolled_back", "module"), ("policy.quarantined", "module")]);
}

#[test]
fn what_becomes_of_members_arrives_once_each() {
    let host = setup().start();
    let receiver = told_of(&host, &["member.*"]);
    let members = format!("/v1/organizations/{}/members", host.identity().organization);
    let listed = host.operator().get(&members).check_json(200);
    let owner = listed["items"][0]["id"].as_str().expect("an id").to_owned();
    let roles = json!({ "roles": ["owner", "viewer"] });
    host.operator().put(&format!("{members}/{owner}"), &roles).check_json(200);
    wait_for_each(&receiver, &[("member.role_changed", &owner)]);
    host.operator().put(&format!("{members}/{owner}"), &roles).check_json(200);
    let wrong = json!({ "email": host.identity().owner.email, "password": "not the one that it is" });
    wait_until("they are locked out", || {
        host.client(None).post("/v1/sessions", &wrong);
        !arrived(&receiver, "member.locked_out").is_empty()
    });
    wait_for_each(&receiver, &[("member.role_changed", &owner), ("member.locked_out", &owner)]);
}
