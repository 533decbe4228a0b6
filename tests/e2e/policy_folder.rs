//! A folder of policies in place of the built-in set: every rule lives there, and changes without a restart.

mod swapping;
mod wasm;

use std::fs;
use std::path::{Path, PathBuf};

use harness::process::product;
use harness::{Host, Question, Ran, Setup};
use serde_json::{Value, json};

const IN_FORCE: &str = "the policies in the folder are in force";
const REFUSED: &str = "the policies in the folder can't be used";
const STALE: &str = "access_policies_stale";
const REFUSALS: &str = r#"access_policy_reloads_total{result="refused"}"#;
const SWAPS: &str = r#"access_policy_reloads_total{result="swapped"}"#;

/// A folder of policies, as `policy export` writes it, and what is taken out of it.
struct Folder {
    policies: PathBuf,
    aside: PathBuf,
}

impl Folder {
    fn exported(setup: &Setup) -> Self {
        let folder = Self { policies: setup.folder().join("policies"), aside: setup.folder().join("aside") };
        let exported = Ran::of(product().args(["policy", "export"]).arg(&folder.policies));
        exported.check(0, &["written to", "serve --policies"]);
        fs::create_dir(&folder.aside).unwrap();
        folder
    }

    fn take_out(&self, policy: &str) {
        fs::rename(self.policies.join(policy), self.aside.join(policy)).unwrap();
    }

    fn put_back(&self, policy: &str) {
        fs::rename(self.aside.join(policy), self.policies.join(policy)).unwrap();
    }

    /// Changes a file of the folder; what it was.
    fn change(&self, file: &str, change: impl FnOnce(&str) -> String) -> String {
        let path = self.policies.join(file);
        let before = fs::read_to_string(&path).unwrap();
        let after = change(&before);
        assert_ne!(after, before, "{file}");
        // Aside first: a host may look between an emptied file and a written one, and find it broken otherwise.
        let written = self.aside.join("written");
        fs::write(&written, after).unwrap();
        fs::rename(written, path).unwrap();
        before
    }

    fn test(&self, args: &[&str]) -> Ran {
        test(&self.policies, args)
    }
}

fn test(dir: &Path, args: &[&str]) -> Ran {
    Ran::of(product().args(["policy", "test"]).arg(dir).args(args))
}

fn served() -> (Host, Folder) {
    let setup = Setup::dev();
    let folder = Folder::exported(&setup);
    let policies = folder.policies.display().to_string();
    (setup.args(["--policies".to_owned(), policies]).start(), folder)
}

/// Does something to the folder, and waits until the host has said what it makes of it.
#[track_caller]
fn wait_for(host: &Host, said: &str, change: impl FnOnce()) {
    let from = host.log().len();
    change();
    assert!(host.log().wait_for(said, from), "the host is gone: {}", host.log().text());
}

/// What /health/ready says about the policies. It says so with 200: the host decides.
fn health(host: &Host) -> Value {
    let ready = host.client(None).get("/health/ready").check_json(200);
    assert_eq!(ready["status"], "ready", "{ready}");
    ready["policies"].clone()
}

fn from_outside(host: &Host) -> Question {
    Question::reads_jobs(&host.demo_key("production").secret).from("198.51.100.7")
}

#[test]
fn the_exported_set_is_the_built_in_one() {
    let (host, folder) = served();
    let built_in = health(&Host::dev());
    assert_eq!(health(&host), built_in);
    assert!(folder.policies.join("catalog.toml").is_file());
    let again = Ran::of(product().args(["policy", "export"]).arg(&folder.policies));
    again.check(1, &["is not empty; nothing was written"]);
}

