//! A WASM policy in the folder: compiled by a child of the real binary, judged, kept compiled, and swapped like any other.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use harness::guest::shipped_in_rust;
use harness::{Host, Question, Setup, WASM_TARGET, is_left_to_tests_run};
use serde_json::{Value, json};

use super::{Folder, IN_FORCE, REFUSED, health, wait_for};
use crate::{kind_table, wat};

const MANIFEST: &str = "name = \"closing\"\nversion = \"1.0.0\"\nengine = \"wasm\"\ndescription = \"Shut.\"\n\
                        sees = [\"customer\"]\nreasons = [\"shut\"]\n";
const SHUT: &str = "[[case]]\nname = \"always\"\nexpect = { effect = \"forbid\", codes = [\"shut\"] }\n";
const ERRS: &str = "[[case]]\nname = \"always\"\nexpect = { error = true }\n";

/// The smallest module that forbids, or does what `instead` says.
fn module(instead: &str) -> Vec<u8> {
    wat::bytes(&wat::module(&format!("{instead} {}", wat::verdict(1)), ""))
}

fn write(dir: &Path, module: &[u8], cases: &str) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("manifest.toml"), MANIFEST).unwrap();
    fs::write(dir.join("policy.wasm"), module).unwrap();
    fs::write(dir.join("cases.toml"), cases).unwrap();
}

fn started() -> (Host, Folder) {
    let setup = Setup::dev();
    let folder = Folder::exported(&setup);
    write(&folder.policies.join("closing"), &module(""), SHUT);
    let policies = folder.policies.display().to_string();
    (setup.args(["--policies".to_owned(), policies]).start(), folder)
}

fn compiled(data_dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(data_dir.join("compiled")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect()
}

#[test]
fn a_module_decides_and_is_swapped_without_a_restart() {
    let (host, folder) = started();
    let asked = Question::reads_jobs(&host.demo_key("production").secret);
    let shut = host.decide(&asked);
    shut.check_deny(&["shut"]);
    assert_eq!(shut.0["reasons"][0]["policy"], "closing");

    wait_for(&host, IN_FORCE, || folder.take_out("closing"));
    host.decide(&asked).check_allow();

    // What can't be judged denies; what can't be loaded changes nothing.
    write(&folder.aside.join("closing"), &module("unreachable"), ERRS);
    wait_for(&host, IN_FORCE, || folder.put_back("closing"));
    host.decide(&asked).check_deny(&["policy_error"]);
    wait_for(&host, IN_FORCE, || folder.take_out("closing"));
    write(&folder.aside.join("closing"), b"\x7fELF", SHUT);
    wait_for(&host, REFUSED, || folder.put_back("closing"));
    host.decide(&asked).check_allow();
}

#[test]
fn what_was_compiled_is_kept_for_the_host_alone_and_believed_only_if_it_is_its_own() {
    let (host, folder) = started();
    let asked = |host: &Host| Question::reads_jobs(&host.demo_key("production").secret);
    host.decide(&asked(&host)).check_deny(&["shut"]);
    let stopped = host.terminate();
    let data_dir = stopped.setup.data_dir();
    let kept = compiled(&data_dir);
    let [file] = kept.as_slice() else { panic!("one module, one file: {kept:?}") };
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(data_dir.join("compiled")).unwrap().permissions().mode() & 0o777, 0o700);

    // Somebody changed it: it is compiled again, not run.
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, &bytes).unwrap();
    let host = stopped.start();
    host.decide(&asked(&host)).check_deny(&["shut"]);
    assert_ne!(fs::read(file).unwrap(), bytes);
    drop(folder);
}

/// The host serves a shipped policy as the module that its Rust builds, and nobody can tell but by the digest.
#[test]
fn a_shipped_policy_in_rust_takes_the_place_of_its_cel() {
    if is_left_to_tests_run(WASM_TARGET) {
        return;
    }
    let setup = Setup::dev();
    let folder = Folder::exported(&setup);
    for policy in ["ip-allow-list", "scopes"] {
        let dir = folder.policies.join(policy);
        fs::remove_file(dir.join("policy.cel")).unwrap();
        fs::write(dir.join("policy.wasm"), shipped_in_rust(policy)).unwrap();
        folder.change(&format!("{policy}/manifest.toml"), |was| was.replace("engine = \"cel\"", "engine = \"wasm\""));
    }
    folder.test(&[]).check(0, &["ip-allow-list", "scopes"]);
    let policies = folder.policies.display().to_string();
    let host = kind_table::check_each_cell(setup.args(["--policies".to_owned(), policies]).start());
    assert_ne!(health(&host)["set_digest"], health(&Host::dev())["set_digest"]);

    let key =
        host.issue_with("production", &["jobs:read"], &json!({ "ip_allow": ["203.0.113.0/24", "2001:db8::/32"] }));
    let from = |address: &str| host.decide(&Question::reads_jobs(&key.secret).from(address));
    for inside in ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::7"] {
        from(inside).check_allow();
    }
    from("198.51.100.7").check_deny(&["ip_not_allowed"]);
    host.allow_from(&json!(["203.0.113.4/30"]));
    from("203.0.113.7").check_allow();
    from("203.0.113.8").check_deny(&["ip_not_allowed"]);
    from("2001:db8::7").check_deny(&["ip_not_allowed"]);
    host.allow_from(&Value::Null);
    from("2001:db8::7").check_allow();
    // Managing goes by the same folder.
    assert_eq!(host.operator().get(&host.workspace("/network")).check_json(200)["ip_allow"], Value::Null);
}
