//! Settings: the command line, then the environment, then the file; and a slip in any of them is told.

use std::fs;
use std::path::PathBuf;

use harness::process::product;
use harness::{Host, Question, Ran, Setup};

/// What a denial leaves in the log.
const DENIED: &str = r#""message":"denied""#;

/// Writes a file into the folder of a setup.
fn write(setup: &Setup, name: &str, text: &str) -> PathBuf {
    let path = setup.folder().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// `serve` with arguments that it can't be served with.
fn serve(setup: &Setup, args: &[&str]) -> Ran {
    Ran::of(product().args(["serve", "--data-dir"]).arg(setup.data_dir()).args(args))
}

fn with(setup: &Setup, flag: &str, value: &std::path::Path) -> Setup {
    setup.clone().args([flag.to_owned(), value.display().to_string()])
}

#[test]
fn slips_are_told() {
    let setup = Setup::real().initialized();
    serve(&setup, &["--listne", "127.0.0.1:0"]).check(64, &["unexpected argument '--listne'", "--listen"]);
    serve(&setup, &["--listen", "nowhere"]).check(64, &["invalid value 'nowhere' for '--listen <ADDR>'"]);
    serve(&setup, &["--log-format", "xml"]).check(64, &["invalid value 'xml'", "human, json"]);
    serve(&setup, &["--trusted-proxies", "10.0.0.0/33"]).check(64, &["invalid value '10.0.0.0/33'"]);
    serve(&setup, &["--log", "access=loud"]).check(1, &["error: log filter `access=loud`"]);
    serve(&setup, &["--config", "/missing"]).check(1, &["error: config file `/missing`"]);
    serve(&setup, &["--catalog", "/missing"]).check(1, &["error: catalog `/missing`"]);
    Ran::of(product().arg("server")).check(64, &["unrecognized subcommand 'server'", "serve"]);
    Ran::of(&mut product()).check(64, &["Usage:"]);
    Ran::of(product().arg("--version")).check(0, &["cronflow-access "]);

    let unknown = setup.env("CRONFLOW_ACCESS_LISTNE", "127.0.0.1:0").try_start().expect_err("no such variable");
    unknown.check_says(&["`CRONFLOW_ACCESS_LISTNE` means nothing here; known are ", "CRONFLOW_ACCESS_LISTEN,"]);
    let mut any_command = product();
    any_command.args(["policy", "test", "/missing"]).env("CRONFLOW_ACCESS_LISTNE", "");
    Ran::of(&mut any_command).check(1, &["`CRONFLOW_ACCESS_LISTNE` means nothing here"]);
    let wrong = Ran::of(product().arg("serve").env("CRONFLOW_ACCESS_LISTEN", "nowhere"));
    wrong.check(64, &["invalid value 'nowhere' for '--listen <ADDR>'"]);
}

#[test]
fn slips_in_the_file_are_told_with_their_place() {
    let setup = Setup::real().initialized();
    for (text, says) in [
        ("log = \"info\"\nlistne = \"127.0.0.1:0\"\n", ["line 2", "unknown field `listne`"]),
        ("listen = \"nowhere\"\n", ["line 1", "invalid socket address"]),
        ("listen = 7800\n", ["line 1", "invalid type"]),
        ("listen = \"127.0.0.1:0\n", ["line 1: ", "config file"]),
        ("log = \"info\"\nlog = \"info,access::decisions=off\"\n", ["line 2", "duplicate key"]),
        ("[serve]\nlog = \"info\"\n", ["line 1", "unknown field `serve`"]),
    ] {
        let file = write(&setup, "access.toml", text);
        let refused = with(&setup, "--config", &file).try_start().expect_err(text);
        refused.check_says(&["config file `", "access.toml`: "]);
        refused.check_says(&says);
    }
    let catalog = fs::read_to_string(harness::process::workspace_root().join("policies/catalog.toml")).unwrap();
    let file = write(&setup, "catalog.toml", &format!("colour = 1\n{catalog}"));
    with(&setup, "--catalog", &file).try_start().expect_err("an unknown key").check_says(&["unknown field `colour`"]);
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let setup = Setup::real().initialized();
    // Address and folder are wrong here, and right on the command line.
    let token = write(&setup, "from-file", "of-the-file\n").display().to_string();
    let text = format!(
        r#"
        listen = "192.0.2.1:1"
        data_dir = "/missing"
        metrics_token_file = "{token}"
        log = "info,access::decisions=off"
        "#
    );
    let configured = with(&setup, "--config", &write(&setup, "access.toml", &text));
    let answers = |host: &Host, token: &str| host.scraper(Some(token)).get("/metrics").status;

    let host = configured.clone().start();
    assert_eq!((answers(&host, "of-the-file"), answers(&host, "of-the-flag")), (200, 401));
    let asked = Question::reads_jobs(&host.issue("production", &[]).secret);
    host.decide(&asked).check_deny(&["missing_scope"]);
    assert!(!host.terminate().stderr.contains(DENIED));

    let of_environment = write(&setup, "from-environment", "of-the-environment\n").display().to_string();
    let configured =
        configured.env("CRONFLOW_ACCESS_METRICS_TOKEN_FILE", &of_environment).env("CRONFLOW_ACCESS_LOG", "info");
    let host = configured.clone().start();
    assert_eq!((answers(&host, "of-the-environment"), answers(&host, "of-the-file")), (200, 401));
    host.decide(&asked).check_deny(&["missing_scope"]);
    assert!(host.terminate().stderr.contains(DENIED));

    let of_flag = write(&setup, "from-flag", "of-the-flag\n");
    let host = with(&configured, "--metrics-token-file", &of_flag).start();
    assert_eq!((answers(&host, "of-the-flag"), answers(&host, "of-the-environment")), (200, 401));
    let by_environment = Ran::of(
        product()
            .arg("init")
            .args(["--organization", "a", "--workspace", "b"])
            .env("CRONFLOW_ACCESS_CONFIG", "/missing"),
    );
    by_environment.check(1, &["error: config file `/missing`"]);
}

#[test]
fn addresses_beyond_this_machine_are_guarded() {
    let setup = Setup::dev();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7800"] {
        serve(&setup, &["--dev", "--listen", address]).check(1, &["error: --dev prints its secrets", "127.0.0.1"]);
    }
    assert!(!setup.data_dir().exists(), "nothing was begun");

    let open = setup.clone().args(["--metrics-listen", "0.0.0.0:0"]);
    let refused = open.clone().try_start().expect_err("no token");
    refused.check_says(&[
        "metrics beyond loopback need a token",
        "--metrics-token-file",
        "CRONFLOW_ACCESS_METRICS_TOKEN",
    ]);
    assert!(!setup.data_dir().exists(), "nothing was begun");

    let host = open.env("CRONFLOW_ACCESS_METRICS_TOKEN", "scraper").start();
    host.scraper(None).get("/metrics").check_problem(401, "unauthenticated");
    host.scraper(Some("scrape")).get("/metrics").check_problem(401, "unauthenticated");
    assert_eq!(host.scraper(Some("scraper")).get("/metrics").status, 200);
    assert_eq!(host.client(Some("scraper")).get("/metrics").status, 404, "metrics have an address of their own");
}

#[test]
fn an_address_that_is_taken_is_told() {
    let host = Host::dev();
    let taken = host.address().to_string();
    let setup = Setup::dev();
    serve(&setup, &["--dev", "--listen", &taken])
        .check(1, &["error: can't listen on ", &taken, "is another host running?"]);
    let metrics = ["--dev", "--listen", "127.0.0.1:0", "--metrics-listen", &taken];
    serve(&setup, &metrics).check(1, &["error: can't serve metrics on ", &taken]);
}
