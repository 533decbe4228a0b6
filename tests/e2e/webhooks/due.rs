//! What falls due arrives: signed, so that the published libraries and the plain recipe verify it, and with one id, whatever
//! becomes of the host.

use harness::{Fault, Host, Key, Received, Receiver, Request, stopwatch, wait_until};
use serde_json::{Value, json};

use super::libraries::{says, verifiers};
use super::{send, setup};

const DAY: u64 = 86_400;

/// A receiver, and the secret of an endpoint that tells it of the workspace and of its organization.
fn receiver_of_all(host: &Host, events: &[&str]) -> (Receiver, String) {
    let receiver = Receiver::start();
    let body = json!({ "url": receiver.url(), "events": events, "organization_events": true });
    let created = host.operator().post(&host.workspace("/webhooks"), &body).check_json(201);
    (receiver, created["secret"].as_str().expect("a text").to_owned())
}

/// What arrived of `event` about `target`, at this stage.
fn arrived(receiver: &Receiver, event: &str, stage: &str, target: &str) -> Vec<Received> {
    let is_it = |received: &Received| {
        let body: Value = serde_json::from_slice(&received.body).expect("JSON");
        let data = &body["data"];
        body["type"] == event && data["target"] == target && (stage.is_empty() || data["stage"] == stage)
    };
    receiver.received().into_iter().filter(is_it).collect()
}

#[test]
fn what_falls_due_and_what_services_send_is_verified_alike() {
    let verifiers = verifiers();
    if verifiers.len() < 4 {
        return;
    }
    let host = setup().start();
    let (receiver, secret) = receiver_of_all(&host, &["key.*", "client.inactive", "job.done"]);
    let key = host.issue("production", &["jobs:read"]).id;
    let client = host.identity().client.client_id.clone();
    let mut days = 0;
    let mut check = |day: u64, event: &str, stage: &str, target: &str| {
        host.advance((day - days) * DAY);
        days = day;
        wait_until(&format!("{event} {stage} arrives"), || !arrived(&receiver, event, stage, target).is_empty());
        let received = arrived(&receiver, event, stage, target).remove(0);
        for verifier in &verifiers {
            assert!(says(verifier(), &secret, &received), "{received:?}");
        }
    };
    check(14, "key.inactive", "", &key);
    check(14, "client.inactive", "", &client);
    for day in [76, 83, 90] {
        check(day, "key.rotation_due", &day.to_string(), &key);
    }
    for (event, target) in [("key.inactive", &key), ("client.inactive", &client)] {
        assert_eq!(arrived(&receiver, event, "", target).len(), 1, "{event}");
    }
    send(&host, "job.done", &json!({ "target": "job_1" }));
    check(90, "job.done", "", "job_1");
}

#[test]
fn a_host_that_dies_on_the_way_delivers_each_event_with_one_id() {
    for point in ["due.announcing", "due.announced", "webhooks.sent"] {
        let host = setup().start();
        let keys = [(); 3].map(|()| host.issue("production", &["jobs:read"]));
        let (receiver, _) = receiver_of_all(&host, &["key.inactive"]);
        let stopped = host.terminate();
        let dying = stopped.setup.clone().args(["--die-at", point]).start();
        for (node, days) in dying.nodes().iter().zip([14, 0, 0, 0]) {
            let operator = node.client(Some(&dying.identity().operator_token));
            let moves = Request::new("POST", "/v1/dev/clock").json(&json!({ "advance_seconds": days * DAY }));
            // It may die before it answers.
            let _ = operator.try_send(&moves);
        }
        dying.wait();
        let watch = stopwatch();
        let host = stopped.start();
        let recovered = watch();
        // A dead host's lease ends first.
        host.advance(20);
        let ids = |Key { id, .. }: &Key| {
            let mut ids: Vec<_> = arrived(&receiver, "key.inactive", "", id)
                .iter()
                .map(|received| received.header("webhook-id").expect("an id").to_owned())
                .collect();
            ids.dedup();
            ids
        };
        wait_until("all have arrived", || keys.iter().all(|key| !ids(key).is_empty()));
        // What comes later arrives after it, so that a second telling of it would have come by then.
        let later = host.issue("production", &["jobs:read"]);
        host.advance(14 * DAY);
        wait_until("the next has arrived", || !ids(&later).is_empty());
        for key in &keys {
            assert_eq!(ids(key).len(), 1, "{point}: {:?}", ids(key));
        }
        let what = format!("Host killed at {point}");
        Fault { what: &what, saw: "each event, with one id", recovered, found: keys.len() }.note();
    }
}
