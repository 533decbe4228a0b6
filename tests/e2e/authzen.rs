//! AuthZEN 1.0: the certification scenario's requests against the policy that ships for it here, and everybody else's against
//! the shipped set.

mod scenario;
mod semantics;
mod shipped;
mod stated;

use std::fs;
use std::path::Path;

use harness::process::workspace_root;
use harness::{Client, Host, Request, Response, Setup};
use serde_json::{Value, json};

const EVALUATION: &str = "/access/v1/evaluation";
const EVALUATIONS: &str = "/access/v1/evaluations";

/// A host with the scenario's fixture: `tests/data/authzen/README.md` in Rust.
fn fixture() -> Host {
    let setup = Setup::dev();
    let (data, policies) = (workspace_root().join("tests/data/authzen"), setup.folder().join("policies"));
    fs::create_dir(&policies).unwrap();
    for shipped in ["gateway", "management"] {
        copy(&workspace_root().join("policies").join(shipped), &policies.join(shipped));
    }
    copy(&data.join("records"), &policies.join("records"));
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let all = read(&workspace_root().join("policies/catalog.toml")) + &read(&data.join("actions.toml"));
    let catalog = setup.folder().join("catalog.toml");
    fs::write(&catalog, all).unwrap();
    let path = |path: &Path| path.display().to_string();
    setup.args(["--policies".to_owned(), path(&policies), "--catalog".to_owned(), path(&catalog)]).start()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

fn user(id: &str) -> Value {
    json!({ "type": "user", "id": id })
}

fn record(id: &str) -> Value {
    json!({ "type": "record", "id": id })
}

/// An entity or action with properties.
fn with(mut entity: Value, properties: Value) -> Value {
    entity["properties"] = properties;
    entity
}

fn evaluation(subject: &Value, action: &str, resource: &Value) -> Value {
    json!({ "subject": subject, "action": { "name": action }, "resource": resource })
}

/// Whoever presented `secret`.
fn presents(secret: &str) -> Value {
    json!({ "type": "credential", "id": "e2e", "properties": { "secret": secret } })
}

fn post(path: &str, body: &Value) -> Request {
    Request::new("POST", path).json(body)
}

/// The one decision that was answered, having checked its form.
#[track_caller]
fn check_decision(answer: &Value) -> bool {
    assert!(answer["context"].is_object(), "{answer}");
    answer["decision"].as_bool().unwrap_or_else(|| panic!("no decision: {answer}"))
}

/// The decisions that were answered, having checked their form.
#[track_caller]
fn check_decisions(answered: &Response) -> Vec<bool> {
    let answer = answered.check_json(200);
    assert!(answer.get("decision").is_none(), "{answer}");
    answer["evaluations"].as_array().expect("a list").iter().map(check_decision).collect()
}

/// Asks one evaluation.
#[track_caller]
fn evaluate(asker: &Client, body: &Value) -> Value {
    let answer = asker.send(&post(EVALUATION, body)).check_json(200);
    check_decision(&answer);
    answer
}

fn codes(answer: &Value) -> Vec<&str> {
    let reasons = answer["context"]["reasons"].as_array().expect("reasons are a list");
    reasons.iter().map(|reason| reason["code"].as_str().expect("a code")).collect()
}
