//! Policies that a workspace uploads: from a draft to a live denial, and back.

mod diff;
mod dying;
mod form;
mod hostile;
mod hosts;
mod lane;
mod load;
mod lockout;
mod refused;
mod status;
mod unavailable;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Host, Question, Request, Response};
use serde_json::{Value, json};

use crate::wat;

/// A policy that forbids deleting jobs, for this reason.
pub(super) fn forbids_deleting(code: &str) -> Value {
    json!({
        "engine": "cel",
        "source": format!("action.name == \"jobs.delete\" ? forbid(\"{code}\", \"not here\") : no_match()"),
    })
}

/// A module, as JSON is sent.
pub(super) fn wasm(wat: &str) -> Value {
    json!({ "engine": "wasm", "module_base64": base64(&wat::bytes(wat)) })
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The path of a policy of the first workspace, and what follows it.
pub(super) fn policy(host: &Host, name: &str, then: &str) -> String {
    host.workspace(&format!("/policies/{name}{then}"))
}

/// Uploads and publishes as the operator; the answer.
#[track_caller]
pub(super) fn publish(host: &Host, name: &str, upload: &Value) -> Value {
    host.operator().put(&policy(host, name, "?publish=true"), upload).check_json(200)
}

/// The decision about the demo's production key deleting a job.
#[track_caller]
pub(super) fn delete_job(host: &Host) -> Answer {
    host.decide_patiently(
        &Question::of(&host.demo_key("production").secret).to("DELETE /v1/jobs/42").within("production"),
    )
}

fn delete(path: &str) -> Request {
    Request::new("DELETE", path)
}

#[track_caller]
fn check_gone(response: &Response) {
    assert_eq!((response.status, response.body.as_str()), (204, ""), "{response:?}");
}

#[test]
fn a_policy_from_draft_to_denial_and_back() {
    let host = Host::dev();
    let operator = host.operator();
    let quiet = delete_job(&host);
    quiet.check_allow();
    let draft = operator.put(&policy(&host, "no-deleting", ""), &forbids_deleting("first")).check_json(200);
    assert_eq!((&draft["published"], &draft["revision"]["revision"]), (&Value::Null, &json!(1)), "{draft}");
    assert_eq!(delete_job(&host).check_allow().set_digest(), quiet.set_digest(), "a draft decides nothing");

    let published = operator.post(&policy(&host, "no-deleting", "/publish"), &json!({ "revision": 1 })).check_json(200);
    assert_eq!((&published["published"]["revision"], &published["policy_revision"]), (&json!(1), &json!(1)));
    let denied = delete_job(&host);
    denied.check_deny(&["first"]);
    assert_eq!((&denied.0["policy_revision"], &denied.0["reasons"][0]["policy"]), (&json!(1), &json!("no-deleting")));
    assert_ne!(denied.set_digest(), quiet.set_digest());

    // The same again is the same.
    for query in ["", "?publish=true"] {
        let again = operator.put(&policy(&host, "no-deleting", query), &forbids_deleting("first")).check_json(200);
        assert_eq!((&again["revision"]["revision"], &again["policy_revision"]), (&json!(1), &json!(1)), "{again}");
    }
    let second = publish(&host, "no-deleting", &forbids_deleting("second"));
    assert_eq!((&second["published"]["revision"], &second["previous"]["revision"]), (&json!(2), &json!(1)), "{second}");
    delete_job(&host).check_deny(&["second"]);
    let monitored = json!({ "mode": "monitor", "engine": "cel", "source": "forbid(\"watched\", \"all of it\")" });
    publish(&host, "watching", &monitored);
    delete_job(&host).check_deny(&["second"]);

    let back = operator.post(&policy(&host, "no-deleting", "/rollback"), &json!({})).check_json(200);
    assert_eq!((&back["published"]["revision"], &back["policy_revision"]), (&json!(1), &json!(4)), "{back}");
    delete_job(&host).check_deny(&["first"]);
    let back = operator.post(&policy(&host, "no-deleting", "/rollback"), &json!({})).check_json(200);
    assert_eq!(back["published"], Value::Null, "{back}");
    delete_job(&host).check_allow();
    operator.post(&policy(&host, "no-deleting", "/rollback"), &json!({})).check_problem(409, "conflict");

    // What was uploaded is there, and what is in force after a restart is what was before.
    publish(&host, "no-deleting", &forbids_deleting("second"));
    let host = host.kill_9().start();
    let denied = delete_job(&host);
    denied.check_deny(&["second"]);
    assert_eq!(denied.0["policy_revision"], 6);
    let operator = host.operator();
    let revision = operator.get(&policy(&host, "no-deleting", "/revisions/1")).check_json(200);
    assert_eq!(revision["source"], forbids_deleting("first")["source"]);
    let revisions = operator.get(&policy(&host, "no-deleting", "/revisions?limit=1")).check_json(200);
    assert_eq!((&revisions["items"][0]["revision"], revisions["items"][0].get("source")), (&json!(2), None));
    let next = revisions["next_cursor"].as_str().expect("there is more");
    let rest =
        operator.get(&policy(&host, "no-deleting", &format!("/revisions?limit=5&cursor={next}"))).check_json(200);
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["next_cursor"]), (Some(1), &Value::Null), "{rest}");
    let listed = operator.get(&host.workspace("/policies")).check_json(200);
    let names: Vec<_> =
        listed["items"].as_array().expect("items").iter().map(|policy| policy["name"].clone()).collect();
    assert_eq!(names, ["no-deleting", "watching"]);

    check_gone(&operator.send(&delete(&policy(&host, "no-deleting", ""))));
    delete_job(&host).check_allow();
    operator.get(&policy(&host, "no-deleting", "")).check_problem(404, "not_found");
    operator.send(&delete(&policy(&host, "no-deleting", ""))).check_problem(404, "not_found");
    let again = operator.put(&policy(&host, "no-deleting", ""), &forbids_deleting("third")).check_json(200);
    assert_eq!((&again["revision"]["revision"], &again["published"]), (&json!(3), &Value::Null), "numbers go on");
}

