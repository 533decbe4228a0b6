//! Whoever presented a secret, by the shipped set: AuthZEN's words change nothing about the decision.

use harness::{Answer, Host, Question};
use serde_json::{Value, json};

use super::{codes, evaluate, evaluation, presents};
use crate::kind_table::table::{KINDS, read_table};

/// The evaluation that says what `question` says.
fn of(question: &Question) -> Value {
    let asked = question.body();
    let secret = asked["credential"].as_str().expect("a secret");
    let mut resource = json!({ "type": "queue", "id": "emails" });
    if let Some(workspace) = asked["resource"].get("workspace") {
        resource["properties"] = json!({ "workspace": workspace });
    }
    let mut body = evaluation(&presents(secret), asked["action"].as_str().expect("an action"), &resource);
    body["context"] = asked.get("request").cloned().unwrap_or_else(|| json!({}));
    body
}

/// Asks both ways, and checks that both are answered alike.
#[track_caller]
fn ask_both(host: &Host, question: &Question) -> Answer {
    let (answer, evaluated) = (host.decide(question), evaluate(host.gateway(), &of(question)));
    let context = &evaluated["context"];
    assert_eq!(evaluated["decision"], answer.is_allow(), "{evaluated}");
    for same in ["status", "reasons", "principal", "policy_revision", "set_digest"] {
        assert_eq!(context.get(same), answer.0.get(same), "{same}: {evaluated}");
    }
    assert_eq!(context["quota"]["limit"], answer.0["quota"]["limit"], "{evaluated}");
    assert!(context["decision_id"].is_string() && context["decision_id"] != answer.0["decision_id"], "{evaluated}");
    answer
}

#[test]
fn keys_are_decided_alike_in_either_words() {
    let host = Host::dev();
    let mut allowed = 0;
    for action in read_table() {
        for kind in KINDS {
            let asks = Question::of(&host.demo_key(kind).secret).action(&action.name);
            for environment in ["production", "staging"] {
                allowed += usize::from(ask_both(&host, &asks.clone().within(environment)).is_allow());
            }
            assert!(ask_both(&host, &asks).codes().contains(&"environment_missing".to_owned()));
            let routed = asks.clone().within("staging").to(&action.route());
            ask_both(&host, &routed);
            ask_both(&host, &routed.in_workspace("other"));
        }
    }
    assert!(allowed > 60, "{allowed}");
}

#[test]
fn where_a_request_came_from_is_judged() {
    let host = Host::dev();
    host.allow_from(&json!(["203.0.113.0/24"]));
    let asks = Question::of(&host.demo_key("production").secret).action("jobs.list").within("production");
    ask_both(&host, &asks).check_deny(&["ip_not_allowed"]);
    ask_both(&host, &asks.clone().from("198.51.100.7")).check_deny(&["ip_not_allowed"]);
    ask_both(&host, &asks.clone().from("203.0.113.7")).check_allow();
    ask_both(&host, &asks.clone().in_workspace("main").from("::ffff:203.0.113.7")).check_allow();
    // Method and path, where they are stated, must be of the action.
    ask_both(&host, &asks.from("203.0.113.7").to("POST /v1/jobs")).check_deny(&["unknown_action"]);
}

#[test]
fn only_the_secret_tells_who_somebody_is() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let job = json!({ "type": "job", "id": "4711" });
    let asks = |subject: &Value| {
        let mut body = evaluation(subject, "jobs.get", &job);
        body["context"] = json!({ "environment": "production" });
        evaluate(host.gateway(), &body)
    };
    assert_eq!(asks(&presents(&key.secret))["decision"], true);
    // Whatever the asker calls it.
    let named = json!({ "type": "credential", "id": "key_of_somebody_else", "properties": { "secret": key.secret } });
    assert_eq!(asks(&named)["context"]["principal"]["id"], key.id);
    for unknown in ["x", "", &format!("{}x", key.secret), &key.id] {
        let answer = asks(&presents(unknown));
        assert_eq!((codes(&answer), &answer["context"]["status"]), (vec!["unauthenticated"], &json!(401)));
    }
    for kind in ["api_key", "API-Key", "access_token", "client", "gateway", "operator", "member", "credential"] {
        for id in [&key.id, &key.secret] {
            let mut subject = json!({ "type": kind, "id": id, "properties": { "credential": key.secret } });
            if kind != "credential" {
                subject["properties"]["secret"] = json!(key.secret);
            }
            let answer = asks(&subject);
            assert_eq!(codes(&answer), ["subject_not_presented"], "{answer}");
            assert!(!answer.to_string().contains(&key.secret[8..]), "{answer}");
        }
    }
    host.change(&key, "revoke");
    assert_eq!(codes(&asks(&presents(&key.secret))), ["unauthenticated"]);
}

#[test]
fn a_quota_is_the_same_in_either_words() {
    let host = Host::dev();
    let secret = host.demo_key("read_only").secret;
    let asks = Question::of(&secret).action("jobs.list").within("production");
    let body = of(&asks);
    let mut allowed = 0;
    let last = loop {
        let answer = evaluate(host.gateway(), &body);
        if answer["decision"] == false {
            break answer;
        }
        allowed += 1;
        assert!(allowed <= 1_000, "{answer}");
    };
    assert_eq!(allowed, 1_000);
    assert_eq!((codes(&last), &last["context"]["status"]), (vec!["rate_limited"], &json!(429)));
    assert!(last["context"]["retry_after"].is_u64() && last["context"]["quota"]["remaining"] == 0, "{last}");
    host.decide(&asks).check_rate_limited(1_000);
}
