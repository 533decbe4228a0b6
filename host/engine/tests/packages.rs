//! Reading packages: what is refused, with the file and the place, and what is left alone.

#![expect(clippy::unwrap_used, reason = "what tests share fails like tests")]

use std::fs;
use std::path::Path;

use access_engine::{Compiler, GateError, Limits, PolicyPackage, Sandbox, load_dir, run_cases};

const MANIFEST: &str = "name = \"quotas\"\nversion = \"1.0.0\"\nengine = \"cel\"\ndescription = \"d\"\nsees = \
                        [\"customer\"]\nreasons = [\"no\"]\n";
const MODULE: &str = "'x' in principal.scopes ? no_match() : forbid('no', 'needs x')";

type Files = Vec<(&'static str, Vec<u8>)>;

fn write(dir: &Path, files: &[(&str, &[u8])]) {
    fs::create_dir_all(dir).unwrap();
    for (name, contents) in files {
        fs::write(dir.join(name), contents).unwrap();
    }
}

fn refusal(files: &[(&str, &[u8])]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("quotas");
    write(&folder, files);
    let errors = PolicyPackage::load(&folder, &sandbox()).map(|_| ()).unwrap_err();
    errors.iter().map(GateError::to_string).collect::<Vec<_>>().join("\n")
}

fn sandbox() -> Sandbox {
    Sandbox::new(Limits::SERVING, Compiler::InProcess, None).unwrap()
}

#[test]
fn a_package_is_read_with_or_without_its_page_and_cases() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("quotas");
    write(&folder, &[("manifest.toml", MANIFEST.as_bytes()), ("policy.cel", MODULE.as_bytes())]);
    let package = PolicyPackage::load(&folder, &sandbox()).unwrap();
    assert_eq!((package.name(), package.bytes(), package.readme()), ("quotas", MODULE.as_bytes(), None));
    assert!(!run_cases(&package).is_success());
    let cases = "[[case]]\nname = \"a\"\nexpect = { effect = \"forbid\", codes = [\"no\"] }\n\n[[case]]\nname = \
                 \"b\"\nfacts = { principal = { scopes = [\"x\"] } }\nexpect = { effect = \"permit\" }\n";
    write(&folder, &[("cases.toml", cases.as_bytes()), ("policy.cel.bak", b"\xff")]);
    let report = run_cases(&PolicyPackage::load(&folder, &sandbox()).unwrap());
    assert_eq!((report.passed, report.failed), (1, 1));
    assert!(report.to_string().contains("FAILED  quotas: b"), "{report}");
}

