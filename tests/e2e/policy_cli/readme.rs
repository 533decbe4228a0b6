//! The author's section of the README: its commands, pasted into an empty folder by somebody who holds one key.

use std::fs;
use std::process::Command;

use harness::process::{binary, workspace_root};
use harness::{Host, Ran, WASM_TARGET, is_left_to_tests_run};
use serde_json::Value;

use super::create_job;

/// The blocks of commands: what is set first, then five commands in Rust, then in CEL.
fn blocks() -> [String; 3] {
    let readme = fs::read_to_string(workspace_root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n### Write one\n").expect("the author's section");
    let section = section.split("\n## ").next().unwrap();
    let blocks: Vec<_> =
        section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect();
    blocks.try_into().expect("three blocks of commands")
}

/// Five commands, verbatim, in an empty folder; then what the section says that comes next.
fn check(commands: &str, engine: &str) {
    let [set, ..] = blocks();
    assert_eq!(commands.replace("\\\n", "").lines().count(), 5, "{commands}");
    let host = Host::dev();
    create_job(&host).check_allow();
    let folder = host.setup().folder().join("empty");
    fs::create_dir(&folder).unwrap();
    let name = commands.lines().find_map(|line| line.split_once("policy push ")).expect("it is pushed").1;

    // curl leaves its line open.
    let rest = format!("echo\ncronflow-access policy rollback {name}");
    let script = format!("set -e\n{commands}\n{rest}\n");
    let identity = host.identity();
    let mut bash = Command::new("bash");
    // As the section sets them; nothing but the one scope.
    for (variable, value) in [
        ("CRONFLOW_ACCESS_URL", host.url()),
        ("CRONFLOW_ACCESS_TOKEN", host.issue("production", &["policies:write"]).secret),
        ("GATEWAY", identity.gateway_token.clone()),
        ("CLIENT", host.demo_key("production").secret),
    ] {
        assert!(set.contains(&format!("{variable}=")), "{set}");
        bash.env(variable, value);
    }
    // What these tests are built with is no affair of the author's.
    for of_tests in ["CRONFLOW_ACCESS_BIN", "RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
        bash.env_remove(of_tests);
    }
    let path = format!("{}:{}", binary().parent().unwrap().display(), env!("PATH"));
    let ran = Ran::of(bash.arg("-c").arg(&script).env("PATH", path).current_dir(&folder));
    ran.check(
        0,
        &["written to", "7 passed, 0 failed", "is a draft", "published", "nothing of it is in force any more"],
    );
    let denied = ran.stdout.lines().find(|line| line.starts_with(r#"{"decision""#));
    let denied: Value = serde_json::from_str(denied.expect("a decision")).unwrap();
    assert_eq!((&denied["decision"], &denied["status"]), (&"deny".into(), &403.into()), "{denied}");
    let [reason] = denied["reasons"].as_array().unwrap().as_slice() else { panic!("one reason: {denied}") };
    assert_eq!((&reason["code"], &reason["policy"]), (&"ticket_missing".into(), &name.into()), "{denied}");
    let report = &ran.stdout;
    assert_eq!(report.contains("(native)"), engine == "rust", "{report}");
    create_job(&host).check_allow();
}

#[test]
fn five_commands_from_nothing_to_a_denial_in_rust() {
    let [_, rust, _] = blocks();
    assert!(rust.contains("policy new --rust "), "{rust}");
    if is_left_to_tests_run(WASM_TARGET) {
        return;
    }
    check(&rust, "rust");
}

#[test]
fn five_commands_from_nothing_to_a_denial_in_cel() {
    let [_, _, cel] = blocks();
    assert!(cel.contains("policy new --cel "), "{cel}");
    check(&cel, "cel");
}
