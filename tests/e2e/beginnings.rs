//! How an installation begins, what it may be served with, and what is refused with words that say what to do.

mod books;
mod commands;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use harness::host::temporary;
use harness::process::product;
use harness::{Host, Question, Ran, Setup, run_init};
use serde_json::json;

/// A file's permissions.
pub(crate) fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_says_once_who_is_who_and_keeps_it_from_others() {
    let folder = temporary();
    let data_dir = folder.path().join("a/b/data");
    let ran = run_init(&data_dir);
    let beginning = ran.check_json(0);
    assert!(ran.stderr.contains("the operator token is shown this once"), "{ran:?}");
    assert!(ran.stderr.contains("Keep the root key apart from backups"), "{ran:?}");
    let text = |field: &str| beginning[field].as_str().expect("a string").to_owned();
    assert!(text("organization").starts_with("org_") && text("workspace").starts_with("ws_"), "{beginning}");
    assert!(text("operator_token").starts_with("cf_op_"), "{beginning}");
    assert_eq!(text("root_key"), data_dir.join("root.key").display().to_string());

    assert_eq!(mode(&data_dir), 0o700);
    for file in fs::read_dir(&data_dir).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let bytes = fs::read(&path).unwrap();
        let token = text("operator_token").into_bytes();
        assert!(!bytes.windows(token.len()).any(|window| window == token), "{} holds the token", path.display());
    }
    let human = Ran::of(
        product()
            .args(["init", "--organization", "acme", "--workspace", "main"])
            .env("CRONFLOW_ACCESS_DATA_DIR", folder.path().join("human")),
    );
    human.check(0, &["operator_token  cf_op_", "workspace       ws_"]);
}

#[test]
fn init_needs_names_that_are_names() {
    let folder = temporary();
    let init =
        |args: &[&str]| Ran::of(product().arg("init").args(args).arg("--data-dir").arg(folder.path().join("data")));
    init(&["--organization", "acme"]).check(64, &["--workspace <NAME>"]);
    init(&["--organization", "", "--workspace", "main"]).check(1, &["error: --organization: "]);
    init(&["--organization", "acme", "--workspace", "ma\nin"]).check(1, &["error: --workspace: "]);
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn init_begins_once() {
    let setup = Setup::real().initialized();
    let root_key = fs::read(setup.data_dir().join("root.key")).unwrap();
    setup.init().check(1, &["error: this store is set up already; `serve` serves it"]);
    assert_eq!(fs::read(setup.data_dir().join("root.key")).unwrap(), root_key);
    let host = setup.start();
    host.setup().init().check(1, &["error: "]);
    host.operator().get(&host.workspace("/keys")).check_json(200);

    let demo = Host::dev().terminate().setup;
    demo.init().check(1, &["set up already"]);
}

#[test]
fn serve_comes_after_init() {
    let setup = Setup::real();
    let unbegun = || setup.clone().try_start().expect_err("nothing is set up");
    unbegun().check_says(&["nothing has been set up here", "cronflow-access init", "serve --dev"]);
    assert!(!setup.data_dir().exists(), "nor by serving");
    fs::create_dir(setup.data_dir()).unwrap();
    unbegun().check_says(&["nothing has been set up here"]);
    setup.clone().initialized().start();
}

#[test]
fn a_real_host_keeps_what_it_knows_over_restarts() {
    let host = Host::real();
    let ready = host.setup().folder().join("ready.json");
    assert_eq!(mode(&ready), 0o600);
    let told = fs::read_to_string(ready).unwrap();
    assert!(!told.contains("cf_"), "only a dev host tells secrets: {told}");
    assert_eq!(host.printed(), "");
    host.operator().post("/v1/dev/clock", &json!({ "advance_seconds": 1 })).check_problem(404, "not_found");

    let key = host.issue("production", &["jobs:read"]);
    let host = host.terminate().start();
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    let host = host.kill_9().start();
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    let stopped = host.terminate();
    assert!(stopped.status.success(), "{stopped:?}");
}

#[test]
fn dev_and_real_stores_are_not_mixed() {
    let real = Host::real().terminate().setup;
    let refused = real.other_way().try_start().expect_err("a real store");
    refused.check_says(&["this store belongs to a real installation", "--data-dir of its own"]);
    real.start();

    let dev = Host::dev().terminate().setup;
    let refused = dev.other_way().try_start().expect_err("a dev store");
    refused.check_says(&["this store was made by `serve --dev`", "--data-dir of its own"]);
    dev.start();
}

#[test]
fn one_host_serves_a_data_folder() {
    let host = Host::real();
    let second = host.setup().clone().try_start().expect_err("it is served");
    second.check_says(&["is open in another process; stop that one, or name another data directory"]);
    host.setup().init().check(1, &["error: ", "is open in another process; stop that one"]);
    let key = host.issue("production", &["jobs:read"]);
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    // However the first one ends, it leaves nothing that would keep the next one out.
    let host = host.kill_9().start();
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
}

#[test]
fn the_demo_is_the_same_at_every_start_on_the_same_data() {
    let host = Host::dev();
    let (first, ready) = (host.identity().clone(), host.setup().folder().join("ready.json"));
    assert_eq!(first.keys.keys().collect::<Vec<_>>(), ["production", "read_only", "staging"]);
    assert_eq!((mode(ready), mode(host.setup().data_dir())), (0o600, 0o700));
    assert_eq!(mode(host.setup().data_dir().join("root.key")), 0o600);

    let host = host.kill_9().start();
    let second = host.identity().clone();
    let secrets = |of: &harness::host::Identity| (of.operator_token.clone(), of.gateway_token.clone(), of.keys.clone());
    assert_eq!(secrets(&second), secrets(&first));
    assert_eq!((&second.organization, &second.workspace), (&first.organization, &first.workspace));
    host.decide(&Question::reads_jobs(&first.keys["read_only"])).check_allow();

    let elsewhere = Host::dev();
    assert_ne!(elsewhere.identity().keys, first.keys, "and another on other data");
    elsewhere.decide(&Question::reads_jobs(&first.keys["read_only"])).check_unauthenticated();
}

#[test]
fn the_dev_clock_goes_on_from_where_it_was() {
    let host = Host::dev();
    let staging = Question::reads_jobs(&host.demo_key("staging").secret);
    host.decide(&staging).check_allow();
    host.advance(91 * 86_400);
    host.decide(&staging).check_unauthenticated();
    let host = host.kill_9().start();
    host.decide(&staging).check_unauthenticated();
    host.decide(&Question::reads_jobs(&host.demo_key("production").secret)).check_allow();
    let moved = host.operator().post("/v1/dev/clock", &json!({ "advance_seconds": 1 })).check_json(200);
    assert_eq!(moved["offset_seconds"], 91 * 86_400 + 1);
}
