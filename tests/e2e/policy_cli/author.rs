//! What an author does before anything is uploaded: check, test, explain, bench.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::process::{product, workspace_root};
use harness::{Ran, Setup, WASM_TARGET, is_left_to_tests_run};
use serde_json::{Value, json};

use super::change;

/// A policy as `policy new` writes it, in a folder of the test's own.
fn new(setup: &Setup, engine: &str) -> PathBuf {
    let mut command = product();
    Ran::of(command.args(["policy", "new", engine, "tickets", "--dir"]).arg(setup.folder())).check(0, &["written to"]);
    setup.folder().join("tickets")
}

fn policy(command: &str, dir: &Path, args: &[&str]) -> Ran {
    Ran::of(clean(&mut product()).args(["policy", command]).arg(dir).args(args))
}

/// Without what these tests are built with.
fn clean(command: &mut Command) -> &mut Command {
    ["RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"]
        .iter()
        .fold(command, |command, name| command.env_remove(name))
}

#[test]
fn check_says_what_an_upload_would_be_told() {
    let setup = Setup::real();
    let folder = new(&setup, "--cel");
    let said =
        ["ok  types", "ok  cost", "7 run, all as expected", "context.ticket, request.environment, request.method"];
    policy("check", &folder, &[]).check(0, &said);
    let told = policy("check", &folder, &["--output", "json"]).check_json(0);
    assert_eq!((&told["passed"], &told["report"]["cost"]["unit"]), (&json!(true), &json!("steps")), "{told}");

    change(&folder.join("policy.cel"), |source| {
        source.replace("request.method == \"HEAD\"", "request.methods == \"HEAD\"")
    });
    let refused = policy("check", &folder, &[]);
    refused.check(1, &["error: tickets/policy.cel:1:", "did you mean `request.method`?", "  1 | has(request.method)"]);
    let told = policy("check", &folder, &["--output", "json"]).check_json(1);
    assert_eq!((&told["passed"], &told["findings"][0]["line"]), (&json!(false), &json!(1)), "{told}");
    let caret = refused.stderr.lines().find_map(|line| line.strip_prefix("    | ")?.find('^'));
    assert_eq!(caret.map(|before| before as u64 + 1), told["findings"][0]["column"].as_u64(), "{refused:?}");

    change(&folder.join("policy.cel"), |source| source.replace("request.methods", "request.method"));
    change(&folder.join("cases.toml"), |cases| {
        cases.replacen("codes = [\"ticket_missing\"]", "codes = [\"other\"]", 1)
    });
    policy("check", &folder, &[]).check(1, &["1 of 7 cases fail", "FAILED  tickets: a change without a ticket"]);
    change(&folder.join("cases.toml"), |cases| format!("[[cases]]\n{cases}"));
    policy("check", &folder, &[]).check(1, &["error: tickets/cases.toml:1:", "  1 | [[cases]]\n    |   ^"]);
}

