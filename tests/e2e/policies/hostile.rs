//! Uploads that mean harm: refused with a reason, or denied by, and nobody else notices.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use harness::{Answer, AtEnd, Host, Question, Request, in_parallel, wait_until};
use serde_json::{Value, json};

use super::{base64, delete_job, policy, publish, wasm};
use crate::hostile_modules::{Hostile, no_policies, policies};
use crate::wat;

/// Uploads while another workspace asks without a pause; checks that it is answered, all the while and by the same process.
fn while_others_ask(upload: impl Fn(&Host, &Value) -> Value + Sync, uploads: &[Value], check: impl Fn(usize, &Value)) {
    let host = Host::dev();
    publish(&host, "quiet", &json!({ "engine": "cel", "source": "no_match()" }));
    let neighbour = host.create_workspace(&host.identity().organization, "neighbour");
    let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
    let theirs = host.operator().post(&format!("/v1/workspaces/{neighbour}/keys"), &body).check_json(201);
    let asked = Question::reads_jobs(theirs["secret"].as_str().expect("a secret")).request();
    let process =
        || host.operator().get(&policy(&host, "quiet", "/status")).check_json(200)["hosts"][0]["host"].clone();
    let before = process();
    let (over, allowed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let told = in_parallel(2, |number| {
        if number == 0 {
            let _end = AtEnd(&over);
            wait_until("the neighbour asks", || allowed.load(Ordering::Relaxed) > 0);
            return uploads.iter().map(|one| upload(&host, one)).collect();
        }
        let client = host.client(Some(&host.identity().gateway_token));
        while !over.load(Ordering::Relaxed) {
            let answer = Answer::of(client.try_send(&asked).expect("no connection breaks").check_json(200));
            if answer.codes() != ["rate_limited"] {
                answer.check_allow();
                allowed.fetch_add(1, Ordering::Relaxed);
            }
        }
        Vec::new()
    });
    told.concat().iter().enumerate().for_each(|(number, told)| check(number, told));
    delete_job(&host).check_allow();
    assert_eq!(process(), before, "it is the same process");
}

/// Uploads as the workspace itself would; what it is told.
fn refused(host: &Host, upload: &Value) -> Value {
    let response = host.operator().put(&policy(host, "hostile", "?publish=true"), upload);
    assert!(matches!(response.status, 413 | 422), "{response:?}");
    response.check_problem(response.status, if response.status == 413 { "payload_too_large" } else { "policy_refused" })
}

fn finding(problem: &Value) -> &str {
    problem["findings"][0]["message"].as_str().unwrap_or_else(|| panic!("a reason: {problem}"))
}

#[test]
fn hostile_modules_are_refused_with_a_reason() {
    let hostile: Vec<Hostile> = policies().into_iter().chain(no_policies()).collect();
    let upload = |module: &[u8]| json!({ "engine": "wasm", "module_base64": base64(module) });
    let uploads: Vec<_> = hostile.iter().map(|hostile| upload(&hostile.module)).collect();
    while_others_ask(refused, &uploads, |number, told| {
        let all: Vec<_> = told["findings"].as_array().expect("findings").iter().map(Value::to_string).collect();
        assert!(!finding(told).is_empty() && all.concat().contains(hostile[number].why), "{number}: {told}");
    });
}

#[test]
fn what_hides_from_the_gate_denies_and_no_more() {
    let bomb = format!("(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) {}", wat::verdict(1));
    let hidden = |then: &str| wasm(&wat::module(&wat::where_said(*b"dele", then), ""));
    let deep = wat::module(
        &wat::where_said(*b"dele", "(drop (call $deep))"),
        "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))",
    );
    let lies = hidden("(return (i32.const -16))");
    let uploads = [wasm(&wat::module(&bomb, "")), hidden("(loop (br 0))"), hidden("unreachable"), wasm(&deep), lies];
    let publishes = |host: &Host, upload: &Value| {
        publish(host, "hostile", upload);
        let denied = delete_job(host);
        super::check_gone(&host.operator().send(&Request::new("DELETE", &policy(host, "hostile", ""))));
        denied.0
    };
    while_others_ask(publishes, &uploads, |number, told| {
        Answer::of(told.clone()).check_deny(&[if number == 0 { "shut" } else { "policy_error" }]);
    });
}

#[test]
fn hostile_cel_is_refused_with_its_place() {
    let condition = |condition: String| format!("{condition} ? permit() : no_match()");
    let nested = (0..7).fold("1".to_owned(), |inner, level| format!("[1, 2, 3].map(v{level}, {inner})"));
    let replaced = format!("action.name{} == ''", ".replace('a', 'aaaaaaaaaa')".repeat(20));
    let cases = [
        ("a typo", condition("'jobs:write' in principal.scope".into()), "`principal.scopes`"),
        ("a typo behind an or", condition("true || principal.scope == []".into()), "`principal.scopes`"),
        ("a long sum", condition("1 + ".repeat(1_500) + "1 > 0"), ""),
        ("a longer one", condition("1+".repeat(100_000) + "1 > 0"), "16384"),
        ("or", condition("true||".repeat(100_000) + "true"), "16384"),
        ("methods", condition(format!("principal.kind{} == ''", ".trim()".repeat(100_000))), "16384"),
        ("index", condition(format!("principal.scopes{} == ''", "[0]".repeat(100_000))), "16384"),
        ("brackets", "(".repeat(100_000), "16384"),
        ("brackets that fit", "(".repeat(8_000), ""),
        ("not", condition("!".repeat(10_000) + "true"), ""),
        ("maps in maps", condition(format!("{nested} == []")), ""),
        ("replace of replace", condition(replaced), ""),
        ("a pattern in a loop", condition("principal.scopes.all(s, s.matches(s))".into()), ""),
        ("a pattern that explodes", condition("action.name.matches('(a{1000}){1000}')".into()), ""),
        ("a key twice", condition("{'a': 1, 'a': 2} == {}".into()), ""),
        ("a number beyond all", condition("9223372036854775808 > 0".into()), ""),
        ("letters that look alike", condition("principal.k\u{0456}nd == ''".into()), ""),
        ("text that turns around", condition("principal.kind == '\u{202e}'".into()), ""),
        ("another type", "1 + 'a'".into(), ""),
        ("nothing", String::new(), ""),
    ];
    let uploads: Vec<_> = cases.iter().map(|(_, source, _)| json!({ "engine": "cel", "source": source })).collect();
    while_others_ask(refused, &uploads, |number, told| {
        let (name, _, says) = &cases[number];
        assert!(finding(told).contains(says), "{name}: {told}");
        let place = &told["findings"][0];
        assert!(place["line"].is_u64() && place["column"].is_u64(), "{name}: {told}");
    });
}

/// What the gate can't know before: an error is a denial, never the policy's silence.
#[test]
fn what_errs_on_some_facts_denies_those() {
    let sources = [
        "size(action.name) / (size(action.name) - size(\"jobs.delete\")) > 3 ? permit() : no_match()",
        "9223372036854775807 + size(action.name) > 0 && action.name == \"jobs.delete\" ? permit() : no_match()",
    ];
    let uploads = sources.map(|source| json!({ "engine": "cel", "source": source }));
    let publishes = |host: &Host, upload: &Value| {
        publish(host, "hostile", upload);
        let denied = delete_job(host);
        super::check_gone(&host.operator().send(&Request::new("DELETE", &policy(host, "hostile", ""))));
        denied.0
    };
    while_others_ask(publishes, &uploads, |_, told| {
        Answer::of(told.clone()).check_deny(&["policy_error"]);
    });
}
