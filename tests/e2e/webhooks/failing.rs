//! Receivers that do not do their part.

use harness::{Manner, Receiver};
use serde_json::{Value, json};

use super::{Hook, attempts, outcomes, received_by, send, setup};

/// Longer than any wait between attempts, with its fifth more.
const WAITS: [u64; 10] = [6, 72, 360, 2_160, 8_640, 21_600, 43_200, 60_480, 86_400, 103_680];

#[test]
fn what_fails_is_tried_for_three_days_and_then_the_endpoint_is_disabled_and_others_hear_of_it() {
    let host = setup().start();
    let (failing, hook) = received_by(&host, &["job.*"]);
    let (other, _) = received_by(&host, &["webhook.*"]);
    failing.answers(500);
    let sent = send(&host, "job.done", &json!({}));
    for (number, wait) in WAITS.iter().enumerate() {
        let delivery = hook.wait_for_attempts(&host, number + 1);
        assert_eq!(delivery["state"], "pending", "{delivery}");
        assert!(hook.show(&host)["failing_since"].is_string());
        host.advance(*wait);
    }
    let failed = hook.wait_until_newest_is(&host, "failed");
    assert_eq!(outcomes(&failed), vec!["500"; 11]);
    assert!(failing.received().iter().all(|one| one.header("webhook-id") == sent["id"].as_str()));
    let shown = hook.show(&host);
    assert_eq!((&shown["state"], &shown["disabled_because"]), (&json!("disabled"), &json!("failing")));
    let told = other.wait_for(1).remove(0);
    let body: Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!((&body["type"], &body["data"]["target"]), (&json!("webhook.disabled"), &json!(hook.id)));
    // Not the rest of its URL, which may let one in.
    assert_eq!(body["data"]["data"]["url"], "http://127.0.0.1");
    assert_eq!(host.metric_of_all("access_webhooks_disabled_total{because=\"failing\"}"), 1);
    assert_eq!(host.metric_of_all("access_events_total{event=\"webhook.disabled\"}"), 1);

    // What happens meanwhile is held, and comes when somebody asks for it.
    let since = host.operator().get(&hook.path(&host, "/deliveries")).check_json(200)["items"][0]["created_at"].clone();
    send(&host, "job.done", &json!({ "number": 2 }));
    assert_eq!(hook.deliveries(&host)[0]["state"], "held");
    failing.answers(204);
    let recover = || host.operator().post(&hook.path(&host, "/recover"), &json!({ "since": since }));
    assert_eq!(recover().status, 409);
    host.operator().put(&hook.path(&host, ""), &json!({ "state": "active" })).check_json(200);
    assert_eq!(recover().check_json(200)["replayed"], 2);
    failing.wait_for(13);
    hook.wait_until_newest_is(&host, "delivered");
    assert_eq!(recover().check_json(200)["replayed"], 0);
}

#[test]
fn who_is_gone_is_told_nothing_more() {
    let host = setup().start();
    let (gone, hook) = received_by(&host, &["*"]);
    gone.answers(410);
    send(&host, "job.done", &json!({}));
    let failed =
        hook.wait_until(&host, "failed", |newest| newest["state"] == "failed" || newest["type"] == "webhook.disabled");
    assert!(failed.is_object());
    let shown = hook.show(&host);
    assert_eq!((&shown["state"], &shown["disabled_because"]), (&json!("disabled"), &json!("gone")));
    host.advance(90_000);
    assert_eq!(gone.received().len(), 1);
}

#[test]
fn who_redirects_is_not_followed_and_who_closes_or_drips_is_no_trouble() {
    let host = setup().start();
    let elsewhere = Receiver::start();
    let cases = [
        (Manner::Answers(307, vec![("location".into(), elsewhere.url())]), "307"),
        (Manner::Answers(302, vec![("location".into(), "http://169.254.169.254/".into())]), "302"),
        (Manner::Closes, "no_answer"),
        (Manner::Drips, "200"),
    ];
    for (manner, expected) in cases {
        let (receiver, hook) = received_by(&host, &["job.*"]);
        receiver.becomes(manner);
        host.operator().post(&hook.path(&host, "/test"), &json!({})).check_json(200);
        let delivery = hook.wait_for_attempts(&host, 1);
        assert_eq!(outcomes(&delivery), [expected]);
        assert_eq!(delivery["state"], if expected == "200" { "delivered" } else { "pending" });
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn who_asks_for_time_is_given_it() {
    let host = setup().start();
    let (receiver, hook) = received_by(&host, &["*"]);
    receiver.becomes(Manner::Answers(503, vec![("retry-after".into(), "3600".into())]));
    send(&host, "job.done", &json!({}));
    hook.wait_for_attempts(&host, 1);
    receiver.answers(204);
    host.advance(1_800);
    // Something later comes through meanwhile.
    send(&host, "job.done", &json!({}));
    receiver.wait_for(2);
    hook.wait_until_newest_is(&host, "delivered");
    assert_eq!(attempts(&hook.deliveries(&host)[1]).len(), 1);
    host.advance(1_801);
    receiver.wait_for(3);
}

#[test]
fn what_waits_while_its_owner_is_suspended_arrives_after_that_is_resumed() {
    let host = setup().start();
    let (receiver, hook) = received_by(&host, &["job.*"]);
    let organization = format!("/v1/organizations/{}", host.identity().organization);
    let change = |of: &str, change: &str| {
        host.operator().post(&format!("{of}/{change}"), &json!({})).check_json(200);
    };
    for (round, owner) in [host.workspace(""), organization].iter().enumerate() {
        receiver.becomes(Manner::Answers(503, vec![("retry-after".into(), "3600".into())]));
        send(&host, "job.done", &json!({}));
        let next_at = hook.wait_for_attempts(&host, 1)["next_attempt_at"].clone();
        change(owner, "suspend");
        receiver.answers(204);
        host.advance(3_601);
        let put_off = hook.wait_until(&host, "been put off", |newest| newest["next_attempt_at"] != next_at);
        assert_eq!((&put_off["state"], attempts(&put_off).len()), (&json!("pending"), 1), "{owner}");
        assert_eq!(receiver.received().len(), 2 * round + 1);
        change(owner, "resume");
        host.advance(3_601);
        receiver.wait_for(2 * round + 2);
        hook.wait_until_newest_is(&host, "delivered");
    }
}

#[test]
fn who_hangs_hinders_nobody_else() {
    let host = setup().start();
    let (hanging, stuck) = received_by(&host, &["*"]);
    hanging.becomes(Manner::Hangs);
    let (quick, hook) = received_by(&host, &["*"]);
    for number in 0..60 {
        send(&host, "job.done", &json!({ "number": number }));
    }
    // All of them, while none has come back from who hangs.
    let received = quick.wait_for(60);
    assert_eq!(received.len(), 60);
    assert!(hanging.connections() <= 8, "{}", hanging.connections());
    hook.wait_until_newest_is(&host, "delivered");
    assert_eq!(stuck.deliveries(&host)[0]["state"], "pending");
}

#[test]
fn what_is_kept_long_enough_is_forgotten() {
    let host = setup().start();
    let (receiver, hook): (Receiver, Hook) = received_by(&host, &["*"]);
    send(&host, "job.done", &json!({}));
    receiver.wait_for(1);
    hook.wait_until_newest_is(&host, "delivered");
    host.advance(30 * 86_400 + 60);
    harness::wait_until("the delivery is forgotten", || hook.deliveries(&host).is_empty());
}
