//! `config check` and `config show`: every slip in file and environment is told, with its place and what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use harness::host::temporary;
use harness::process::{product, workspace_root};
use harness::{Ran, Setup};
use serde_json::Value;

/// Runs `config COMMAND` on a file with this text.
fn config(command: &str, folder: &Path, text: &str, env: &[(&str, &str)]) -> Ran {
    let file = folder.join("access.toml");
    fs::write(&file, text).unwrap();
    let mut product = product();
    product.args(["config", command, "--config"]).arg(file).envs(env.iter().copied()).current_dir(folder);
    Ran::of(&mut product)
}

/// Runs `config check`, and looks for the line of a finding: its level, and parts of what it says.
#[track_caller]
fn check(folder: &Path, text: &str, level: &str, says: &[&str]) {
    let ran = config("check", folder, text, &[]);
    assert_eq!(ran.code, Some(i32::from(level == "fail")), "{ran:?}");
    let mut lines = ran.stdout.lines().filter(|line| line.starts_with(level));
    assert!(lines.any(|line| says.iter().all(|what| line.contains(what))), "no {level} {says:?} in\n{}", ran.stdout);
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_can_be_served_is_fine() {
    let setup = Setup::real().on_embedded().initialized();
    let text = format!("data_dir = {:?}\nmetrics_listen = \"127.0.0.1:9464\"\n", setup.data_dir());
    let ran = config("check", setup.folder(), &text, &[]);
    let lines: Vec<_> = ran.check(0, &["access.toml` states 2 settings", "every case passes"]).stdout.lines().collect();
    assert!(lines.iter().all(|line| line.starts_with("ok    ")), "{lines:#?}");

    let json = Ran::of(
        product().args(["config", "check", "--output", "json", "--config"]).arg(setup.folder().join("access.toml")),
    );
    let told = json.check_json(0);
    assert_eq!(told["ok"], true);
    let names = told["findings"].as_array().unwrap().iter().map(|finding| finding["name"].as_str().unwrap());
    let named: Vec<_> = names.collect();
    assert_eq!(
        named,
        [
            "file",
            "listen",
            "metrics_listen",
            "data_dir",
            "catalog",
            "smtp_url",
            "log",
            "root_key",
            "trusted_proxies",
            "policies"
        ]
    );
}

#[test]
fn every_slip_is_told_with_its_place() {
    let folder = temporary();
    let text = "listne = \"127.0.0.1:0\"\nlisten = \"nowhere\"\n\n# a comment\ntrusted_proxies = [\n  \"10.0.0.0/33\",\n]\nlog_format = 7\n";
    let ran = config(
        "check",
        folder.path(),
        text,
        &[
            ("CRONFLOW_ACCESS_LISTNE", "x"),
            ("CRONFLOW_ACCESS_DATA_DIR", "/missing"),
            ("CRONFLOW_ACCESS_SHUTDOWN_SECONDS", "soon"),
        ],
    );
    ran.check(
        1,
        &[
            "access.toml`, line 1: `listne`: unknown field `listne`, expected one of `listen`",
            "→ correct its name, or take it out",
            "access.toml`, line 2: `listen`: invalid socket address syntax",
            "→ see `--listen` in `cronflow-access serve --help`",
            "access.toml`, line 5: `trusted_proxies`: ",
            "access.toml`, line 8: `log_format`: ",
            "`CRONFLOW_ACCESS_LISTNE` means nothing here  → correct its name or unset it",
            "`CRONFLOW_ACCESS_SHUTDOWN_SECONDS`: invalid digit found in string",
            "there is no `/missing` yet  → `cronflow-access init` makes it",
        ],
    );
    check(folder.path(), "log = \"info\"\nlisten = \"127.0.0.1:0\n", "fail", &["line 2: ", "mend this first"]);
    check(folder.path(), "log = \"info\"\nlog = \"warn\"\n", "fail", &["line 2: ", "duplicate key"]);
    let missing = Ran::of(product().args(["config", "check", "--config", "/missing"]));
    missing.check(1, &["fail  file", "`/missing` can't be read", "name the config file with --config"]);
}

#[test]
fn what_would_not_work_is_told_before_it_is_served() {
    let folder = temporary();
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    let write = |name: &str, text: &str| {
        fs::write(at(name), text).unwrap();
        chmod(&at(name), 0o600);
        at(name)
    };
    let check = |text: &str, level: &str, says: &[&str]| check(folder.path(), text, level, says);
    check(
        "listen = \"0.0.0.0:7800\"\nmetrics_listen = \"127.0.0.1:7800\"",
        "fail",
        &["in each other's way", "port of its own"],
    );
    check(
        "metrics_listen = \"0.0.0.0:9464\"",
        "fail",
        &["beyond this machine and need a token", "`metrics_token_file`"],
    );
    check("metrics_token_file = \"/missing\"", "fail", &["/missing", "No such file"]);
    check("smtp_url = \"env:RELAY\"\nsmtp_from = \"a@example.com\"", "ok", &["smtp_url", "from `env:RELAY`"]);
    check("smtp_url_file = \"/run/secrets/relay\"", "fail", &["smtp_from", "whom mail is from"]);
    check("smtp_url = \"smtp://a.example\"\nsmtp_url_file = \"/b\"", "fail", &["smtp_url", "state one"]);
    check("root_key = \"awssm:hunter2\"", "fail", &["root_key", "neither a root key nor where one is"]);
    let token = write("token", "scraper\n");
    let with_token = format!("metrics_listen = \"0.0.0.0:9464\"\nmetrics_token_file = {token:?}");
    check(&with_token, "ok", &["for those who present the token"]);
    chmod(&token, 0o644);
    check(&with_token, "fail", &["everybody on this machine may read", "chmod go= "]);

    for (proxies, level, says) in [
        ("0.0.0.0/0", "fail", "is everybody"),
        ("::/0", "fail", "is everybody"),
        ("::ffff:0.0.0.0/96", "fail", "is everybody"),
        ("10.0.0.0/7", "warn", "wide"),
        ("2001::/16", "warn", "wide"),
        ("10.0.0.5/8", "warn", "`10.0.0.5/8` is taken for `10.0.0.0/8`"),
        ("10.0.0.0/8", "ok", "is believed from 10.0.0.0/8"),
    ] {
        check(&format!("trusted_proxies = [\"{proxies}\"]"), level, &["trusted_proxies", says]);
    }
    check("log = \"access=loud\"", "fail", &["`access=loud`: ", "write a level"]);
    check("policy_memory_mib = 255", "fail", &["policy_memory_mib", "choose 256 at least"]);
    check("shutdown_seconds = 0", "warn", &["cut off at once"]);
    check("data_dir = \"data\"", "warn", &["whatever folder the host is started from", "state the whole path"]);

    check("catalog = \"/missing\"", "fail", &["catalog `/missing`", "policy export DIR"]);
    let catalog = fs::read_to_string(workspace_root().join("policies/catalog.toml")).unwrap();
    let catalog = write("catalog.toml", &catalog);
    chmod(&catalog, 0o666);
    check(&format!("catalog = {catalog:?}"), "fail", &["everybody on this machine may write", "chmod o-w "]);

    check("policies = \"/missing\"", "fail", &["policies", "/missing"]);
    let policies = at("policies");
    Ran::of(product().args(["policy", "export"]).arg(&policies)).check(0, &[]);
    let stated = format!("policies = {policies:?}");
    check(&stated, "ok", &["policies", "scopes, tokens, workspace; every case passes"]);
    let (module, cases) = (policies.join("scopes/policy.cel"), policies.join("scopes/cases.toml"));
    let passing = fs::read_to_string(&cases).unwrap();
    fs::write(&cases, passing.replacen("effect = \"permit\"", "effect = \"no_match\"", 1)).unwrap();
    check(&stated, "fail", &["policy `scopes`: a case fails"]);
    fs::write(&module, "permit(").unwrap();
    check(&stated, "fail", &["scopes/policy.cel", "hosts that run keep their last good set"]);
    chmod(&policies, 0o777);
    fs::remove_dir_all(policies.join("scopes")).unwrap();
    check(&stated, "fail", &["everybody on this machine may write"]);
}

#[test]
fn a_root_key_is_there_private_and_a_key() {
    let setup = Setup::real().on_embedded().initialized();
    let text = format!("data_dir = {:?}", setup.data_dir());
    let check = |level: &str, says: &[&str]| check(setup.folder(), &text, level, says);
    let key = setup.data_dir().join("root.key");
    check("ok", &["root_key", "root.key`"]);
    chmod(&key, 0o640);
    check("warn", &["root_key", "its group may read", "(mode 0640)", "chmod go= "]);
    chmod(&key, 0o604);
    check("fail", &["root_key", "everybody on this machine may read"]);
    fs::write(&key, "no key").unwrap();
    check("fail", &["root_key", "is not a root key", "put the installation's root key there"]);
    fs::remove_file(&key).unwrap();
    check("fail", &["root_key", "can't be read"]);
    fs::remove_file(setup.data_dir().join("access.db")).unwrap();
    check("warn", &["root_key", "yet", "`cronflow-access init` makes it"]);
    chmod(&setup.data_dir(), 0o755);
    check("fail", &["data_dir", "everybody on this machine may read"]);
}

#[test]
fn settings_are_shown_with_where_they_come_from() {
    let folder = temporary();
    let env = [("CRONFLOW_ACCESS_LISTEN", "127.0.0.1:1"), ("CRONFLOW_ACCESS_METRICS_TOKEN", "hush")];
    let text = "listen = \"127.0.0.1:2\"\ntrusted_proxies = [\"10.0.0.0/8\", \"192.0.2.0/24\"]\n";
    let human = config("show", folder.path(), text, &env);
    human.check(
        0,
        &[
            "listen                 environment  127.0.0.1:1\n",
            "trusted_proxies        file         10.0.0.0/8, 192.0.2.0/24",
            "shutdown_seconds       default      10\n",
        ],
    );
    assert!(!human.stdout.contains("hush"), "{human:?}");
    let file = folder.path().join("access.toml");
    let json = Ran::of(product().args(["config", "show", "--output", "json", "--config"]).arg(&file)).check_json(0);
    assert_eq!(json["listen"], serde_json::json!({ "value": "127.0.0.1:2", "source": "file" }));
    assert_eq!(json["catalog"]["value"], Value::Null);
    config("show", folder.path(), "listen = \"nowhere\"", &[]).check(1, &["error: ", "line 1"]);
}
