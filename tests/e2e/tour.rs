//! The tour that `serve --dev` prints: pasted into a shell, all of it works and shows what it says.

use std::process::Command;

use harness::{Host, Ran};
use serde_json::Value;

/// The last command of the tour.
const LAST: &str = "access policy test $POLICIES\n";

#[test]
fn every_command_of_the_tour_works_when_pasted() {
    let host = Host::dev();
    assert!(host.standard_output().wait_for(LAST, 0), "{}", host.printed());
    let tour = host.printed();
    assert!(tour.contains(&host.url()), "{tour}");
    // Commands are indented, and so are the comments that say what they show.
    let script: String =
        tour.lines().filter_map(|line| line.strip_prefix("    ")).map(|line| format!("{line}\n")).collect();

    let mut bash = Command::new("bash");
    // Which binary is tested is no variable of the product's.
    bash.arg("-c").arg(&script).env_remove("CRONFLOW_ACCESS_BIN").env("TMPDIR", host.setup().folder());
    let ran = Ran::of(&mut bash);
    ran.check(0, &[]);
    assert!(ran.stderr.lines().all(|line| line == "the secret is shown this once; keep it now"), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 2, "issued and rotated: {ran:?}");

    let decisions: Vec<Value> =
        ran.stdout.lines().filter(|line| line.starts_with(r#"{"decision""#)).map(parse).collect();
    let [created, read_only, nowhere, outside, token, ended] = decisions.as_slice() else {
        panic!("six decisions: {ran:?}")
    };
    assert_eq!((&token["decision"], &token["principal"]["kind"]), (&"allow".into(), &"access_token".into()), "{token}");
    assert_eq!(ended["status"], 401, "{ended}");
    assert_eq!((&created["decision"], &created["status"]), (&"allow".into(), &200.into()), "{created}");
    let codes = |answer: &Value| {
        assert_eq!((&answer["decision"], &answer["status"]), (&"deny".into(), &403.into()), "{answer}");
        let reasons = answer["reasons"].as_array().expect("reasons").iter();
        reasons.map(|reason| reason["code"].as_str().expect("a code").to_owned()).collect::<Vec<_>>()
    };
    let every_policys = codes(read_only);
    assert!(
        ["kind_not_allowed", "missing_scope"].iter().all(|code| every_policys.iter().any(|said| said == code)),
        "{read_only}"
    );
    assert_eq!(codes(nowhere), ["environment_missing"]);
    assert_eq!(codes(outside), ["ip_not_allowed"]);

    // The same in between, and what is not a decision by itself, in the order of the tour.
    let steps = [
        r#""decision":"allow""#,
        "kind_not_allowed",
        "environment_missing",
        "tour",
        "exit code 0",
        "environment_not_allowed",
        "exit code 2",
        "cf_stg_",
        "exit code 0",
        r#""offset_seconds":3601"#,
        "unauthenticated",
        "401",
        "exit code 2",
        "203.0.113.0/24",
        "ip_not_allowed",
        r#""ip_allow":null"#,
        r#""action":"network.update""#,
        "access_token",
        r#""active":true"#,
        "unauthenticated",
        r#""factor":"needed""#,
        r#""email":"owner@acme.example""#,
        "written to",
    ];
    let rest = steps.iter().fold(ran.stdout.as_str(), |rest, step| {
        let (_, after) = rest.split_once(step).unwrap_or_else(|| panic!("no `{step}` in order: {}", ran.stdout));
        after
    });
    let summaries: Vec<&str> = rest.lines().filter(|line| line.contains(" passed, ")).collect();
    assert!(summaries.len() >= 5 && summaries.iter().all(|line| line.ends_with(" passed, 0 failed")), "{rest}");
    assert!(!rest.contains("FAILED"), "{rest}");
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).expect("one decision a line")
}