#[test]
fn a_rule_goes_with_its_folder_and_comes_back_with_it() {
    let (host, folder) = served();
    host.allow_from(&json!(["203.0.113.0/24"]));
    let before = host.decide(&from_outside(&host));
    before.check_deny(&["ip_not_allowed"]);

    wait_for(&host, IN_FORCE, || folder.take_out("ip-allow-list"));
    let without = host.decide(&from_outside(&host));
    without.check_allow();
    assert_ne!(without.set_digest(), before.set_digest());
    assert_eq!(health(&host)["set_digest"], without.set_digest());
    let names = health(&host)["names"].clone();
    assert!(names.as_array().is_some_and(|names| !names.contains(&"ip-allow-list".into())), "{names}");

    wait_for(&host, IN_FORCE, || folder.put_back("ip-allow-list"));
    let again = host.decide(&from_outside(&host));
    again.check_deny(&["ip_not_allowed"]);
    assert_eq!(again.set_digest(), before.set_digest(), "the same files are the same set");
    assert_eq!((host.metric(SWAPS), host.metric(REFUSALS), host.metric(STALE)), (2, 0, 0));

    // What nothing permits is denied: without `scopes` there is no rule left that lets keys in.
    wait_for(&host, IN_FORCE, || folder.take_out("scopes"));
    host.decide(&from_outside(&host).from("203.0.113.7")).check_deny(&["not_permitted"]);
}

#[test]
fn a_new_rule_needs_no_restart() {
    let (host, folder) = served();
    let asked = Question::reads_jobs(&host.demo_key("production").secret);
    host.decide(&asked).check_allow();
    wait_for(&host, IN_FORCE, || {
        let freeze = folder.aside.join("freeze");
        fs::create_dir(&freeze).unwrap();
        let manifest = "name = \"freeze\"\nversion = \"1.0.0\"\nengine = \"cel\"\ndescription = \"Nothing in staging.\"\n\
                        sees = [\"customer\"]\nreasons = [\"frozen\"]\n";
        fs::write(freeze.join("manifest.toml"), manifest).unwrap();
        let module = "has(request.environment) && request.environment == \"staging\" ? forbid(\"frozen\", \"not today\") : no_match()";
        fs::write(freeze.join("policy.cel"), module).unwrap();
        let cases = "[[case]]\nname = \"elsewhere\"\nexpect = { effect = \"no_match\" }\n";
        fs::write(freeze.join("cases.toml"), cases).unwrap();
        folder.put_back("freeze");
    });
    let frozen = host.decide(&asked);
    frozen.check_deny(&["frozen"]);
    assert_eq!(frozen.0["reasons"][0]["message"], "not today");
    assert_eq!(frozen.0["reasons"][0]["policy"], "freeze");
}

/// A way to break a file, and what is said about it.
struct Fault {
    file: &'static str,
    change: fn(&str) -> String,
    says: &'static str,
}