#[test]
fn refusals_name_the_file_and_the_place() {
    let ok = ("manifest.toml", MANIFEST.as_bytes());
    let module = ("policy.cel", MODULE.as_bytes());
    let with = |line: &str| format!("{MANIFEST}{line}\n").into_bytes();
    let table: Vec<(Files, &str)> = vec![
        (vec![], "quotas: the package has no `manifest.toml`; add it"),
        (vec![("manifest.toml", MANIFEST.into())], "quotas: the package has no `policy.cel`; add it"),
        (vec![("manifest.toml", with("grant = true"))], "quotas/manifest.toml:7:1: unknown field `grant`"),
        (vec![("manifest.toml", b"name = ".to_vec())], "quotas/manifest.toml:1:8: "),
        (vec![("manifest.toml", b"\xff\xfe".to_vec())], "quotas/manifest.toml: the file is not UTF-8 text"),
        (vec![("manifest.toml", MANIFEST.replace("\"quotas\"", "\"quota\"").into())], "is named `quota`; give both"),
        (vec![("manifest.toml", MANIFEST.replace("\"quotas\"", "\"../x\"").into())], "lower case letters"),
        (vec![("manifest.toml", MANIFEST.replace("[\"customer\"]", "[]").into())], "`sees` is empty"),
        (vec![("manifest.toml", MANIFEST.replace("customer", "customers").into())], "unknown variant `customers`"),
        (
            vec![("manifest.toml", MANIFEST.replace("\"cel\"", "\"wasm\"").into())],
            "the package has no `policy.wasm`; add it",
        ),
        (vec![("manifest.toml", MANIFEST.replace("[\"no\"]", "[\"No\"]").into())], "the reason `No` is no code"),
        (vec![("manifest.toml", MANIFEST.replace("[\"no\"]", "[\"policy_error\"]").into())], "the host's own"),
        (vec![("manifest.toml", with("[settings]\nx = { type = \"int\", default = \"3\" }"))], "is not of type int"),
        (vec![("manifest.toml", with("[attributes.context]\nx = \"uint\""))], "unknown variant `uint`"),
        (vec![("manifest.toml", with("[attributes.context]\n\"\" = \"int\""))], "is no name of an attribute"),
        (vec![("manifest.toml", with(&"#".repeat(70_000)))], "quotas/manifest.toml: the file has "),
        (
            vec![("manifest.toml", MANIFEST.into()), ("policy.cel", vec![b' '; 20_000])],
            "quotas/policy.cel:1:16385: the file has 16385 bytes and may have 16384; shorten it",
        ),
        (
            vec![("manifest.toml", MANIFEST.into()), ("policy.cel", MODULE.replace("scopes", "scope").into())],
            "quotas/policy.cel:1:17: unknown field `principal.scope`; did you mean `principal.scopes`?",
        ),
        (
            vec![
                ("manifest.toml", MANIFEST.into()),
                ("policy.cel", MODULE.into()),
                ("cases.toml", b"[[case]]\nnames = 1\n".to_vec()),
            ],
            "quotas/cases.toml:2:1: unknown field `names`",
        ),
    ];
    for (files, expected) in table {
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let message = refusal(&files);
        assert!(message.contains(expected), "{message}\nshould say: {expected}");
    }
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("quotas"), &[ok, module]);
    assert!(PolicyPackage::load(&dir.path().join("quotas"), &sandbox()).is_ok());
}

#[test]
fn a_folder_is_read_by_name_and_plain_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b", "a", "c-2"] {
        let manifest = MANIFEST.replace("quotas", name);
        write(&dir.path().join(name), &[("manifest.toml", manifest.as_bytes()), ("policy.cel", MODULE.as_bytes())]);
    }
    write(dir.path(), &[("catalog.toml", b"not = a policy"), ("README.md", b"")]);
    write(&dir.path().join("notes"), &[("todo.txt", b"")]);
    let names: Vec<String> = load_dir(dir.path(), &sandbox()).unwrap().iter().map(|p| p.name().to_owned()).collect();
    assert_eq!(names, ["a", "b", "c-2"]);

    write(&dir.path().join("b"), &[("policy.cel", b"nonsense")]);
    write(&dir.path().join("c-2"), &[("policy.cel", b"nonsense")]);
    let errors = load_dir(dir.path(), &sandbox()).map(|_| ()).unwrap_err();
    let policies: Vec<&str> = errors.iter().map(|error| error.policy.as_str()).collect();
    assert!(policies.contains(&"b") && policies.contains(&"c-2") && !policies.contains(&"a"), "{policies:?}");

    let missing = load_dir(&dir.path().join("nowhere"), &sandbox()).map(|_| ()).unwrap_err();
    assert!(missing[0].to_string().contains("can't be read"), "{}", missing[0]);
}

/// A rule must not go because a file did: what was a package is one still, and a broken one.
#[test]
fn a_package_that_lost_its_manifest_or_can_not_be_read_refuses_the_set() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("quotas"), &[("policy.cel", MODULE.as_bytes())]);
    write(&dir.path().join("notes"), &[("README.md", b"nothing of a policy's")]);
    let refused = |dir: &Path| {
        load_dir(dir, &sandbox()).map(|_| ()).unwrap_err().iter().map(GateError::to_string).collect::<String>()
    };
    assert_eq!(refused(dir.path()), "quotas: the package has no `manifest.toml`; add it");
    fs::remove_dir_all(dir.path().join("quotas")).unwrap();
    assert_eq!(load_dir(dir.path(), &sandbox()).unwrap().len(), 0);
    std::os::unix::fs::symlink("nowhere", dir.path().join("gone")).unwrap();
    assert!(refused(dir.path()).starts_with("gone: can't be read"));
}
