//! Uploads that don't pass: told why, all of it, and nothing changes.

use harness::{Host, Request};
use serde_json::{Value, json};

use super::{delete_job, forbids_deleting, policy, publish};

/// Uploads and publishes over a policy that is in force; the problem.
#[track_caller]
fn check(host: &Host, upload: &Value, status: u16, code: &str) -> Value {
    let problem =
        host.operator().put(&policy(host, "no-deleting", "?publish=true"), upload).check_problem(status, code);
    delete_job(host).check_deny(&["first"]);
    problem
}

fn cel(source: &str) -> Value {
    json!({ "engine": "cel", "source": source })
}

#[test]
fn findings_say_where_and_what_to_do() {
    let host = Host::dev();
    publish(&host, "no-deleting", &forbids_deleting("first"));
    let problem =
        check(&host, &cel("\"jobs:write\" in\n  principal.scope ? permit() : no_match()"), 422, "policy_refused");
    let finding = &problem["findings"][0];
    assert_eq!((&finding["file"], &finding["line"]), (&json!("policy.cel"), &json!(2)), "{problem}");
    assert!(finding["column"].is_u64(), "{problem}");
    assert!(finding["message"].as_str().is_some_and(|said| said.contains("`principal.scopes`")), "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|said| said.contains("policy.cel:2:")), "{problem}");

    let mut upload = forbids_deleting("other");
    upload["cases"] = json!([
        { "name": "right", "facts": { "action": { "name": "jobs.delete" } }, "expect": { "effect": "forbid", "codes": ["other"] } },
        { "name": "wrong", "facts": { "action": { "name": "jobs.list" } }, "expect": { "effect": "forbid", "codes": ["other"] } },
    ]);
    let problem = check(&host, &upload, 422, "policy_refused");
    assert_eq!(problem["cases"].as_array().map(Vec::len), Some(1), "{problem}");
    assert_eq!(
        (&problem["cases"][0]["name"], &problem["cases"][0]["got"]),
        (&json!("wrong"), &json!("no match")),
        "{problem}"
    );

    upload["cases"] = json!([{ "name": "x", "facts": { "surprise": 1 }, "expect": { "effect": "no_match" } }]);
    let problem = check(&host, &upload, 422, "policy_refused");
    assert_eq!(
        (&problem["findings"][0]["file"], &problem["findings"][0]["line"]),
        (&json!("cases"), &json!(1)),
        "{problem}"
    );

    // Of two declarations of one attribute, neither is taken for meant.
    let twice =
        r#"{ "engine": "cel", "source": "no_match()", "attributes": { "context": { "a": "int", "a": "string" } } }"#;
    let request = Request::new("PUT", &policy(&host, "no-deleting", "")).body("application/json", twice);
    host.operator().send(&request).check_problem(400, "invalid_request");

    check(&host, &json!({ "engine": "cel" }), 400, "invalid_request");
    check(&host, &json!({ "engine": "wasm", "source": "permit()" }), 400, "invalid_request");
    check(&host, &json!({ "engine": "wasm", "module_base64": "@" }), 400, "invalid_request");
    check(&host, &json!({ "engine": "wasm", "module_base64": "AGFzbQEAAAA=" }), 422, "policy_refused");
    host.operator().put(&policy(&host, "scopes", ""), &cel("permit()")).check_problem(409, "name_taken");
    for name in ["A", "%61%2fb", "-a"] {
        let refused = host.operator().put(&policy(&host, name, ""), &cel("permit()"));
        assert!(matches!(refused.status, 400 | 404), "{name}: {refused:?}");
    }
}

#[test]
fn what_is_too_large_is_a_loud_413() {
    let host = Host::dev();
    publish(&host, "no-deleting", &forbids_deleting("first"));
    check(&host, &cel(&format!("no_match() // {}", "x".repeat(17 << 10))), 413, "payload_too_large");
    let chain = format!("{}1 > 0\n? permit() : no_match()", "1 + ".repeat(100_000));
    let problem = check(&host, &cel(&chain), 413, "payload_too_large");
    assert!(problem["detail"].as_str().is_some_and(|said| said.contains("policy.cel:1:16385")), "{problem}");
    let module = "AAAA".repeat((1 << 20) / 3 + 1);
    check(&host, &json!({ "engine": "wasm", "module_base64": module }), 413, "payload_too_large");
    check(&host, &cel(&"x".repeat(3 << 20)), 413, "payload_too_large");
    let request = Request::new("PUT", &policy(&host, "no-deleting", "")).body("text/plain", "permit()");
    host.operator().send(&request).check_problem(415, "unsupported_media_type");
}

#[test]
fn a_workspace_has_so_many_policies_and_no_more() {
    let host = Host::dev();
    for number in 0..32 {
        host.operator().put(&policy(&host, &format!("p-{number}"), ""), &cel("no_match()")).check_json(200);
    }
    host.operator().put(&policy(&host, "p-32", ""), &cel("no_match()")).check_problem(409, "conflict");
    super::check_gone(&host.operator().send(&super::delete(&policy(&host, "p-7", ""))));
    host.operator().put(&policy(&host, "p-32", ""), &cel("no_match()")).check_json(200);
}

#[test]
fn cel_policies_have_a_budget_together() {
    let host = Host::dev();
    publish(&host, "no-deleting", &forbids_deleting("first"));
    let costly = cel("request.path.matches('^(/[a-z]{1,8}){1,2}$') ? permit() : no_match()");
    let put = |number| host.operator().put(&policy(&host, &format!("p-{number}"), "?publish=true"), &costly);
    let fit = (0..32).take_while(|number| put(*number).status == 200).count();
    assert!((2..31).contains(&fit), "{fit}");
    let problem = put(fit).check_problem(409, "conflict");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("steps in one decision and may cost 1000000"), "{problem}");
    assert!(detail.contains("make it cheaper, or delete what is needed no longer"), "{problem}");
    // what is in force judges on
    delete_job(&host).check_deny(&["first"]);
    super::check_gone(&host.operator().send(&super::delete(&policy(&host, "p-0", ""))));
    put(fit).check_json(200);
}
