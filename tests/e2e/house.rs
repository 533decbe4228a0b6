//! The rules of the house that a compiler does not hold: which crate may know which, and what may come in from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::OnceLock;

use harness::Ran;
use harness::process::workspace_root;
use serde_json::Value;
use toml::Table;

/// What stands in ARCHITECTURE.md about the arrows; [`may_import`] is the same, spelled out.
const ARROWS: &str = "`cases ← model ← store ← store-redis`, `{cases, model} ← engine`, `model ← outbound`, `{model, store, engine, outbound, cases} ← authority ← web`, `{web, store-redis, client} ← host`, `cases ← guest SDK ← policies, examples`, `client ← examples`";
/// Crates that the binary may be built from, our own included. It was 186 when this was set; Redis took sixteen, wasmtime
/// with its compiler sixty, policies that tenants upload three: how they differ, and forms; pages four: templates; signing in
/// seven; what is sent to others, and TLS towards them, fourteen; signatures of audit logs six; mail seven; and HTTP/2 one.
const MOST_CRATES: usize = 307;
/// Crates that need more than a C compiler, or that we were warned of.
const BANNED: [&str; 4] = ["openssl-sys", "native-tls", "aws-lc-sys", "cel-interpreter"];
/// Crates that may bind to code that is not Rust. The first brings it along, and so does the last, whose cryptography TLS is made
/// of; the second is the numbers of the system's own calls.
const FOREIGN: [&str; 3] = ["libsqlite3-sys", "linux-raw-sys", "ring"];
/// Versions that nothing older than may come in.
const FLOORS: [(&str, [u64; 3]); 1] = [("wasmtime", [48, 0, 8])];

/// Files that may hold `unsafe`.
const UNSAFE: [&str; 3] = ["host/engine/src/wasm/cache.rs", "sdk-guest/src/bindings.rs", "sdk-guest/src/runtime.rs"];

const CASES: &str = "cronflow-policy-cases";
const CLIENT: &str = "cronflow-access-client";
const SDK: &str = "cronflow-policy";
const MACROS: &str = "cronflow-policy-macros";
const ROOMS: [&str; 6] =
    [CASES, "access-model", "access-store", "access-engine", "access-outbound", "access-authority"];

/// Which of our crates a crate may import. None: it is not known here.
fn may_import(name: &str) -> Option<Vec<&'static str>> {
    Some(match name {
        CASES => Vec::new(),
        "access-model" => vec![CASES],
        "access-store" => vec!["access-model"],
        "access-store-redis" => vec!["access-model", "access-store"],
        "access-engine" => vec![CASES, "access-model"],
        "access-outbound" => vec!["access-model"],
        "access-authority" => vec![CASES, "access-model", "access-store", "access-engine", "access-outbound"],
        "access-web" => ROOMS.to_vec(),
        MACROS | CLIENT => Vec::new(),
        SDK => vec![CASES, MACROS],
        "ip-allow-list" | "scopes" | "mirror" | "request-cost-guard" => vec![SDK],
        "jobs-api" => vec![CLIENT],
        "fuzz" => vec![CASES, "access-engine"],
        "cronflow-access" => [ROOMS.as_slice(), &["access-store-redis", "access-web", CLIENT]].concat(),
        "e2e" => [ROOMS.as_slice(), &["access-store-redis", "access-web"]].concat(),
        "bench" => [ROOMS.as_slice(), &["access-store-redis", "access-web", "e2e"]].concat(),
        _ => return None,
    })
}

#[test]
fn our_crates_import_along_the_arrows() {
    let ours: BTreeSet<&str> = our_packages().map(name).collect();
    for package in our_packages() {
        let allowed = may_import(name(package));
        let allowed = allowed.unwrap_or_else(|| panic!("`{}` is new; say what it may import", name(package)));
        for imported in imports(package).filter(|imported| ours.contains(imported)) {
            assert!(allowed.contains(&imported), "`{}` must not import `{imported}`", name(package));
        }
    }
}

#[test]
fn the_document_shows_the_same_arrows_and_all_rooms() {
    let document = read("ARCHITECTURE.md");
    let in_one_line = document.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(in_one_line.contains(ARROWS), "ARCHITECTURE.md and this test disagree about the arrows");
    for package in our_packages() {
        let listed = format!("| `{}` |", name(package));
        assert!(document.contains(&listed), "ARCHITECTURE.md does not list `{}`", name(package));
    }
}

#[test]
fn what_one_room_knows_no_other_does() {
    for (outside, knowing) in [
        ("cel", ["access-engine"].as_slice()),
        ("rusqlite", &["access-store"]),
        ("redis", &["access-store-redis"]),
        ("axum", &["access-web", "cronflow-access", "bench", CLIENT, "jobs-api"]),
        ("tokio-rustls", &["access-outbound", "cronflow-access"]),
        ("lettre", &["access-outbound"]),
        ("clap", &["cronflow-access"]),
        ("anyhow", &["cronflow-access"]),
    ] {
        let importing: Vec<&str> =
            our_packages().filter(|package| imports(package).any(|imported| imported == outside)).map(name).collect();
        assert!(importing.iter().all(|name| knowing.contains(name)), "{importing:?} import `{outside}`");
        assert!(!importing.is_empty(), "`{outside}` is imported by nobody; take it out of this list");
    }
}