#[test]
fn test_is_told_to_people_programs_and_collectors() {
    let setup = Setup::real();
    let folder = new(&setup, "--cel");
    policy("test", &folder, &[]).check(0, &["ok      tickets: reading needs none", "tickets: 7 passed, 0 failed"]);
    policy("test", &folder, &["--native"]).check(1, &["holds no policy in Rust; --native is for these"]);
    let told = policy("test", &folder, &["--format", "json"]).check_json(0);
    assert_eq!((&told[0]["passed"], &told[0]["ran"]), (&json!(7), &json!("sandbox")), "{told}");
    change(&folder.join("cases.toml"), |cases| {
        cases.replacen("codes = [\"ticket_missing\"]", "codes = [\"other\"]", 1)
    });
    let failed = policy("test", &folder, &["--format", "junit"]);
    let suite = r#"<testsuite name="tickets (sandbox)" tests="7" failures="1" errors="0">"#;
    failed
        .check(1, &["<?xml version=\"1.0\"", suite, r#"name="a change without a ticket"><failure message="expected"#]);
    assert_eq!(failed.stdout.matches("<testcase ").count(), 7, "{failed:?}");
}

#[test]
fn explain_names_the_branch_the_values_and_the_place() {
    let setup = Setup::real();
    let folder = new(&setup, "--cel");
    let said = [
        "tickets: forbid (ticket_missing: ",
        "5:5  has(context.ticket) && context.ticket != \"\"  → false",
        "context.ticket = \"\"",
        "7:5  forbid(",
        "→ decides",
    ];
    policy("explain", &folder, &["--case", "an empty ticket is none"]).check(0, &said);
    let facts = setup.folder().join("facts.json");
    fs::write(&facts, json!({ "request": { "method": "GET" } }).to_string()).unwrap();
    let told = policy("explain", &folder, &["--facts", facts.to_str().unwrap(), "--output", "json"]).check_json(0);
    assert_eq!((&told["verdict"]["effect"], &told["policy"]), (&json!("no_match"), &json!("tickets")), "{told}");
    let [condition, verdict] = told["steps"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&condition["outcome"], &verdict["outcome"]), (&json!("true"), &json!("decided")), "{told}");
    assert_eq!(condition["leaves"], json!([{ "path": "request.method", "value": "GET" }]), "{told}");
    assert_eq!(verdict["span"], json!({ "start": { "line": 2, "column": 5 }, "end": { "line": 2, "column": 15 } }));
    fs::write(&facts, json!({ "request": { "methods": "GET" } }).to_string()).unwrap();
    policy("explain", &folder, &["--facts", facts.to_str().unwrap()]).check(1, &["unknown fact `methods`"]);
    policy("explain", &folder, &["--case", "nope"])
        .check(1, &["has no case `nope`; it has `a change without a ticket`"]);
    policy("explain", &folder, &[]).check(64, &["--case"]);
}

#[test]
fn bench_measures_this_machine_and_says_so() {
    let setup = Setup::real();
    let folder = new(&setup, "--cel");
    policy("bench", &folder, &["--rounds", "3"])
        .check(0, &["p99 µs", "reading needs none", "times are of this machine"]);
    let told = policy("bench", &folder, &["--rounds", "3", "--output", "json"]).check_json(0);
    assert_eq!((told["cases"].as_array().map(Vec::len), &told["instance_ns"]), (Some(8), &Value::Null), "{told}");
    assert!(told["steps_at_most"].as_u64() < told["steps_limit"].as_u64(), "{told}");
    assert!(told["cases"][0]["ns"]["p50"].as_u64() <= told["cases"][0]["ns"]["p99"].as_u64(), "{told}");
}

#[test]
fn a_crate_says_the_same_natively_and_in_the_sandbox() {
    if is_left_to_tests_run(WASM_TARGET) {
        return;
    }
    let setup = Setup::real();
    let folder = new(&setup, "--rust");
    let both = policy("test", &folder, &["--output", "json"]).check_json(0);
    let ran = |run: &Value| (run["ran"].as_str().map(str::to_owned), run["passed"].as_u64(), run["failed"].as_u64());
    assert_eq!(
        (ran(&both[0]), ran(&both[1])),
        ((Some("native".into()), Some(7), Some(0)), (Some("sandbox".into()), Some(7), Some(0))),
        "{both}"
    );
    let told = policy("bench", &folder, &["--rounds", "3", "--output", "json"]).check_json(0);
    assert!(told["cases"][0]["fuel"].as_u64() > Some(0) && told["instance_ns"]["p50"].is_u64(), "{told}");
    let told = policy("explain", &folder, &["--case", "an empty ticket is none", "--output", "json"]).check_json(0);
    assert_eq!(told["verdict"]["reasons"][0]["code"], "ticket_missing", "{told}");
    assert_eq!(told["steps"][0]["leaves"][0]["value"]["context"]["ticket"], "", "{told}");
    let told = policy("check", &folder, &["--output", "json"]).check_json(0);
    assert_eq!(
        (&told["report"]["cost"]["unit"], &told["report"]["facts_read"]),
        (&json!("fuel"), &json!(["*"])),
        "{told}"
    );

    // What the two targets see differently is told, though each passes by itself.
    change(&folder.join("src/lib.rs"), |source| {
        source.replace(
            "\" names the ticket that it belongs to\"",
            "if cfg!(target_family = \"wasm\") { \" a\" } else { \" b\" }",
        )
    });
    policy("test", &folder, &["--native"]).check(0, &["7 passed, 0 failed"]);
    policy("test", &folder, &["--sandbox"]).check(0, &["7 passed, 0 failed"]);
    policy("test", &folder, &[])
        .check(1, &["error: tickets: a change without a ticket: natively", "both must be the same"]);
    let junit = policy("test", &folder, &["--format", "junit"]);
    junit.check(1, &["<testsuite name=\"tickets (native)\"", "<testsuite name=\"parity\" tests=\"4\" failures=\"4\""]);
    change(&folder.join("src/lib.rs"), |source| source.replace("Some(\"GET\" | \"HEAD\")", "Some(\"HEAD\")"));
    policy("test", &folder, &[])
        .check(1, &["FAILED  tickets: reading needs none", "tickets: 6 passed, 1 failed (native)"]);
}

#[test]
fn the_policies_to_start_from_pass() {
    let examples = workspace_root().join("examples/policies");
    for name in ["office-hours", "queue-owner"] {
        policy("check", &examples.join(name), &[]).check(0, &["all as expected"]);
    }
    // What has no default is stated by whoever uploads it.
    let freeze = examples.join("deploy-freeze");
    policy("check", &freeze, &[]).check(1, &["setting `from` has no default; state it with --setting from=VALUE"]);
    let set = ["--setting", "from=1797552000000", "--setting", "until=1799020800000"];
    let said = ["9 run, all as expected", "not among the cases", "`a freeze without an end`"];
    policy("check", &freeze, &set).check(0, &said);
    if is_left_to_tests_run(WASM_TARGET) {
        return;
    }
    // It lies in this workspace, whose lock file and target folder it shares.
    policy("test", &examples.join("request-cost-guard"), &["--sandbox"])
        .check(0, &["request-cost-guard: ", " passed, 0 failed"]);
    policy("check", &examples.join("request-cost-guard"), &[]).check(0, &["all as expected"]);
}
