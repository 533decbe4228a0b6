//! What is shipped beside the binary names settings, commands and flags that exist; the unit's command is run.

use std::fs;
use std::process::Command;

use harness::process::{Process, product, workspace_root};
use harness::{Ran, Reply, Setup, binary, is_left_to_tests_run};
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

/// What stands behind a name in YAML, each time.
fn values<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let behind = |line: &'t str| line.trim_start().trim_start_matches("- ").strip_prefix(name)?.strip_prefix(':');
    text.lines().filter_map(behind).map(|value| value.trim().trim_matches('"')).collect()
}

/// The same where it must be there once.
#[track_caller]
fn value<'t>(text: &'t str, name: &str) -> &'t str {
    let values = values(text, name);
    let [value] = values.as_slice() else { panic!("`{name}`, once: {values:?}") };
    value
}

#[track_caller]
fn seconds(text: &str) -> u64 {
    text.trim_end_matches('s').parse().expect("seconds")
}

/// What is set in deeper below the line that ends so.
fn below<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| !line.ends_with(start));
    let at = lines.next().map(depth).expect("such a line");
    lines.take_while(|line| line.trim().is_empty() || depth(line) > at).collect()
}

#[test]
fn the_composition_names_what_there_is() {
    let text = read("packaging/compose.yaml");
    let lists = |name: &str| values(&text, name).into_iter().map(words).collect::<Vec<_>>();
    let probes = lists("test");
    let [_, probe] = probes.as_slice() else { panic!("Redis's probe and the host's: {probes:?}") };
    assert_eq!(probe[..2], ["CMD", INSTALLED]);
    check_command(&probe[2..]);
    let ours: Vec<_> =
        below(&text, "environment:").into_iter().filter_map(|line| line.trim().split_once(": ")).collect();
    let ran = Ran::of(
        product().args(["config", "check"]).envs(ours.iter().map(|(name, value)| (name, value.trim_matches('"')))),
    );
    assert!(ours.len() >= 3 && !ran.stdout.contains("fail  environment"), "{}", ran.stdout);
    let secret = below(&text, "secrets:").first().map(|line| line.trim().trim_start_matches("- ").to_owned());
    assert_eq!(value(&text, "CRONFLOW_ACCESS_ROOT_KEY_FILE"), format!("/run/secrets/{}", secret.expect("a secret")));
    assert!(seconds(value(&text, "stop_grace_period")) > seconds(value(&text, "CRONFLOW_ACCESS_SHUTDOWN_SECONDS")));
    assert!(workspace_root().join(value(&text, "dockerfile")).exists());
    for guarded in ["read_only: true", "cap_drop: [\"ALL\"]", "no-new-privileges:true"] {
        assert_eq!(text.matches(guarded).count(), 2, "{guarded}, for both");
    }

    if is_left_to_tests_run("redis-server") {
        return;
    }
    let commands = lists("command");
    let [command] = commands.as_slice() else { panic!("Redis's command: {commands:?}") };
    let options: Vec<&str> = command[1..].iter().map(String::as_str).collect();
    let folder = harness::host::temporary();
    let redis = harness::Redis::start_with(folder.path(), &options);
    for option in options.chunks(2) {
        let name = option[0].trim_start_matches("--");
        let told = [name, option[1]].map(|text| Reply::Text(text.to_owned()));
        assert_eq!(redis.command(&["CONFIG", "GET", name]), Reply::List(told.into()));
    }
}

#[test]
fn the_manifests_name_what_there_is() {
    let file = |name: &str| read(&format!("packaging/kubernetes/{name}.yaml"));
    let [settings, deployment, init, service, budget] =
        ["configmap", "deployment", "init", "service", "poddisruptionbudget"].map(file);
    let inner = below(&settings, "access.toml: |");
    let text: String = inner.iter().map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect();
    let table: toml::Table = text.parse().unwrap();
    let schema: Value = serde_json::from_str(&read("host/config.schema.json")).unwrap();
    for name in table.keys() {
        assert!(schema["properties"].get(name).is_some(), "there is no setting `{name}`");
    }
    let folder = harness::host::temporary();
    let written = folder.path().join("access.toml");
    fs::write(&written, &text).unwrap();
    let ran = Ran::of(product().args(["config", "check", "--config"]).arg(&written));
    assert!(ran.stdout.contains("ok    file") && !ran.stdout.contains("fail  file"), "{}", ran.stdout);

    let stated = |name: &str| table[name].as_str().expect("a text").to_owned();
    for manifest in [&deployment, &init] {
        let command = words(value(manifest, "args"));
        check_command(&command);
        let mounts = values(manifest, "mountPath");
        let [settings_in, secrets_in, data_in] = mounts.as_slice() else { panic!("three mounts: {mounts:?}") };
        assert!(command.contains(&format!("{settings_in}/access.toml")), "{command:?}");
        assert_eq!(stated("data_dir"), *data_in);
        for setting in ["redis_file", "root_key_file", "metrics_token_file"] {
            let kept = stated(setting);
            let name = kept.strip_prefix(&format!("{secrets_in}/")).expect("below the secrets");
            assert!(deployment.contains(&format!("path: {name}\n")), "no secret `{name}`");
        }
        for guarded in
            ["runAsNonRoot: true", "readOnlyRootFilesystem: true", "drop: [\"ALL\"]", "enableServiceLinks: false"]
        {
            assert!(manifest.contains(guarded), "{guarded}");
        }
        assert_eq!(value(manifest, "runAsUser"), "65532", "nonroot of the image");
    }
    let ports = ["listen", "metrics_listen"].map(|name| stated(name).rsplit_once(':').expect("a port").1.to_owned());
    assert_eq!(values(&deployment, "containerPort"), ports);
    let pause = seconds(value(&deployment, "seconds"));
    let in_flight = u64::try_from(table["shutdown_seconds"].as_integer().expect("a number")).unwrap();
    assert!(seconds(value(&deployment, "terminationGracePeriodSeconds")) > pause + in_flight);
    assert_eq!(value(&deployment, "replicas"), "3");
    for selecting in [&service, &budget] {
        assert!(selecting.contains("app.kubernetes.io/component: host") && !selecting.contains("component: init"));
    }

    let host = Setup::real().on_embedded().initialized().start();
    let probes = values(&deployment, "path").into_iter().filter(|path| path.starts_with('/')).collect::<Vec<_>>();
    assert_eq!(probes, ["/health/alive", "/health/alive", "/health/ready"], "startup, liveness, readiness");
    for path in probes {
        assert_eq!(host.client(None).get(path).status, 200, "{path}");
    }
}
