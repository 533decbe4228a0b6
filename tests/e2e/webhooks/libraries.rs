//! Receivers as people write them: with the published libraries of Standard Webhooks, and by the recipes that the documents
//! show.

use std::path::Path;
use std::process::Command;

use harness::{Ran, Received, is_left_to_tests_run, tools};
use serde_json::json;

use super::{received_by, send, setup};

/// Whether a program says that a request is CronFlow's; it reads it from standard input, as JSON.
pub(super) fn says(mut program: Command, secret: &str, received: &Received) -> bool {
    let headers: serde_json::Map<String, serde_json::Value> =
        received.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let body = String::from_utf8(received.body.clone()).expect("text");
    let request = json!({ "secret": secret, "headers": headers, "body": body }).to_string();
    let ran = Ran::reading(program.env("NODE_TOOLS", tools().join("node")), request);
    match ran.stdout.trim() {
        "verified" => true,
        "refused" => false,
        _ => panic!("{program:?} said {ran:?}"),
    }
}

/// Has a real message verified, and a spoiled one refused.
fn check(program: impl Fn() -> Command) {
    let host = setup().start();
    let (receiver, hook) = received_by(&host, &["*"]);
    send(&host, "job.done", &json!({ "text": "Grüße, 世界" }));
    let received = receiver.wait_for(1).remove(0);
    assert!(says(program(), &hook.secret, &received), "{received:?}");
    let mut spoiled = received.clone();
    spoiled.body[3] ^= 1;
    assert!(!says(program(), &hook.secret, &spoiled));
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert!(!says(program(), other, &received));
}

fn python(script: &str, needs: &str) -> Option<impl Fn() -> Command + use<>> {
    let python = tools().join("python/bin/python");
    if is_left_to_tests_run(&tools().join(needs).to_string_lossy()) || is_left_to_tests_run(&python.to_string_lossy()) {
        return None;
    }
    let script = format!("data/webhooks/{script}");
    Some(move || {
        let mut command = Command::new(&python);
        command.arg(&script);
        command
    })
}

fn node(script: &str, needs: &Path) -> Option<impl Fn() -> Command + use<>> {
    if is_left_to_tests_run(&needs.to_string_lossy()) {
        return None;
    }
    let script = format!("data/webhooks/{script}");
    Some(move || {
        let mut command = Command::new("node");
        command.arg(&script);
        command
    })
}

type Program = Box<dyn Fn() -> Command>;

/// All of them; fewer where not every tool is here.
pub(super) fn verifiers() -> Vec<Program> {
    let library = tools().join("node/node_modules/standardwebhooks/package.json");
    let python = ["standard.py", "recipe.py"]
        .map(|script| python(script, "python/bin/python").map(|it| Box::new(it) as Program));
    let node = ["standard.mjs", "recipe.mjs"].map(|script| node(script, &library).map(|it| Box::new(it) as Program));
    python.into_iter().chain(node).flatten().collect()
}

#[test]
fn the_library_for_python_verifies() {
    if let Some(program) = python("standard.py", "python/bin/python") {
        check(program);
    }
}

#[test]
fn the_recipe_for_python_verifies() {
    if let Some(program) = python("recipe.py", "python/bin/python") {
        check(program);
    }
}

#[test]
fn the_library_for_node_verifies() {
    if let Some(program) = node("standard.mjs", &tools().join("node/node_modules/standardwebhooks/package.json")) {
        check(program);
    }
}

#[test]
fn the_recipe_for_node_verifies() {
    if let Some(program) = node("recipe.mjs", &tools().join("node/node_modules/standardwebhooks/package.json")) {
        check(program);
    }
}