#[test]
fn the_binary_is_built_from_few_crates() {
    let crates = crates_of_the_binary();
    assert!(crates.len() > 50, "{crates:?}");
    assert!(
        crates.len() <= MOST_CRATES,
        "{} crates, {MOST_CRATES} may be; do without the new ones, or say in the changelog why not:\n{}",
        crates.len(),
        crates.iter().cloned().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn nothing_needs_more_than_a_c_compiler() {
    for banned in BANNED {
        assert!(locked().all(|(name, _)| name != banned), "`{banned}` is in Cargo.lock");
    }
    let crates = crates_of_the_binary();
    let built = |package: &&Value| crates.contains(&format!("{} v{}", name(package), text(&package["version"])));
    for package in packages().filter(built) {
        let is_foreign = !package["links"].is_null() || name(package).ends_with("-sys");
        assert!(!is_foreign || FOREIGN.contains(&name(package)), "`{}` binds to foreign code", name(package));
    }
}

#[test]
fn nothing_is_older_than_its_floor() {
    for (name, version) in locked() {
        for (floored, floor) in FLOORS.iter().filter(|(floored, _)| *floored == name) {
            assert!(numbers(&version) >= *floor, "`{floored}` is {version}, and must not be older than {floor:?}");
        }
    }
    // The comparison is by number, not by letter.
    assert!(numbers("48.0.10") >= [48, 0, 8] && numbers("9.0.0") < [48, 0, 8] && numbers("48.0.7+build") < [48, 0, 8]);
}

#[test]
fn every_crate_of_ours_inherits_the_lints_of_the_workspace() {
    for package in our_packages() {
        let manifest: Table = read_file(text(&package["manifest_path"])).parse().expect("a manifest is TOML");
        let inherited = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        assert_eq!(inherited, Some(&true.into()), "`{}` has no `[lints] workspace = true`", name(package));
    }
    let root: Table = read("Cargo.toml").parse().expect("a manifest is TOML");
    assert_eq!(root["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("deny"));
    for denied in ["unwrap_used", "expect_used", "panic", "indexing_slicing", "todo"] {
        assert_eq!(root["workspace"]["lints"]["clippy"][denied].as_str(), Some("deny"), "{denied}");
    }
}

/// The lint denies it everywhere; these files may say why they need it.
#[test]
fn unsafe_code_stands_in_the_files_that_are_named_for_it() {
    let listed = Ran::of(Command::new("git").args(["ls-files", "*.rs"]).current_dir(workspace_root()));
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let with: Vec<&str> = listed
        .stdout
        .lines()
        .filter(|file| read(file).contains("expect(unsafe_code"))
        // these two speak of it
        .filter(|file| !["sdk-guest/tests/bindings.rs", "tests/e2e/house.rs"].contains(file))
        .collect();
    assert_eq!(with, UNSAFE);
}

/// So that `cargo run -- serve --dev` needs not be told which.
#[test]
fn cargo_run_finds_one_binary() {
    let default: Vec<&Value> = list(&metadata()["workspace_default_members"]).collect();
    let members = our_packages().filter(|package| default.contains(&&package["id"]));
    let binaries: Vec<&str> = members
        .flat_map(|package| list(&package["targets"]))
        .filter(|target| list(&target["kind"]).any(|kind| kind == "bin"))
        .map(name)
        .collect();
    assert_eq!(binaries, ["cronflow-access"]);
}

/// What cargo says about the workspace, for this machine.
fn metadata() -> &'static Value {
    static METADATA: OnceLock<Value> = OnceLock::new();
    METADATA.get_or_init(|| {
        let version = cargo(&["-vV"]);
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo knows its host");
        let text = cargo(&["metadata", "--locked", "--format-version", "1", "--filter-platform", host]);
        serde_json::from_str(&text).expect("metadata is JSON")
    })
}

fn cargo(args: &[&str]) -> String {
    let ran = Ran::of(Command::new(env!("CARGO")).args(args).current_dir(workspace_root()));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

/// What the binary is built from on this machine, as `name v1.2.3`.
fn crates_of_the_binary() -> BTreeSet<String> {
    let tree = cargo(&["tree", "--locked", "-p", "cronflow-access", "-e", "normal,build", "--prefix", "none"]);
    tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

/// Name and version of everything in Cargo.lock, whatever the machine.
fn locked() -> impl Iterator<Item = (String, String)> {
    let lock: Table = read("Cargo.lock").parse().expect("the lock file is TOML");
    let packages = lock["package"].as_array().cloned().expect("packages");
    let of = |package: &toml::Value, field: &str| package[field].as_str().expect("a string").to_owned();
    packages.into_iter().map(move |package| (of(&package, "name"), of(&package, "version")))
}

fn packages() -> impl Iterator<Item = &'static Value> {
    list(&metadata()["packages"])
}

fn our_packages() -> impl Iterator<Item = &'static Value> {
    let by_id: BTreeMap<&str, &Value> = packages().map(|package| (text(&package["id"]), package)).collect();
    list(&metadata()["workspace_members"]).map(move |id| by_id[text(id)])
}

/// What a package imports to build, as opposed to testing it.
fn imports(package: &Value) -> impl Iterator<Item = &str> {
    list(&package["dependencies"]).filter(|dependency| dependency["kind"] != "dev").map(name)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn name(package: &Value) -> &str {
    text(&package["name"])
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// Major, minor, patch.
fn numbers(version: &str) -> [u64; 3] {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse().expect("a number"));
    [(); 3].map(|()| parts.next().expect("three numbers"))
}

fn read(path: &str) -> String {
    read_file(workspace_root().join(path))
}

fn read_file(path: impl AsRef<std::path::Path>) -> String {
    std::fs::read_to_string(path).expect("the file is there")
}
