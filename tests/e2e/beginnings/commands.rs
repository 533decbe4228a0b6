//! The commands that speak to a running host.

use harness::process::product;
use harness::{Host, Ran};
use serde_json::Value;

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {value}")).to_owned()
}

#[test]
fn a_real_start_ends_in_a_decision() {
    let host = Host::real();
    let (organization, workspace) = (host.identity().organization.clone(), host.identity().workspace.clone());
    let gateway = ["gateway", "issue", "--name", "edge", "--organization", &organization, "--environments", "*"];
    let ran = host.cli(&[&gateway[..], &["--output", "json"]].concat());
    let gateway = ran.check(0, &["the secret is shown this once; keep it now"]).check_json(0);
    let key =
        ["key", "issue", "--workspace", &workspace, "--kind", "production", "--name", "first", "--scope", "jobs:read"];
    let ran = host.cli(&[&key[..], &["--output", "json"]].concat());
    let key = ran.check(0, &["the secret is shown this once; keep it now"]).check_json(0);
    let (gateway_token, secret) = (text(&gateway, "secret"), text(&key, "secret"));

    let authorize = |args: &[&str]| {
        let mut command = host.cli_as(&gateway_token, &["authorize", "--environment", "production"]);
        Ran::of(command.env("CRONFLOW_ACCESS_CREDENTIAL", &secret).args(args))
    };
    let json = |args: &[&str]| authorize(&[args, &["--output", "json"]].concat());
    let (reads, writes) = (["--method", "GET", "--path", "/v1/jobs"], ["--method", "POST", "--path", "/v1/jobs"]);
    assert_eq!(json(&reads).check_json(0)["decision"], "allow");
    assert_eq!(json(&writes).check_json(2)["reasons"][0]["code"], "missing_scope");
    assert_eq!(json(&["--action", "jobs.list"]).check_json(0)["decision"], "allow");
    json(&[&reads[..], &["--resource-workspace", "other"]].concat()).check(2, &["wrong_workspace"]);
    authorize(&reads)
        .check(0, &["decision         allow\n", "status           200\n", "quota            limit=10000 "]);
    authorize(&writes).check(2, &["decision         deny\n", "reasons          code=missing_scope message="]);

    // What could not be decided is neither.
    for could_not in [
        authorize(&[&reads[..], &["--url", NOBODY]].concat()).check(3, &["error: no answer from `http://127.0.0.1:1`"]),
        authorize(&[&reads[..], &["--url", "https://localhost"]].concat()).check(3, &["speaks plain HTTP alone"]),
        authorize(&[&reads[..], &["--credential-file", "/missing"]].concat()).check(3, &["/missing"]),
        authorize(&["--method", "GET"]).check(3, &["error: invalid_request (400"]),
        Ran::of(host.cli_as("cf_gw_nobody", &["authorize"]).args(reads).env("CRONFLOW_ACCESS_CREDENTIAL", &secret))
            .check(3, &["error: unauthenticated (401"]),
        Ran::of(host.cli_as(&gateway_token, &["authorize"]).args(reads))
            .check(3, &["no credential: set CRONFLOW_ACCESS_CREDENTIAL"]),
    ] {
        assert_eq!(could_not.stdout, "", "{could_not:?}");
    }

    let gateway_id = text(&gateway, "id");
    host.cli(&["gateway", "revoke", &gateway_id]).check(0, &[&gateway_id, "revoked"]);
    authorize(&reads).check(3, &["unauthenticated (401"]);
}

#[test]
fn keys_are_managed_from_the_command_line() {
    let host = Host::real();
    let workspace = host.identity().workspace.clone();
    let key = |command: &[&str]| host.cli(&[&["key"], command, &["--workspace", &workspace]].concat());
    key(&["list"]).check(0, &["nothing here"]);
    let issued = key(&[
        "issue",
        "--kind",
        "staging",
        "--name",
        "ci",
        "--scope",
        "jobs:read,jobs:write",
        "--metadata",
        "team=core",
    ]);
    issued.check(
        0,
        &["secret           cf_stg_", "metadata         team=core", "scopes           jobs:read, jobs:write"],
    );
    let listed = key(&["list", "--output", "json"]).check_json(0);
    let id = text(&listed["items"][0], "id");
    assert!(listed["items"][0].get("secret").is_none(), "{listed}");

    let state = |command: &str| text(&key(&[command, &id, "--output", "json"]).check_json(0), "state");
    assert_eq!(["show", "disable", "enable"].map(state), ["active", "disabled", "active"]);
    let successor = key(&["rotate", &id, "--overlap-seconds", "60", "--output", "json"]).check_json(0);
    assert_eq!(text(&successor, "predecessor"), id);
    assert_eq!(state("revoke"), "revoked");
    key(&["list", "--limit", "1"]).check(0, &["more: --cursor "]);

    key(&["show", "key_00nobody"]).check(1, &["error: not_found (404"]);
    key(&["show", "../../gateways"]).check(1, &["error: the key `../../gateways` is not an id"]);
    key(&["issue", "--kind", "golden", "--name", "ci"])
        .check(1, &["error: invalid_request (400", "`kind`: must be one of"]);
    let nobody = host.cli(&["key", "list", "--workspace", &workspace, "--url", NOBODY]);
    nobody.check(1, &["error: no answer from `http://127.0.0.1:1`", "is the host running"]);
    let anonymous = Ran::of(product().args(["key", "list", "--workspace", &workspace, "--url", &host.url()]));
    anonymous.check(1, &["error: no token: set CRONFLOW_ACCESS_TOKEN, or name a file with --token-file"]);
}

#[test]
fn secrets_come_from_files_too() {
    let host = Host::dev();
    let write = |name: &str, secret: &str| {
        let path = host.setup().folder().join(name);
        std::fs::write(&path, format!("{secret}\n")).unwrap();
        path
    };
    let token = write("token", &host.identity().gateway_token);
    let credential = write("credential", &host.demo_key("production").secret);
    let mut command = product();
    command.args(["authorize", "--action", "jobs.list", "--environment", "production", "--url", &host.url()]);
    command.arg("--token-file").arg(&token).arg("--credential-file").arg(&credential);
    Ran::of(&mut command).check(0, &["allow"]);
    std::fs::write(&credential, "two words").unwrap();
    Ran::of(&mut command).check(3, &["error: ", "not one secret: expected one line without spaces"]);
}

/// Whoever can list processes would read it.
#[test]
fn no_flag_takes_a_secret() {
    let mut waiting = vec![Vec::new()];
    let mut seen = 0;
    while let Some(command) = waiting.pop() {
        let page = Ran::of(product().args(&command).arg("--help")).check(0, &[]).stdout.clone();
        seen += 1;
        let words = page.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
        for flag in words.filter(|word| word.starts_with("--")) {
            let is_secret = ["token", "secret", "credential", "password"].iter().any(|word| flag.contains(word));
            assert!(!is_secret || flag.ends_with("-file"), "`{flag}` of {command:?} takes a secret");
        }
        let below = page.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        let names = below.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
        waiting.extend(names.map(|name| [command.as_slice(), &[name.to_owned()]].concat()));
    }
    assert!(seen > 12, "{seen} pages");

    for secret in ["--token", "--secret", "--credential"] {
        let refused = Ran::of(product().args(["authorize", "--action", "jobs.list", secret, "cf_prod_x"]));
        refused.check(64, &["error: unexpected argument"]);
    }
    Ran::of(product().args(["key", "list", "--workspace", "w", "--token=cf_op_x"])).check(64, &["unexpected argument"]);
}
