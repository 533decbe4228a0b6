//! The rules for other scanners: what those find with them.

use std::path::Path;
use std::process::Command;

use harness::process::{product, workspace_root};
use harness::setup::temporary;
use harness::{Ran, is_left_to_tests_run, tools};
use regex::Regex;
use serde_json::Value;
use toml::Table;

use super::plant::one_of_each;

fn rules(file: &str) -> std::path::PathBuf {
    workspace_root().join("examples/scan").join(file)
}

/// Each secret in a file of its own, and one with a wrong checksum.
fn tree(folder: &Path) -> Vec<String> {
    let (plants, mut names) = (one_of_each(21), Vec::new());
    for plant in &plants {
        let name = format!("{}.txt", plant.kind);
        std::fs::write(folder.join(&name), format!("key = {}\n", plant.secret)).expect("a file is written");
        names.push(name);
    }
    let wrong = harness::secret::with_broken_checksum(&plants[0].secret);
    std::fs::write(folder.join("wrong.txt"), format!("key = {wrong}\n")).expect("a file is written");
    let short = &plants[0].secret[..40];
    std::fs::write(folder.join("short.txt"), format!("key = {short} cf_test_{}\n", &plants[0].secret[8..]))
        .expect("a file is written");
    names.sort();
    names
}

#[test]
fn what_is_printed_is_what_is_checked_in() {
    for (tool, file) in
        [("gitleaks", "gitleaks.toml"), ("detect-secrets", "detect_secrets.py"), ("secretlint", "secretlintrc.json")]
    {
        let printed = Ran::of(product().args(["scan", "rules", "--for", tool]));
        let kept = std::fs::read_to_string(rules(file)).expect("it is there");
        assert_eq!((printed.code, printed.stdout), (Some(0), kept), "{tool}");
    }
}

/// gitleaks itself is in no registry; its regular expressions are of one family with those here (RE2).
#[test]
fn the_rules_for_gitleaks_match_every_secret_and_name_its_beginning() {
    let text = std::fs::read_to_string(rules("gitleaks.toml")).expect("it is there");
    let config: Table = text.parse().expect("TOML");
    let rules = config["rules"].as_array().expect("rules");
    for plant in one_of_each(22) {
        let matching: Vec<&str> = rules
            .iter()
            .filter(|rule| {
                let line = format!("key = \"{}\"", plant.secret);
                let regex = Regex::new(rule["regex"].as_str().expect("a text")).expect("an expression");
                let keywords = rule["keywords"].as_array().expect("a list");
                let is_named = keywords.iter().any(|word| line.to_lowercase().contains(word.as_str().expect("a text")));
                is_named && regex.find(&line).is_some_and(|found| found.as_str() == plant.secret)
            })
            .map(|rule| rule["id"].as_str().expect("a text"))
            .collect();
        assert_eq!(matching, [format!("cronflow-{}", plant.kind.replace('_', "-"))]);
    }
    let ids: std::collections::BTreeSet<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
    assert_eq!(ids.len(), rules.len());
}

#[test]
fn detect_secrets_finds_every_secret_and_looks_at_its_checksum() {
    let program = tools().join("python/bin/detect-secrets");
    if is_left_to_tests_run(&program.to_string_lossy()) {
        return;
    }
    let folder = temporary();
    let expected = tree(folder.path());
    let mut command = Command::new(&program);
    command.current_dir(folder.path()).args(["scan", "--all-files", "--no-verify", "--plugin"]);
    let told = Ran::of(command.arg(rules("detect_secrets.py"))).check_json(0);
    let of_ours = |found: &Value| found["type"] == "CronFlow";
    let results = told["results"].as_object().expect("files");
    let found: Vec<&String> = results
        .iter()
        .filter(|(_, found)| found.as_array().is_some_and(|found| found.iter().any(of_ours)))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
}

#[test]
fn secretlint_finds_every_secret() {
    let program = tools().join("node/node_modules/.bin/secretlint");
    if is_left_to_tests_run(&program.to_string_lossy()) {
        return;
    }
    let folder = temporary();
    let mut expected = tree(folder.path());
    // It goes by looks.
    expected.push("wrong.txt".to_owned());
    expected.sort();
    // It looks for its rules beside its configuration's folder, or where it is run.
    std::os::unix::fs::symlink(tools().join("node/node_modules"), folder.path().join("node_modules")).expect("a link");
    let mut command = Command::new(&program);
    command.current_dir(folder.path()).arg("--secretlintrc").arg(rules("secretlintrc.json"));
    let told = Ran::of(command.args(["--format", "json", "*.txt"])).check_json(1);
    let mut found: Vec<String> = told
        .as_array()
        .expect("files")
        .iter()
        .filter(|file| !file["messages"].as_array().expect("messages").is_empty())
        .map(|file| {
            let path = Path::new(file["filePath"].as_str().expect("a path"));
            path.file_name().expect("a name").to_string_lossy().into_owned()
        })
        .collect();
    found.sort();
    assert_eq!(found, expected);
}