const FAULTS: [Fault; 6] = [
    Fault { file: "scopes/policy.cel", change: |text| format!("{text} )"), says: "scopes/policy.cel:" },
    Fault {
        file: "scopes/policy.cel",
        change: |text| text.replace("principal.scopes", "principal.scope"),
        says: "unknown field `principal.scope`; did you mean `principal.scopes`?",
    },
    Fault {
        file: "ip-allow-list/cases.toml",
        change: |text| text.replacen(r#"effect = "no_match""#, r#"effect = "permit""#, 1),
        says: "policy `ip-allow-list`: a case fails",
    },
    Fault {
        file: "environment/manifest.toml",
        change: |text| format!("{text}\ncolour = \"red\"\n"),
        says: "environment/manifest.toml:8:1: unknown field `colour`",
    },
    Fault { file: "workspace/policy.cel", change: |_| String::new(), says: "workspace/policy.cel" },
    Fault {
        file: "key-kind/policy.cel",
        change: |_| r#"forbid("made_up", "a code that the manifest does not list")"#.to_owned(),
        says: "key-kind/policy.cel:1:8: ",
    },
];

#[test]
fn a_broken_file_changes_nothing_but_what_is_said_about_it() {
    let (host, folder) = served();
    host.allow_from(&json!(["203.0.113.0/24"]));
    let good = health(&host);
    for (number, Fault { file, change, says }) in (1..).zip(FAULTS) {
        let from = host.log().len();
        let mut before = String::new();
        wait_for(&host, REFUSED, || before = folder.change(file, change));

        let stale = health(&host);
        let problem = stale["problem"].as_str().expect("a problem").to_owned();
        assert!(problem.contains(says), "no `{says}` in {problem}");
        assert_eq!((&stale["set_digest"], &stale["names"]), (&good["set_digest"], &good["names"]));
        assert_eq!((host.metric(STALE), host.metric(REFUSALS)), (1, number));
        let line = host.log().text()[from..].lines().find(|line| line.contains(REFUSED)).map(str::to_owned).unwrap();
        let line: Value = serde_json::from_str(&line).expect("a log line is JSON");
        assert_eq!((&line["level"], &line["problem"]), (&"ERROR".into(), &problem.as_str().into()), "{line}");
        let denied = host.decide(&from_outside(&host));
        denied.check_deny(&["ip_not_allowed"]);
        assert_eq!(denied.set_digest(), good["set_digest"]);
        host.decide(&from_outside(&host).from("203.0.113.7")).check_allow();

        wait_for(&host, IN_FORCE, || drop(folder.change(file, |_| before)));
        assert_eq!(health(&host), good, "no problem any more");
        assert_eq!(host.metric(STALE), 0);
    }
}

#[test]
fn a_folder_that_vanishes_changes_nothing_either() {
    let (host, folder) = served();
    let good = health(&host);
    wait_for(&host, REFUSED, || fs::rename(&folder.policies, folder.aside.join("all")).unwrap());
    assert_eq!(health(&host)["set_digest"], good["set_digest"]);
    host.decide(&from_outside(&host)).check_allow();
    wait_for(&host, IN_FORCE, || fs::rename(folder.aside.join("all"), &folder.policies).unwrap());
    assert_eq!(health(&host), good);
}

#[test]
fn a_folder_that_can_not_be_used_refuses_to_start() {
    let setup = Setup::dev();
    let folder = Folder::exported(&setup);
    let with = |dir: &Path| setup.clone().args(["--policies".to_owned(), dir.display().to_string()]);
    let empty = folder.aside.clone();
    with(&empty).try_start().expect_err("empty").check_says(&["no policies", "export"]);
    with(&empty.join("missing")).try_start().expect_err("missing").check_says(&["missing", "can't be read"]);

    let both = ["scopes/policy.cel", "workspace/policy.cel"];
    let before = both.map(|file| folder.change(file, |text| text.replace("principal.", "principle.")));
    let refused = with(&folder.policies).try_start().expect_err("broken");
    // Each fault with its place, all at once.
    refused.check_says(&["policies: ", "scopes/policy.cel:2:", "workspace/policy.cel:2:", "`principle"]);
    for (file, before) in both.into_iter().zip(before) {
        folder.change(file, |_| before);
    }
    with(&folder.policies).start();
}

#[test]
fn policy_test_tells_by_its_exit_code_whether_all_is_well() {
    let setup = Setup::real();
    let folder = Folder::exported(&setup);
    folder.test(&[]).check(0, &["ok      scopes: the scope is held", "scopes: 10 passed, 0 failed"]);
    let reports = folder.test(&["--output", "json"]).check_json(0);
    let reports = reports.as_array().expect("one report a policy");
    assert_eq!(reports.len(), 11);
    assert!(reports.iter().all(|report| report["failed"] == 0 && report["passed"].as_u64() > Some(3)));
    test(&folder.policies.join("scopes"), &[]).check(0, &["scopes: 10 passed, 0 failed"]);

    let case = "name = \"the scope is held\"\n";
    let before = folder.change("scopes/cases.toml", |text| {
        assert!(text.contains(case), "{text}");
        text.replacen("effect = \"permit\"", "effect = \"no_match\"", 1)
    });
    let failed = folder.test(&[]);
    failed.check(1, &["FAILED  scopes: ", "expected no match", "got      permit", "scopes: 9 passed, 1 failed"]);
    let reports = folder.test(&["--output", "json"]).check_json(1);
    let scopes = reports.as_array().and_then(|all| all.iter().find(|report| report["policy"] == "scopes"));
    assert_eq!(scopes.map(|report| (&report["failed"], &report["passed"])), Some((&1.into(), &9.into())));
    folder.change("scopes/cases.toml", |_| before);

    folder.change("scopes/policy.cel", |text| text.replace("principal.scopes", "principal.scope"));
    folder.test(&[]).check(1, &["error: scopes/policy.cel:2:", "did you mean `principal.scopes`?"]);
    test(&folder.aside, &[]).check(1, &["error: ", "holds no policy: a policy is a folder with a manifest.toml"]);
    test(&folder.aside.join("missing"), &[]).check(1, &["error: ", "missing"]);
}
