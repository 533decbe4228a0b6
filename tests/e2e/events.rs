//! What people are told of: reminders in their stages, what nobody uses any more, and each once, whatever becomes of the host.

use harness::{Host, Key, Question, Request, Setup, wait_until};
use serde_json::{Value, json};

const DAY: u64 = 86_400;

/// What was told of a key, oldest first: the event, and its stage.
#[track_caller]
fn told(host: &Host, target: &str, events: &str) -> Vec<String> {
    let listed = host.operator().get(&host.workspace(&format!("/events?limit=200&event={events}"))).check_json(200);
    let of_target = |event: &&Value| event["target"] == target;
    let shown = |event: &Value| match event["stage"].as_str() {
        Some(stage) => format!("{} {stage}", event["event"].as_str().expect("a text")),
        None => event["event"].as_str().expect("a text").to_owned(),
    };
    listed["items"].as_array().expect("items").iter().rev().filter(of_target).map(shown).collect()
}

#[track_caller]
fn wait_for(host: &Host, key: &Key, events: &str, expected: &[&str]) {
    wait_until(&format!("{expected:?} is told"), || told(host, &key.id, events) == expected);
}

#[test]
fn after_two_weeks_without_a_request_a_key_is_inactive_until_there_is_one() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    wait_until("its use is told", || host.show(&key)["last_used_at"].is_string());
    host.advance(14 * DAY);
    wait_for(&host, &key, "key.inactive", &["key.inactive"]);
    assert!(host.show(&key)["inactive_since"].is_string());
    wait_until("it is counted", || host.metric_of_all("access_events_total{event=\"key.inactive\"}") > 0);
    // A client, that no token was obtained for.
    let organization = &host.identity().organization;
    let of_client = || {
        let path = format!("/v1/organizations/{organization}/events?event=client.inactive");
        host.operator().get(&path).check_json(200)["items"].as_array().expect("items").len()
    };
    wait_until("the client is inactive", || of_client() == 1);
    let client = format!("/v1/organizations/{organization}/clients/{}", host.identity().client.client_id);
    let is_flagged = |path: &str| host.operator().get(path).check_json(200)["inactive_since"].is_string();
    assert!(is_flagged(&client));

    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    host.token(&["jobs:read"]);
    wait_until("use clears it", || !is_flagged(&host.key(&key, "")) && !is_flagged(&client));
    assert_eq!(told(&host, &key.id, "key.inactive"), ["key.inactive"]);
    assert_eq!(of_client(), 1);
}

#[test]
fn rotation_and_end_are_reminded_of_in_stages() {
    let host = Host::dev();
    let [production, staging] = ["production", "staging"].map(|kind| host.issue(kind, &["jobs:read"]));
    host.advance(76 * DAY);
    wait_for(&host, &production, "key.rotation_due", &["key.rotation_due 76"]);
    wait_for(&host, &staging, "key.exp*", &["key.expiring 14"]);
    host.advance(7 * DAY);
    wait_for(&host, &production, "key.rotation_due", &["key.rotation_due 76", "key.rotation_due 83"]);
    host.advance(4 * DAY);
    wait_for(&host, &staging, "key.exp*", &["key.expiring 14", "key.expiring 3"]);
    host.advance(2 * DAY);
    wait_for(&host, &staging, "key.exp*", &["key.expiring 14", "key.expiring 3", "key.expiring 1"]);
    host.advance(DAY);
    wait_for(&host, &staging, "key.exp*", &["key.expiring 14", "key.expiring 3", "key.expiring 1", "key.expired"]);
    host.advance(7 * DAY);
    let stages = ["key.rotation_due 76", "key.rotation_due 83", "key.rotation_due 90", "key.rotation_due 97"];
    wait_for(&host, &production, "key.rotation_due", &stages);
    // What was rotated is not reminded of any more; its successor is new.
    let successor = host.rotate(&production, 3_600);
    let snooze = json!({ "event": "key.rotation_due", "days": 80, "reason": "moves away" });
    host.operator().post(&host.key(&successor, "/snooze"), &snooze).check_json(200);
    host.advance(79 * DAY);
    wait_for(&host, &production, "key.overlap_ended", &["key.overlap_ended"]);
    wait_for(&host, &successor, "key.inactive", &["key.inactive"]);
    assert_eq!(told(&host, &successor.id, "key.rotation_due"), [""; 0], "it is snoozed");
}

#[test]
fn that_a_client_is_inactive_is_snoozed_for_days_or_until_then() {
    let host = Host::dev();
    let (organization, client) = (host.identity().organization.clone(), host.identity().client.client_id.clone());
    let events = format!("/v1/organizations/{organization}/events?event=client.inactive");
    let told = || host.operator().get(&events).check_json(200)["items"].as_array().expect("items").len();
    let snooze = |length: &[&str]| {
        let args = ["--output", "json", "client", "snooze", &client, "--organization", &organization];
        host.cli(&[&args, length, &["--reason", "runs once a quarter"]].concat())
    };
    snooze(&["--days", "91"]).check(1, &["1 to 90"]);
    snooze(&["--until", "2020-01-01T00:00:00Z"]).check(1, &["`until`"]);
    snooze(&["--days", "20"]).check_json(0);
    let until =
        jiff::Timestamp::from_second(i64::try_from(host.now_seconds() + 30 * DAY).expect("a time")).expect("a time");
    assert_eq!(snooze(&["--until", &until.to_string()]).check_json(0)["event"], "client.inactive");
    let key = host.issue("production", &["jobs:read"]);
    host.advance(29 * DAY);
    // Told at the same time, were it not snoozed.
    wait_for(&host, &key, "key.inactive", &["key.inactive"]);
    assert_eq!(told(), 0);
    host.advance(DAY + 60);
    wait_until("the snooze is over", || told() == 1);
}

#[test]
fn a_host_that_dies_while_it_tells_of_something_tells_of_it_once() {
    for point in ["due.announcing", "due.announced"] {
        let host = Setup::dev().start();
        let keys = [(); 3].map(|()| host.issue("production", &["jobs:read"]));
        let stopped = host.terminate();
        let dying = stopped.setup.clone().args(["--die-at", point]).start();
        for (node, days) in dying.nodes().iter().zip([14, 0, 0, 0]) {
            let operator = node.client(Some(&dying.identity().operator_token));
            let moves = Request::new("POST", "/v1/dev/clock").json(&json!({ "advance_seconds": days * DAY }));
            // It may die before it answers.
            let _ = operator.try_send(&moves);
        }
        dying.wait();
        let host = stopped.start();
        for key in &keys {
            wait_for(&host, key, "key.inactive", &["key.inactive"]);
        }
        // What comes later is told after it, so that a second telling of it would have come by then.
        host.advance(62 * DAY);
        for key in &keys {
            wait_for(&host, key, "key.rotation_due", &["key.rotation_due 76"]);
            assert_eq!(told(&host, &key.id, "key.inactive"), ["key.inactive"], "{point}");
        }
    }
}
