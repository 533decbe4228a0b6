//! `Idempotency-Key`: what is sent twice is done once, whatever happens in between.

use std::collections::BTreeSet;

use harness::{Host, Key, Request, Response, in_parallel};
use serde_json::{Value, json};

fn post(host: &Host, bearer: &str, path: &str, key: &str, body: &Value) -> Response {
    host.client(Some(bearer)).send(&Request::new("POST", path).header("idempotency-key", key).json(body))
}

/// The answer, told again.
#[track_caller]
fn replayed(response: &Response) -> Value {
    let answer = response.check_json(201);
    assert_eq!(response.header("idempotency-replayed"), Some("true"), "{response:?}");
    assert!(answer.get("secret").is_none(), "{answer}");
    answer
}

#[test]
fn fifty_at_once_make_one_key() {
    let host = Host::real();
    let operator = host.identity().operator_token.clone();
    let body = json!({ "kind": "staging", "name": "once" });
    let answers = in_parallel(50, |_| post(&host, &operator, &host.workspace("/keys"), "deploy-1", &body));
    let made: Vec<_> = answers.iter().filter(|answer| answer.body.contains("\"secret\"")).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)), "{answers:?}");
    let ids: BTreeSet<_> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .map(|answer| answer.check_json(201)["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1);
    let listed = host.operator().get(&host.workspace("/keys")).check_json(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");

    // A crash forgets neither the key nor what was answered.
    let host = host.kill_9().start();
    let again = replayed(&post(&host, &operator, &host.workspace("/keys"), "deploy-1", &body));
    assert_eq!(again["id"], Key::of(made[0].check_json(201)).id);
    assert!(again["hint"].as_str().unwrap().contains("rotate the key"), "{again}");
}

#[test]
fn everything_that_is_made_is_made_once() {
    let host = Host::dev();
    let operator = host.identity().operator_token.clone();
    let key = host.issue("staging", &[]);
    let organization = host.identity().organization.clone();
    for (path, body) in [
        (host.workspace("/keys"), json!({ "kind": "staging", "name": "e2e" })),
        (host.key(&key, "/rotate"), json!({ "overlap_seconds": 60 })),
        ("/v1/gateways".to_owned(), json!({ "name": "e2e" })),
        ("/v1/organizations".to_owned(), json!({ "name": "e2e" })),
        (format!("/v1/organizations/{organization}/workspaces"), json!({ "name": "e2e" })),
    ] {
        let once = format!("once:{path}");
        let first = post(&host, &operator, &path, &once, &body);
        assert_eq!(first.header("idempotency-replayed"), None);
        let mut told = first.check_json(201);
        let mut again = replayed(&post(&host, &operator, &path, &once, &body));
        let hint = again.as_object_mut().unwrap().remove("hint");
        let secret = told.as_object_mut().unwrap().remove("secret");
        assert_eq!((again, hint.is_some()), (told, secret.is_some()), "{path}");
        let mut other = body;
        other.as_object_mut().unwrap().values_mut().for_each(|value| {
            *value = if value.is_string() { json!("different") } else { json!(1) };
        });
        post(&host, &operator, &path, &once, &other).check_problem(422, "idempotency_key_reused");
    }
}

#[test]
fn another_body_target_or_principal_is_another_request() {
    let host = Host::dev();
    let operator = host.identity().operator_token.clone();
    let manager = host.issue("production", &["keys:write"]);
    let body = json!({ "kind": "staging", "name": "e2e" });
    let keys = host.workspace("/keys");
    let first = Key::of(post(&host, &operator, &keys, "k", &body).check_json(201));
    let other = json!({ "kind": "staging", "name": "other" });
    post(&host, &operator, &keys, "k", &other).check_problem(422, "idempotency_key_reused");
    post(&host, &operator, &host.key(&first, "/rotate"), "k", &json!({})).check_problem(422, "idempotency_key_reused");
    let neighbour = host.create_workspace(&host.identity().organization, "neighbour");
    let there = post(&host, &operator, &format!("/v1/workspaces/{neighbour}/keys"), "k", &body);
    there.check_problem(422, "idempotency_key_reused");
    // Another principal learns nothing of it: its request is its own.
    let others = Key::of(post(&host, &manager.secret, &keys, "k", &body).check_json(201));
    assert_ne!(others.id, first.id);
    assert_eq!(replayed(&post(&host, &manager.secret, &keys, "k", &body))["id"], others.id);
    // Nor does whoever may not ask.
    post(&host, &host.demo_key("staging").secret, &keys, "k", &body).check_problem(403, "kind_not_allowed");
    let reader = host.issue("production", &["keys:read"]);
    post(&host, &reader.secret, &keys, "k", &body).check_problem(403, "missing_scope");
    // And who is nobody any more is told nothing.
    host.change(&manager, "disable");
    post(&host, &manager.secret, &keys, "k", &body).check_problem(401, "unauthenticated");
}

#[test]
fn what_failed_may_be_sent_again_and_a_day_later_all_is_forgotten() {
    let host = Host::dev();
    let operator = host.identity().operator_token.clone();
    let keys = host.workspace("/keys");
    post(&host, &operator, &keys, "k", &json!({ "kind": "nope", "name": "e2e" })).check_problem(400, "invalid_request");
    let body = json!({ "kind": "staging", "name": "e2e" });
    let first = Key::of(post(&host, &operator, &keys, "k", &body).check_json(201));
    host.advance(86_000);
    assert_eq!(replayed(&post(&host, &operator, &keys, "k", &body))["id"], first.id);
    host.advance(401);
    assert_ne!(Key::of(post(&host, &operator, &keys, "k", &body).check_json(201)).id, first.id);
}

#[test]
fn keys_that_are_none() {
    let host = Host::dev();
    let operator = host.identity().operator_token.clone();
    let body = json!({ "kind": "staging", "name": "e2e" });
    for wrong in ["", "a b", "\t", "ü", &"x".repeat(256)] {
        let refused = post(&host, &operator, &host.workspace("/keys"), wrong, &body);
        refused.check_problem_says(400, "invalid_request", "`Idempotency-Key`");
    }
    let twice =
        Request::new("POST", &host.workspace("/keys")).header("idempotency-key", "a").header("idempotency-key", "a");
    host.operator().send(&twice.json(&body)).check_problem_says(400, "invalid_request", "`Idempotency-Key`");
    post(&host, &operator, &host.workspace("/keys"), &"x".repeat(255), &body).check_json(201);
    post(&host, "x", &host.workspace("/keys"), "", &body).check_problem(401, "unauthenticated");
}
