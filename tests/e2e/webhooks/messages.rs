//! What is sent, once and again.

use harness::{Host, Ran, Received, Request};
use serde_json::{Value, json};

use super::{Hook, received_by, send, setup};

/// Asks the command line whether a request is CronFlow's.
pub(super) fn is_verified(host: &Host, secret: &str, received: &Received) -> bool {
    verified(host, secret, received, &["webhook-id", "webhook-timestamp", "webhook-signature"])
        && verified(host, secret, received, &["x-cronflow-signature"])
}

fn verified(host: &Host, secret: &str, received: &Received, headers: &[&str]) -> bool {
    let file = host.setup().folder().join("webhook-secret");
    std::fs::write(&file, secret).unwrap();
    let mut command = harness::process::product();
    command.args(["webhook", "verify", "--secret-file"]).arg(&file);
    for name in headers {
        command.arg("--header").arg(format!("{name}: {}", received.header(name).expect("a header")));
    }
    Ran::reading(&mut command, &received.body).code == Some(0)
}

#[test]
fn a_message_arrives_signed_in_both_ways_and_its_attempt_is_seen() {
    let host = setup().start();
    let (receiver, hook) = received_by(&host, &["job.*"]);
    let sent = send(&host, "job.finished", &json!({ "job": "job_1", "state": "done" }));
    assert_eq!(sent["deliveries"], 1);
    let received = receiver.wait_for(1).remove(0);
    assert_eq!((received.method.as_str(), received.target.as_str()), ("POST", "/hooks?from=cronflow"));
    assert_eq!(received.header("webhook-id"), sent["id"].as_str());
    assert_eq!(received.header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    assert_eq!((&body["type"], &body["data"]), (&json!("job.finished"), &json!({ "job": "job_1", "state": "done" })));
    assert!(is_verified(&host, &hook.secret, &received), "{received:?}");
    let mut changed = received;
    changed.body.push(b' ');
    assert!(!is_verified(&host, &hook.secret, &changed));
    let delivered = hook.wait_until_newest_is(&host, "delivered");
    assert_eq!(delivered["attempts"][0]["status"], 204);
    assert_eq!(send(&host, "queue.paused", &json!({}))["deliveries"], 0);
}

#[test]
fn a_message_with_an_idempotency_key_is_sent_once() {
    let host = setup().start();
    let (receiver, _) = received_by(&host, &["*"]);
    let body = json!({ "type": "job.finished", "payload": { "job": "job_1" } });
    let request = Request::new("POST", &host.workspace("/webhooks/messages")).header("Idempotency-Key", "job_1/done");
    let ids = [(); 3].map(|()| host.operator().send(&request.clone().json(&body)).check_json(201)["id"].clone());
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    send(&host, "job.finished", &json!({ "job": "job_2" }));
    let received = receiver.wait_for(2);
    assert_eq!(received.iter().filter(|one| one.header("webhook-id") == ids[0].as_str()).count(), 1);
}

#[test]
fn a_key_of_a_service_may_send_and_nothing_else() {
    let host = setup().start();
    let key = host.issue("production", &["webhooks:send"]);
    let service = host.client(Some(&key.secret));
    let body = json!({ "type": "job.finished", "payload": {} });
    service.post("/v1/workspaces/own/webhooks/messages", &body).check_json(201);
    assert_eq!(service.get("/v1/workspaces/own/webhooks").status, 403);
    let other = host.issue("production", &["jobs:write"]);
    assert_eq!(host.client(Some(&other.secret)).post(&host.workspace("/webhooks/messages"), &body).status, 403);
}

#[test]
fn a_test_and_a_replay_arrive_with_ids_as_they_were() {
    let host = setup().start();
    let (receiver, hook) = received_by(&host, &["job.*"]);
    let test = host.operator().post(&hook.path(&host, "/test"), &json!({})).check_json(200);
    assert_eq!(test["type"], "webhook.test");
    let first = receiver.wait_for(1).remove(0);
    assert_eq!(first.header("webhook-id"), test["message"].as_str());
    hook.wait_until_newest_is(&host, "delivered");
    let replay = format!("/deliveries/{}/replay", test["id"].as_str().unwrap());
    host.operator().post(&hook.path(&host, &replay), &json!({})).check_json(200);
    let second = receiver.wait_for(2).remove(1);
    assert_eq!((second.header("webhook-id"), &second.body), (first.header("webhook-id"), &first.body));
}

#[test]
fn our_own_events_arrive_and_those_of_the_organization_where_they_were_asked_for() {
    let host = setup().start();
    let (receiver, _) = received_by(&host, &["key.*"]);
    let key = host.issue("production", &["jobs:read"]);
    // The demo's own were issued a moment ago, and may be told of as well.
    harness::wait_until("the key's event arrives", || {
        receiver.received().iter().any(|received| {
            let body: Value = serde_json::from_slice(&received.body).unwrap();
            (&body["type"], &body["data"]["target"]) == (&json!("key.issued"), &json!(key.id))
        })
    });
    let body = json!({ "url": receiver.url(), "events": ["*"], "organization_events": true });
    // A key is nobody who may list the organization's events.
    let manager = host.issue("production", &["webhooks:write"]);
    let refused = host.client(Some(&manager.secret)).post(&host.workspace("/webhooks"), &body);
    assert_eq!(refused.status, 403, "{refused:?}");
    host.operator().post(&host.workspace("/webhooks"), &body).check_json(201);
}

#[test]
fn a_host_that_dies_after_it_has_sent_sends_again_with_the_same_id() {
    let host = setup().start();
    let (receiver, hook) = received_by(&host, &["*"]);
    let stopped = host.terminate();
    let dying = stopped.setup.clone().args(["--die-at", "webhooks.sent"]).start();
    let sent = send(&dying, "job.finished", &json!({ "job": "job_1" }));
    receiver.wait_for(1);
    drop(dying);
    let host = stopped.start();
    // The dead host's lease ends first.
    host.advance(20);
    let received = receiver.wait_for(2);
    for one in &received {
        assert_eq!(one.header("webhook-id"), sent["id"].as_str());
        assert_eq!(one.body, received[0].body);
    }
    hook.wait_until_newest_is(&host, "delivered");
}

#[test]
fn the_command_line_does_all_of_it() {
    let host = setup().start();
    let receiver = harness::Receiver::start();
    let workspace = host.identity().workspace.clone();
    let run = |args: &[&str]| {
        host.cli(&[&["--output", "json", "webhook"], args, &["--workspace", &workspace]].concat()).check_json(0)
    };
    let created = run(&["create", "--to", &receiver.url(), "--event", "job.*"]);
    let id = created["id"].as_str().expect("an id").to_owned();
    assert!(created["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")));
    run(&["send", "--type", "job.done", "--payload", "{\"job\":\"job_1\"}"]);
    receiver.wait_for(1);
    run(&["test", &id]);
    receiver.wait_for(2);
    let hook = Hook { id: id.clone(), secret: String::new() };
    hook.wait_until_newest_is(&host, "delivered");
    let listed = run(&["deliveries", &id]);
    let delivery = listed["items"][0]["id"].as_str().expect("an id").to_owned();
    run(&["replay", &id, &delivery]);
    receiver.wait_for(3);
    assert_eq!(run(&["disable", &id])["state"], "disabled");
    assert_eq!(run(&["enable", &id])["state"], "active");
    assert_eq!(run(&["update", &id, "--event", "*"])["events"], json!(["*"]));
    assert_eq!(run(&["recover", &id, "--since", "2026-01-01T00:00:00Z"])["replayed"], 0);
    assert!(run(&["rotate-secret", &id])["secret"].is_string());
    run(&["delete", &id]);
    assert_eq!(run(&["list"])["items"], json!([]));
}