#[test]
fn whoever_changes_something_is_on_record_and_the_source_is_not() {
    let host = Host::dev();
    publish(&host, "no-deleting", &forbids_deleting("first"));
    publish(&host, "no-deleting", &forbids_deleting("second"));
    host.operator().post(&policy(&host, "no-deleting", "/rollback"), &json!({})).check_json(200);
    check_gone(&host.operator().send(&delete(&policy(&host, "no-deleting", ""))));
    let trail = host.operator().get(&host.workspace("/audit?limit=20")).check_json(200);
    let told: Vec<_> = trail["items"]
        .as_array()
        .expect("items")
        .iter()
        .rev()
        .filter(|record| record["target"] == "no-deleting")
        .map(|record| {
            let of = |side: &str| record[side]["revision"].as_u64().unwrap_or(0);
            assert!(record["decision_id"].is_string() && record["actor"]["kind"] == "operator", "{record}");
            (record["action"].as_str().expect("an action").to_owned(), of("before"), of("after"))
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(action, before, after)| (action.as_str(), *before, *after)).collect();
    assert_eq!(
        told,
        [
            ("policies.put", 0, 1),
            ("policies.publish", 0, 1),
            ("policies.put", 1, 2),
            ("policies.publish", 1, 2),
            ("policies.rollback", 2, 1),
            ("policies.delete", 1, 0),
        ]
    );
    assert!(!trail.to_string().contains("not here"), "{trail}");
}

#[test]
fn a_change_is_only_made_of_what_was_shown() {
    let host = Host::dev();
    let operator = host.operator();
    let path = policy(&host, "no-deleting", "?publish=true");
    let put = |tag: &str, code: &str| {
        operator.send(&Request::new("PUT", &path).header("if-match", tag).json(&forbids_deleting(code)))
    };
    put("\"1\"", "first").check_problem(412, "stale");
    let first = operator.put(&path, &forbids_deleting("first"));
    let shown = first.header("etag").expect("a tag").to_owned();
    assert_eq!(operator.get(&policy(&host, "no-deleting", "")).header("etag"), Some(shown.as_str()));
    let second = put(&shown, "second");
    second.check_json(200);
    put(&shown, "third").check_problem(412, "stale");
    let then = |method: &str, then: &str, tag: &str| {
        let request = Request::new(method, &policy(&host, "no-deleting", then)).header("if-match", tag);
        operator.send(&if then == "/publish" { request.json(&json!({ "revision": 1 })) } else { request })
    };
    for (method, path) in [("POST", "/publish"), ("POST", "/rollback"), ("DELETE", "")] {
        then(method, path, &shown).check_problem(412, "stale");
    }
    delete_job(&host).check_deny(&["second"]);
    let back = then("POST", "/rollback", second.header("etag").expect("a tag"));
    back.check_json(200);
    check_gone(&then("DELETE", "", back.header("etag").expect("a tag")));
}

#[test]
fn suspended_is_suspended_and_other_workspaces_are_theirs() {
    let host = Host::dev();
    publish(&host, "no-deleting", &forbids_deleting("first"));
    let neighbour = host.create_workspace(&host.identity().organization, "neighbour");
    let body =
        json!({ "kind": "production", "name": "e2e", "scopes": ["policies:read", "policies:write", "jobs:write"] });
    let theirs = host.operator().post(&format!("/v1/workspaces/{neighbour}/keys"), &body).check_json(201);
    let theirs = theirs["secret"].as_str().expect("a secret");
    let client = host.client(Some(theirs));
    for then in ["", "/revisions", "/revisions/1"] {
        client.get(&policy(&host, "no-deleting", then)).check_problem(403, "wrong_workspace");
    }
    client.put(&policy(&host, "no-deleting", ""), &forbids_deleting("theirs")).check_problem(403, "wrong_workspace");
    client.get(&format!("/v1/workspaces/{neighbour}/policies/no-deleting")).check_problem(404, "not_found");
    host.decide(&Question::of(theirs).to("DELETE /v1/jobs/42").within("production")).check_allow();
    delete_job(&host).check_deny(&["first"]);
}
