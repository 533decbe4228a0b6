//! Several evaluations: when they end, how many there may be, what each one's errors are.

use harness::{Client, Host, Request};
use serde_json::{Value, json};

use super::{EVALUATIONS, check_decisions, evaluate, evaluation, fixture, post, presents, record, user, with};

#[track_caller]
fn several(asker: &Client, semantic: Option<&str>, evaluations: &[Value]) -> Vec<bool> {
    let mut body = json!({ "evaluations": evaluations });
    if let Some(semantic) = semantic {
        body["options"] = json!({ "evaluations_semantic": semantic, "another_option": 7 });
    }
    check_decisions(&asker.send(&post(EVALUATIONS, &body)))
}

#[test]
fn they_end_where_their_semantic_says() {
    let host = fixture();
    let yes = evaluation(&user("alice"), "read", &record("record-1"));
    let no = evaluation(&user("bob"), "write", &record("record-1"));
    let malformed = json!({ "subject": 7 });
    let asked = |semantic, evaluations: &[&Value]| {
        let evaluations: Vec<_> = evaluations.iter().map(|one| (*one).clone()).collect();
        several(host.gateway(), semantic, &evaluations)
    };
    for semantic in [None, Some("execute_all")] {
        assert_eq!(asked(semantic, &[&yes, &no, &malformed, &yes]), [true, false, false, true]);
    }
    let deny = Some("deny_on_first_deny");
    assert_eq!(asked(deny, &[&yes, &no, &yes]), [true, false]);
    assert_eq!(asked(deny, &[&yes, &malformed, &yes]), [true, false]);
    assert_eq!(asked(deny, &[&yes, &yes]), [true, true]);
    let permit = Some("permit_on_first_permit");
    assert_eq!(asked(permit, &[&no, &malformed, &yes, &no]), [false, false, true]);
    assert_eq!(asked(permit, &[&no, &no]), [false, false]);
    for (options, says) in [
        (json!({ "evaluations_semantic": "whichever" }), "unknown variant"),
        (json!({ "evaluations_semantic": 7 }), "line 1"),
        (json!("execute_all"), "options"),
    ] {
        let body = json!({ "evaluations": [yes], "options": options });
        host.gateway().send(&post(EVALUATIONS, &body)).check_problem_says(400, "invalid_request", says);
    }
}

#[test]
fn what_is_not_asked_consumes_nothing() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let mut list = evaluation(&presents(&key.secret), "jobs.list", &json!({ "type": "job", "id": "all" }));
    list["context"] = json!({ "environment": "staging" });
    let mut create = list.clone();
    create["action"]["name"] = json!("jobs.create");
    let remaining = || evaluate(host.gateway(), &list)["context"]["quota"]["remaining"].as_u64().unwrap();
    let before = remaining();
    let all = [list.clone(), create, list.clone(), list.clone()];
    assert_eq!(several(host.gateway(), Some("deny_on_first_deny"), &all), [true, false]);
    assert_eq!(remaining(), before - 2);
    assert_eq!(several(host.gateway(), Some("permit_on_first_permit"), &all), [true]);
    assert_eq!(remaining(), before - 4);
    // What is refused whole.
    for body in [json!({ "evaluations": vec![&list; 101] }), json!({ "evaluations": [list, 7] })] {
        host.gateway().send(&post(EVALUATIONS, &body)).check_problem(400, "invalid_request");
    }
    assert_eq!(remaining(), before - 5);
    assert_eq!(several(host.gateway(), None, &vec![list.clone(); 100]), vec![true; 100]);
}

#[test]
fn an_error_is_its_own_and_has_a_text_and_every_decision_an_id() {
    let host = fixture();
    let sound = evaluation(&user("alice"), "read", &record("record-1"));
    let body = json!({ "evaluations": [
        sound,
        { "subject": "alice" },
        with(sound.clone(), json!({})),
        evaluation(&json!({ "type": "user" }), "read", &record("record-1")),
        evaluation(&user("alice"), "read", &with(record("record-1"), json!({ "workspace": 7 }))),
        json!({ "context": { "ip": "nowhere" }, "subject": user("alice"), "action": { "name": "read" },
            "resource": record("record-1") }),
    ] });
    let answer = host.gateway().send(&post(EVALUATIONS, &body)).check_json(200);
    let says = [
        None,
        Some("`subject`"),
        None,
        Some("`subject.id` is missing"),
        Some("`resource.properties.workspace`"),
        Some("`context.ip`"),
    ];
    let mut ids = Vec::new();
    for (one, says) in answer["evaluations"].as_array().unwrap().iter().zip(says) {
        let (context, error) = (&one["context"], &one["context"]["error"]);
        match says {
            None => ids.push(context["decision_id"].as_str().expect("an id")),
            Some(says) => {
                assert_eq!((&one["decision"], &error["status"]), (&json!(false), &json!(400)), "{one}");
                assert!(error["message"].as_str().unwrap().contains(says), "{one}");
            }
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 2);
    // A default that is malformed is everybody's.
    let body = json!({ "subject": "alice", "evaluations": [sound] });
    host.gateway().send(&post(EVALUATIONS, &body)).check_problem(400, "invalid_request");
    let large = Request::new("POST", EVALUATIONS).body("application/json", "x".repeat(300_000));
    host.gateway().send(&large).check_problem(413, "payload_too_large");
}
