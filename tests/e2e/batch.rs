//! Several questions at once, and questions too large to be asked.

use harness::{Answer, Host, Key, Question};
use serde_json::{Value, json};

fn batch(questions: &[Question]) -> Value {
    json!({ "items": questions.iter().map(Question::body).collect::<Vec<_>>() })
}

#[track_caller]
fn remaining(host: &Host, key: &Key) -> u64 {
    host.decide(&Question::reads_jobs(&key.secret)).check_allow().remaining()
}

#[test]
fn a_batch_is_answered_in_its_order() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let asks = Question::reads_jobs(&key.secret);
    let kinds = [
        (asks.clone(), None),
        (Question::reads_jobs("x"), Some("unauthenticated")),
        (asks.clone().to("POST /v1/jobs"), Some("missing_scope")),
        (asks.clone().to("GET /nowhere"), Some("unknown_action")),
        (asks.in_workspace("nowhere"), Some("wrong_workspace")),
    ];
    let questions: Vec<_> = kinds.iter().cycle().take(100).map(|(question, _)| question.clone()).collect();
    let answers = host.gateway().post("/v1/authorize/batch", &batch(&questions)).check_json(200);
    let answers = answers["items"].as_array().unwrap();
    assert_eq!(answers.len(), 100);
    for (answer, (_, code)) in answers.iter().zip(kinds.iter().cycle()) {
        let answer = Answer::of(answer.clone());
        match code {
            None => answer.check_allow(),
            Some(code) => answer.check_deny(&[code]),
        };
    }
    assert_eq!(remaining(&host, &key), 10_000 - 20 - 1);
}

#[test]
fn a_batch_has_one_to_a_hundred_questions() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let asks = Question::reads_jobs(&key.secret);
    let send = |count: usize| host.gateway().post("/v1/authorize/batch", &batch(&vec![asks.clone(); count]));
    for count in [0, 101, 500] {
        send(count).check_problem_says(400, "invalid_request", "`items`: must have 1 to 100 questions");
    }
    assert_eq!(remaining(&host, &key), 9_999, "what is refused consumes nothing");
    send(1).check_json(200);
    send(100).check_json(200);
}

#[test]
fn one_malformed_question_refuses_the_whole_and_consumes_nothing() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let good = Question::reads_jobs(&key.secret);
    let sound = good.body();
    for (malformed, says) in [
        (good.clone().from("nowhere").body().clone(), "`items[2].request.ip`"),
        (good.clone().within("No Name").body().clone(), "`items[2].request.environment`"),
        (json!({ "credential": key.secret }), "items[2].state `action`"),
        (json!({ "credential": 7 }), "`items[2].credential`"),
        (json!({ "credential": key.secret, "surprise": 1 }), "`items[2].surprise`"),
        (json!({ "action": "jobs.list" }), "missing field `credential`"),
        (json!(null), "`items[2]`"),
    ] {
        let body = json!({ "items": [sound, sound, malformed, sound] });
        let refused = host.gateway().post("/v1/authorize/batch", &body);
        refused.check_problem_says(400, "invalid_request", says);
        assert!(!refused.body.contains(&key.secret[8..]), "{refused:?}");
    }
    for body in [json!([]), json!({}), json!({ "items": sound }), json!({ "items": [sound], "more": 1 })] {
        host.gateway().post("/v1/authorize/batch", &body).check_problem(400, "invalid_request");
    }
    assert_eq!(remaining(&host, &key), 9_999);
    let one = batch(&[good]);
    host.client(None).post("/v1/authorize/batch", &one).check_problem(401, "unauthenticated");
    host.client(Some(&key.secret)).post("/v1/authorize/batch", &one).check_problem(403, "kind_not_allowed");
}

#[test]
fn facts_beyond_the_published_size_are_denied() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let asks = Question::reads_jobs(&key.secret);
    let with = |count: usize, value: &Value| {
        (0..count).fold(asks.clone(), |question, number| question.context(&format!("a{number}"), value.clone()))
    };
    let text = |length: usize| json!("x".repeat(length));
    host.decide(&with(32, &json!(1))).check_allow();
    host.decide(&with(1, &text(1_024))).check_allow();
    host.decide(&with(1, &json!(vec!["x"; 32]))).check_allow();
    for too_large in [
        with(33, &json!(1)),
        with(1, &text(1_025)),
        with(1, &json!(vec!["x"; 33])),
        with(1, &json!(["x".repeat(1_025)])),
        asks.clone().context(&"x".repeat(1_025), json!(1)),
    ] {
        let answer = host.decide(&too_large);
        answer.check_deny(&["facts_too_large"]);
        assert_eq!(answer.0["status"], 403);
    }
    // Each of them within its limit, together too many.
    let full = with(32, &text(1_024));
    let mut both = full.body().clone();
    both["resource"]["attributes"] = both["context"].clone();
    let mut attributes = asks.body().clone();
    attributes["resource"]["attributes"] = json!({ "a": "x".repeat(1_025) });
    for body in [both, attributes] {
        let answer = Answer::of(host.gateway().post("/v1/authorize", &body).check_json(200));
        answer.check_deny(&["facts_too_large"]);
    }
    assert_eq!(remaining(&host, &key), 10_000 - 3 - 1);
}
