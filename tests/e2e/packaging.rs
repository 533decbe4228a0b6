//! What is shipped beside the binary names settings, commands and flags that exist; the unit's command is run.

use std::fs;
use std::process::Command;

use harness::process::{Process, product, workspace_root};
use harness::{Ran, Setup, binary, is_left_to_tests_run};
use rustix::process::Signal;
use serde_json::Value;

const INSTALLED: &str = "/usr/local/bin/cronflow-access";
const SETTINGS: &str = "/etc/cronflow-access/access.toml";

fn read(path: &str) -> String {
    fs::read_to_string(workspace_root().join(path)).expect("the file is there")
}

/// The value of a line that begins so.
#[track_caller]
fn line<'t>(text: &'t str, start: &str) -> &'t str {
    text.lines().find_map(|line| line.trim_start().strip_prefix(start)).unwrap_or_else(|| panic!("no `{start}`")).trim()
}

/// The words of a Dockerfile's list.
fn words(list: &str) -> Vec<String> {
    serde_json::from_str(list).expect("a list of words")
}

/// Checks that a command and its flags are known to the binary.
#[track_caller]
fn check_command<S: AsRef<str>>(words: &[S]) {
    let (command, rest) = words.split_first().expect("a command");
    let help = Ran::of(product().args([command.as_ref(), "--help"])).check(0, &[]).stdout.clone();
    let known: Vec<&str> = help.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').collect();
    for flag in rest.iter().map(AsRef::as_ref).filter(|word| word.starts_with("--")) {
        assert!(known.contains(&flag), "`{}` has no `{flag}`", command.as_ref());
    }
}

#[test]
fn the_settings_to_start_from_are_fine() {
    let folder = harness::host::temporary();
    let shipped = read("packaging/access.toml");
    // As a program sees them: with those that are commented out, and without.
    let choices: String = shipped
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(choice) if choice.split_once(" = ").is_some_and(|(name, _)| !name.contains(' ')) => {
                format!("{choice}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let schema: Value = serde_json::from_str(&read("host/config.schema.json")).unwrap();
    let mut named: Vec<_> = choices.parse::<toml::Table>().unwrap().keys().cloned().collect();
    let mut known: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    named.sort();
    known.sort();
    assert_eq!(named, known, "packaging/access.toml shows every setting");
    for (text, is_fine) in [(&shipped, true), (&choices, false)] {
        let file = folder.path().join("access.toml");
        fs::write(&file, text).unwrap();
        let ran = Ran::of(product().args(["config", "check", "--config"]).arg(&file));
        // Those that are commented out name files that are not here.
        assert!(!is_fine || !ran.stdout.contains("fail"), "{}", ran.stdout);
        assert!(ran.stdout.contains("ok    file") && !ran.stdout.contains("fail  file"), "{}", ran.stdout);
    }
}

#[test]
fn the_command_of_the_unit_serves() {
    let unit = read("packaging/systemd/cronflow-access.service");
    let command = line(&unit, "ExecStart=");
    let words: Vec<_> = command.strip_prefix(INSTALLED).expect(INSTALLED).split_whitespace().collect();
    check_command(&words);
    let setup = Setup::real().on_embedded().initialized();
    let settings = setup.folder().join("access.toml");
    let text =
        read("packaging/access.toml").replace("127.0.0.1:7800", "127.0.0.1:0").replace("127.0.0.1:9464", "127.0.0.1:0");
    fs::write(&settings, text.replace("/var/lib/cronflow-access", &setup.data_dir().display().to_string())).unwrap();
    let mut serve = product();
    serve.args(words.iter().map(|word| word.replace(SETTINGS, &settings.display().to_string())));
    let mut process = Process::start(&mut serve);
    assert!(process.stderr.wait_for(r#""message":"serving""#, 0), "{}", process.stderr.text());
    process.signal(Signal::TERM);
    assert!(process.wait().success());
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_gives_little_away() {
    if is_left_to_tests_run("systemd-analyze") {
        return;
    }
    let folder = harness::host::temporary();
    let unit = folder.path().join("cronflow-access.service");
    // It looks whether the binary is there.
    let text = read("packaging/systemd/cronflow-access.service").replace(INSTALLED, &binary().display().to_string());
    fs::write(&unit, text).unwrap();
    let verified = Ran::of(Command::new("systemd-analyze").args(["verify", "--recursive-errors=no"]).arg(&unit));
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{verified:?}");
    // In tenths; a service that nobody thought about has 96.
    let security = ["security", "--offline=true", "--threshold=20"];
    Ran::of(Command::new("systemd-analyze").args(security).arg(&unit)).check(0, &[]);
}

#[test]
fn the_image_names_what_there_is() {
    let image = read("packaging/Dockerfile");
    let entry = words(line(&image, "ENTRYPOINT "));
    assert_eq!(entry, [INSTALLED]);
    let commands: Vec<_> = image.lines().filter_map(|line| line.trim_start().strip_prefix("CMD ")).map(words).collect();
    let [probe, serve] = commands.as_slice() else { panic!("a probe and a command: {commands:?}") };
    assert_eq!(probe.first().map(String::as_str), Some(INSTALLED));
    check_command(&probe[1..]);
    check_command(serve);
    // Names of variables and of values are told by the product itself.
    let mut checked = product();
    checked.args(["config", "check"]);
    let variables = image.split_whitespace().filter_map(|word| word.split_once('='));
    let ours: Vec<_> = variables.filter(|(name, _)| name.starts_with("CRONFLOW_ACCESS_")).collect();
    assert!(ours.len() >= 3, "{ours:?}");
    let ran = Ran::of(checked.envs(ours));
    assert!(ran.stdout.contains("0.0.0.0:7800") && !ran.stdout.contains("fail  environment"), "{}", ran.stdout);

    let toolchain = read("rust-toolchain.toml");
    let version = line(&toolchain, "channel = ").trim_matches('"').rsplit_once('.').expect("a version").0;
    assert!(image.contains(&format!("FROM rust:{version}-")), "the image is built with Rust {version}");
    let manifest = read("Cargo.toml");
    assert!(line(&image, "RUN cargo build").contains("--profile dist") && manifest.contains("[profile.dist]"));
}

/// Whether the probe of the image tells a host that answers from one that doesn't.
#[test]
fn the_probe_fails_when_nobody_answers() {
    let host = Setup::real().on_embedded().initialized().start();
    let probe = |host: &str| Ran::of(product().args(["doctor", "--only", "host", "--url", host]));
    probe(&host.url()).check(0, &["is ready"]);
    let url = host.url();
    host.terminate();
    probe(&url).check(1, &["no answer from"]);
}
