//! The certification scenario (OpenID AuthZEN, Authorization API 1.0), levels Basic, Batch and Discovery, by its sections.

use harness::{Client, Request};
use serde_json::{Value, json};

use super::{EVALUATION, EVALUATIONS, check_decision, check_decisions, evaluation, fixture, post, record, user, with};

/// What the scenario says of decisions: of some it wants no more than that there is one.
type Expected = Option<bool>;

#[test]
fn each_request_is_answered_as_it_says() {
    let host = fixture();
    let asker = host.gateway();
    check_basic(asker);
    check_errors(asker);
    check_batch(asker);
    check_headers(asker);
}

/// Basic, core and properties.
fn basic() -> Vec<(&'static str, Value, bool)> {
    let (alice, bob) = (user("alice"), user("bob"));
    let archived = with(record("record-2"), json!({ "status": "archived" }));
    let deletes = |soft: bool| {
        let mut body = evaluation(&user("alice"), "delete", &record("record-1"));
        body["action"]["properties"] = json!({ "soft": soft });
        body
    };
    let reads = evaluation(&alice, "read", &record("record-1"));
    let more = |name: &str, value: Value| {
        let mut body = reads.clone();
        body[name] = value;
        body
    };
    let mut further = evaluation(
        &with(alice.clone(), json!({ "department": "Sales", "role": "manager" })),
        "read",
        &with(record("record-1"), json!({ "status": "active", "owner": "bob" })),
    );
    further["action"]["properties"] = json!({ "method": "GET" });
    let mut unknown = more("foo", json!("bar"));
    unknown["futureField"] = json!({ "nested": true });
    vec![
        ("rule 1: a permit", reads.clone(), true),
        ("rule 2", evaluation(&alice, "write", &record("record-1")), true),
        ("rule 3", evaluation(&bob, "read", &record("record-1")), true),
        ("rule 4: a denial", evaluation(&bob, "write", &record("record-1")), false),
        ("with a context", more("context", json!({ "time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1" })), true),
        ("rule 5: the resource's properties", evaluation(&alice, "write", &archived), false),
        ("rule 6: the subject's", evaluation(&with(bob, json!({ "role": "admin" })), "write", &archived), true),
        ("rule 7: the action's", deletes(true), true),
        ("rule 8", deletes(false), false),
        ("further properties", further, true),
        ("unknown fields", unknown, true),
    ]
}

#[track_caller]
fn check_basic(asker: &Client) {
    for (section, body, expected) in basic() {
        // Idempotency: the same again and again.
        for _ in 0..3 {
            let answer = asker.send(&post(EVALUATION, &body)).check_json(200);
            assert_eq!(check_decision(&answer), expected, "{section}: {answer}");
        }
        // The other endpoint decides one alike, with no evaluations or none in the list.
        let mut empty = body.clone();
        empty["evaluations"] = json!([]);
        for body in [body, empty] {
            let answer = asker.send(&post(EVALUATIONS, &body)).check_json(200);
            assert!(answer.get("evaluations").is_none(), "{answer}");
            assert_eq!(check_decision(&answer), expected, "{section}: {answer}");
        }
    }
}

