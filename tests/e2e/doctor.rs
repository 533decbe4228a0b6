//! `doctor`: on a healthy installation all is well; whatever is broken for real has a line that names it.

mod broken;
mod on_redis;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use harness::process::product;
use harness::{Host, Ran, Setup, wait_until};
use rustix::process::Signal;

/// `doctor` of a setup's installation, which is to be served where nobody listens; not yet run.
fn doctor(setup: &Setup) -> Command {
    let mut command = product();
    command.args(["doctor", "--listen", "127.0.0.1:1", "--data-dir"]).arg(setup.data_dir());
    command
}

/// `doctor` of a running host's installation, not yet run.
fn doctor_of(host: &Host) -> Command {
    let mut command = doctor(host.setup());
    command.args(["--url", &host.url(), "--metrics-listen", &host.decider().metrics().to_string()]);
    command
}

/// Runs it, and looks for the line of a finding: its level, its name, and parts of what it says.
#[track_caller]
fn check(command: &mut Command, level: &str, name: &str, says: &[&str]) {
    let ran = Ran::of(command);
    let has_failed = ran.stdout.lines().any(|line| line.starts_with("fail"));
    assert_eq!(ran.code, Some(i32::from(has_failed)), "{ran:?}");
    let start = format!("{level:4}  {name}");
    // What needs more than a line is set in.
    let lines = ran.stdout.replace("\n      ", " ");
    let mut lines = lines.lines().filter(|line| line.starts_with(&start));
    assert!(
        lines.any(|line| says.iter().all(|what| line.contains(what))),
        "no {level} {name} {says:?} in\n{}",
        ran.stdout
    );
    assert!(level == "ok" || ran.stdout.contains("  → "), "{}", ran.stdout);
}

/// What the data folder holds, but for the memory that SQLite's processes share.
fn files(setup: &Setup) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(setup.data_dir()).unwrap().map(|entry| entry.unwrap().path());
    let kept = paths.filter(|path| !path.display().to_string().ends_with("-shm"));
    kept.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_healthy_installation_is_all_ok_whether_it_is_served_or_not() {
    let host = Setup::real().on_embedded().initialized().start();
    let key = host.issue("production", &["jobs:read"]);
    host.rotate(&key, 60);
    let names =
        ["settings", "store", "space", "root_key", "clock", "trusted_proxies", "policies", "audit", "mail", "host"];
    // What the host itself still writes for a moment is no doing of the doctor's.
    let mut ran = None;
    wait_until("looking changes nothing", || {
        let before = files(host.setup());
        ran = Some(Ran::of(&mut doctor_of(&host)));
        files(host.setup()) == before
    });
    let ran = ran.unwrap();
    let lines: Vec<_> = ran.check(0, &["open in process ", "is ready, release "]).stdout.lines().collect();
    assert_eq!(lines.len(), names.len(), "{lines:#?}");
    assert!(lines.iter().zip(names).all(|(line, name)| line.starts_with(&format!("ok    {name}"))), "{lines:#?}");

    let told = Ran::of(doctor_of(&host).args(["--output", "json"])).check_json(0);
    let named: Vec<_> = told["findings"].as_array().unwrap().iter().map(|finding| finding["name"].clone()).collect();
    assert_eq!((&told["ok"], named), (&true.into(), names.map(Into::into).to_vec()));
    Ran::of(doctor_of(&host).args(["--only", "host,space"])).check(0, &["ok    space", "ok    host"]);
    Ran::of(doctor_of(&host).args(["--only", "weather"])).check(64, &["'weather'", "trusted_proxies"]);

    // At rest, and after a host was killed, whose log is not in the file yet.
    host.issue("production", &["jobs:read"]);
    let setup = host.kill_9().setup;
    let before = files(&setup);
    check(&mut doctor(&setup), "ok", "store", &["sound", "at rest"]);
    check(&mut doctor(&setup), "ok", "audit", &["whole and unchanged"]);
    assert!(files(&setup) == before);
    let setup = setup.start().terminate().setup;
    let before = files(&setup);
    check(&mut doctor(&setup), "ok", "store", &["sound", "at rest"]);
    assert!(files(&setup) == before);
    setup.start();
}

#[test]
fn doctor_comes_to_a_host_that_does_not_answer() {
    let host = Setup::real().on_embedded().initialized().start();
    let mut named = doctor_of(&host);
    host.signal(Signal::STOP);
    check(
        &mut named,
        "fail",
        "host",
        &["process ", "has the store open, but there is no answer from", "restart it if it hangs"],
    );
    host.signal(Signal::CONT);
    check(&mut named, "ok", "host", &["is ready"]);
    let setup = host.terminate().setup;
    check(&mut named, "fail", "host", &["no answer from", "start it with `cronflow-access serve`"]);
    // Nobody said that one should be there.
    check(&mut doctor(&setup), "warn", "host", &["it is not running: no answer from `http://127.0.0.1:1`"]);
}

#[test]
fn a_host_of_another_configuration_is_told() {
    let setup = Setup::real().on_embedded().initialized();
    let policies = setup.folder().join("policies");
    Ran::of(product().args(["policy", "export"]).arg(&policies)).check(0, &[]);
    let stated = ["--policies".to_owned(), policies.display().to_string()];
    let host = setup.args(stated.clone()).start();
    check(doctor_of(&host).args(&stated), "ok", "policies", &["every case passes"]);
    fs::remove_dir_all(policies.join("gateway")).unwrap();
    assert!(host.log().wait_for("the policies in the folder are in force", 0));
    check(doctor_of(&host).args(&stated), "ok", "policies", &["every case passes"]);
    check(&mut doctor_of(&host), "warn", "policies", &["the running host decides by ", "restart the host if "]);

    fs::write(policies.join("scopes/policy.cel"), "permit(").unwrap();
    assert!(host.log().wait_for("the last good set stays in force", 0));
    check(doctor_of(&host).args(&stated), "fail", "policies", &["scopes/policy.cel"]);
    check(&mut doctor_of(&host), "fail", "policies", &["can't use what is in its folder", "would not start"]);
}

#[test]
fn a_proxy_that_nobody_trusts_is_noticed() {
    let host = Setup::real().on_embedded().initialized().start();
    check(&mut doctor_of(&host), "ok", "trusted_proxies", &["X-Forwarded-For is not believed"]);
    let forwarded = harness::Request::new("GET", &host.workspace("/keys")).header("X-Forwarded-For", "203.0.113.9");
    host.operator().send(&forwarded).check_json(200);
    let says = [
        "X-Forwarded-For reaches the host, and no proxy is trusted",
        "name your proxies' networks in `trusted_proxies`",
    ];
    check(&mut doctor_of(&host), "warn", "trusted_proxies", &says);
    for (proxies, level, says) in [("0.0.0.0/0", "fail", "is everybody"), ("10.0.0.0/7", "warn", "is wide")] {
        check(doctor_of(&host).args(["--trusted-proxies", proxies]), level, "trusted_proxies", &[says]);
    }
}
