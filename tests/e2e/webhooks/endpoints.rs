//! An endpoint's life.

use serde_json::json;

use super::{Hook, received_by, send, setup};

#[test]
fn an_endpoint_is_created_shown_changed_and_taken_away_and_its_secret_is_shown_once() {
    let host = setup().start();
    let hook = Hook::create(&host, "https://example.com/hooks", &["key.*"]);
    assert!(hook.secret.starts_with("whsec_"));
    let shown = host.operator().get(&hook.path(&host, ""));
    assert!(!shown.body.contains(&hook.secret));
    let tag = shown.header("etag").expect("a tag").to_owned();
    let operator = host.operator();
    let update = |body, tag: &str| {
        let request = harness::Request::new("PUT", &hook.path(&host, "")).header("If-Match", tag);
        operator.send(&request.json(&body))
    };
    let changed = update(json!({ "events": ["*"], "description": "all", "state": "disabled" }), &tag).check_json(200);
    assert_eq!((&changed["events"], &changed["state"]), (&json!(["*"]), &json!("disabled")));
    assert_eq!(changed["disabled_because"], "asked");
    update(json!({ "state": "active" }), &tag).check_problem(412, "stale");
    let listed = operator.get(&host.workspace("/webhooks")).check_json(200);
    assert_eq!(listed["items"][0]["id"], hook.id.as_str());
    let trail = operator.get(&host.workspace("/audit?action=webhook_endpoints.*")).check_json(200);
    assert!(!trail.to_string().contains(&hook.secret) && !trail.to_string().contains("sealed"));
    assert_eq!(trail["items"].as_array().expect("items").len(), 2);
    assert_eq!(operator.send(&harness::Request::new("DELETE", &hook.path(&host, ""))).status, 204);
    assert_eq!(operator.get(&hook.path(&host, "")).status, 404);
    // Another workspace's is nobody's.
    let other = operator.get(&hook.path(&host, "").replace(&host.identity().workspace, "ws_00doesnotexist0000"));
    assert_eq!(other.status, 404);
}

#[test]
fn twenty_endpoints_are_enough() {
    let host = setup().start();
    for number in 0..20 {
        Hook::create(&host, &format!("https://example.com/{number}"), &["*"]);
    }
    let body = json!({ "url": "https://example.com/", "events": ["*"] });
    assert_eq!(host.operator().post(&host.workspace("/webhooks"), &body).status, 409);
}

#[test]
fn old_and_new_secret_sign_during_an_overlap_and_the_old_one_stops() {
    let host = setup().start();
    let (receiver, hook) = received_by(&host, &["job.*"]);
    let rotated = host.operator().post(&hook.path(&host, "/rotate-secret"), &json!({ "overlap_seconds": 3_600 }));
    let new = rotated.check_json(201)["secret"].as_str().expect("a secret").to_owned();
    send(&host, "job.done", &json!({}));
    let first = receiver.wait_for(1).remove(0);
    assert_eq!(first.header("webhook-signature").expect("signatures").split(' ').count(), 2);
    assert_eq!(first.header("x-cronflow-signature").expect("signatures").matches("v1=").count(), 2);
    for secret in [&hook.secret, &new] {
        assert!(super::messages::is_verified(&host, secret, &first), "{first:?}");
    }
    host.advance(3_600);
    send(&host, "job.done", &json!({}));
    let second = receiver.wait_for(2).remove(1);
    assert!(super::messages::is_verified(&host, &new, &second));
    assert!(!super::messages::is_verified(&host, &hook.secret, &second));
}