/// Basic, errors: what is malformed is a 400, at both endpoints.
#[track_caller]
fn check_errors(asker: &Client) {
    let whole = evaluation(&user("alice"), "read", &record("record-1"));
    let without = |pointer: &str, field: &str| {
        let mut body = whole.clone();
        body.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object").remove(field);
        body
    };
    let instead = |pointer: &str, value: Value| {
        let mut body = whole.clone();
        *body.pointer_mut(pointer).expect("a field") = value;
        body
    };
    let malformed = [
        (without("", "subject"), "`subject` is missing"),
        (without("", "action"), "`action` is missing"),
        (without("", "resource"), "`resource` is missing"),
        (without("/subject", "type"), "`subject.type` is missing"),
        (without("/subject", "id"), "`subject.id` is missing"),
        (without("/action", "name"), "`action.name` is missing"),
        (without("/resource", "type"), "`resource.type` is missing"),
        (without("/resource", "id"), "`resource.id` is missing"),
        (instead("/subject", json!("alice")), "`subject`"),
        (instead("/action/name", json!(123)), "`action.name`"),
        // Not the scenario's, and malformed all the same.
        (instead("/subject", Value::Null), "`subject` is missing"),
        (instead("/resource", json!(["record", "record-1"])), "`resource`"),
        (instead("/action", json!({ "name": "read", "properties": 7 })), "`action.properties`"),
    ];
    let raw = |path: &str, content_type: &str, body: &str| Request::new("POST", path).body(content_type, body);
    let text = whole.to_string();
    let doubled = text.replacen('{', r#"{"subject":{"type":"user","id":"bob"},"#, 1);
    for path in [EVALUATION, EVALUATIONS] {
        for (body, says) in &malformed {
            asker.send(&post(path, body)).check_problem_says(400, "invalid_request", says);
        }
        for request in [
            raw(path, "text/plain", &text),
            raw(path, "application/x-www-form-urlencoded", "subject=alice"),
            raw(path, "application/json", "{ \"subject\": "),
            raw(path, "application/json", ""),
            raw(path, "application/json", "[]"),
            raw(path, "application/json", &doubled),
            Request::new("POST", path),
        ] {
            asker.send(&request).check_problem(400, "invalid_request");
        }
        asker.send(&raw(path, "application/json; charset=utf-8", &text)).check_json(200);
    }
}

/// Batch, core and properties.
fn batch() -> Vec<(&'static str, Value, Vec<Expected>)> {
    let (alice, bob) = (user("alice"), user("bob"));
    let active = with(record("record-1"), json!({ "status": "active" }));
    let archived = with(record("record-2"), json!({ "status": "archived" }));
    vec![
        (
            "evaluations",
            json!({ "subject": alice, "action": { "name": "read" },
                "evaluations": [{ "resource": record("record-1") }, { "resource": record("record-2") }] }),
            vec![None, None],
        ),
        (
            "decisions and their order",
            json!({ "subject": bob, "resource": record("record-1"),
                "evaluations": [{ "action": { "name": "read" } }, { "action": { "name": "write" } }] }),
            vec![Some(true), Some(false)],
        ),
        (
            "properties of each",
            json!({ "subject": alice, "action": { "name": "write" },
                "evaluations": [{ "resource": active }, { "resource": archived }] }),
            vec![Some(true), Some(false)],
        ),
        (
            "properties of each subject",
            json!({ "action": { "name": "write" }, "resource": archived,
                "evaluations": [{ "subject": alice }, { "subject": with(bob.clone(), json!({ "role": "admin" })) }] }),
            vec![Some(false), Some(true)],
        ),
        (
            "no defaults",
            json!({ "evaluations": [
                evaluation(&alice, "read", &record("record-1")), evaluation(&bob, "write", &record("record-1"))] }),
            vec![Some(true), Some(false)],
        ),
        (
            "a context as default",
            json!({ "subject": alice, "action": { "name": "read" }, "context": { "time": "2025-06-27T18:03-07:00" },
                "evaluations": [{ "resource": record("record-1") }, { "resource": record("record-2"),
                    "context": { "time": "2025-06-27T19:00-07:00", "source": "batch-override" } }] }),
            vec![None, None],
        ),
        (
            "defaults of a part",
            json!({ "subject": alice, "action": { "name": "write" }, "resource": { "type": "record" }, "evaluations": [
                { "resource": { "id": "record-1", "properties": { "status": "active" } } }, { "resource": archived }] }),
            vec![Some(true), Some(false)],
        ),
        (
            "an error of one",
            json!({ "subject": alice, "action": { "name": "read" },
                "evaluations": [{ "resource": record("record-1") }, {}] }),
            vec![None, Some(false)],
        ),
    ]
}

#[track_caller]
fn check_batch(asker: &Client) {
    for (section, body, expected) in batch() {
        let decisions = check_decisions(&asker.send(&post(EVALUATIONS, &body)));
        assert_eq!(decisions.len(), expected.len(), "{section}");
        for (decision, expected) in decisions.into_iter().zip(expected) {
            assert!(expected.is_none_or(|expected| expected == decision), "{section}: {decision}");
        }
    }
}

/// What an asker calls its request is said again, whatever becomes of it.
#[track_caller]
fn check_headers(asker: &Client) {
    const NAME: &str = "x-request-id";
    let sound = evaluation(&user("alice"), "read", &record("record-1"));
    for path in [EVALUATION, EVALUATIONS] {
        for (body, status) in [(&sound, 200), (&json!({}), 400)] {
            for id in ["bfe9eb29-ab87-4ca3-be83-a1d5d8305716", "an arbitrary string: {\"ü\"}"] {
                let answered = asker.send(&post(path, body).header(NAME, id));
                assert_eq!((answered.status, answered.header(NAME)), (status, Some(id)), "{answered:?}");
            }
            let answered = asker.send(&post(path, body));
            assert_eq!((answered.status, answered.header(NAME)), (status, None), "{answered:?}");
        }
    }
}

#[test]
fn the_metadata_name_what_is_offered_and_nothing_else() {
    let host = fixture();
    let answered = host.client(None).send(&Request::new("GET", "/.well-known/authzen-configuration"));
    let metadata = answered.check_json(200);
    let expected = json!({
        "policy_decision_point": host.url(),
        "access_evaluation_endpoint": host.url() + EVALUATION,
        "access_evaluations_endpoint": host.url() + EVALUATIONS,
    });
    assert_eq!(metadata, expected);
    for search in ["subject", "resource", "action"] {
        host.gateway().post(&format!("/access/v1/search/{search}"), &json!({})).check_problem(404, "not_found");
    }
}

#[test]
fn who_may_not_ask_learns_nothing() {
    let host = fixture();
    let body = evaluation(&user("alice"), "read", &record("record-1"));
    for path in [EVALUATION, EVALUATIONS] {
        let request = post(path, &body).header("x-request-id", "7");
        for client in [host.client(None), host.client(Some("cf_gw_nonsense"))] {
            let refused = client.send(&request);
            refused.check_problem(401, "unauthenticated");
            assert_eq!(refused.header("x-request-id"), Some("7"));
        }
        let key = host.client(Some(&host.demo_key("production").secret));
        key.send(&request).check_problem(403, "kind_not_allowed");
        assert_eq!(key.send(&Request::new("GET", path)).status, 405);
    }
}
