//! A tree of files as projects have them.

use std::path::Path;

use harness::Ran;
use harness::process::product;
use harness::setup::temporary;
use serde_json::{Value, json};

use super::plant::{Plant, decoys, one_of_each};
use super::{check_says_nothing, command, found, scan};

/// A file, and where in it a secret is to be found.
struct Planted {
    path: String,
    bytes: Vec<u8>,
    line: u64,
}

fn planted(path: &str, text: impl Into<Vec<u8>>, line: u64) -> Planted {
    Planted { path: path.to_owned(), bytes: text.into(), line }
}

/// Files that hold this one secret, in the languages and formats that projects are written in.
fn files(plant: &Plant) -> Vec<Planted> {
    let Plant { kind, secret, .. } = plant;
    let wide = |text: &str| -> Vec<u8> {
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
    };
    let wide_be = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
    let minified = "var a=function(b){return b.c(d)};".repeat(3_000);
    let folded: Vec<String> = plant
        .in_base64("apiVersion: v1\nkey: ")
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let file = |name: &str| format!("{kind}/{name}");
    vec![
        planted(&file("src/main.rs"), format!("fn main() {{\n    let key = \"{secret}\";\n}}\n"), 2),
        planted(&file("app/settings.py"), format!("import os\n\nKEY = '{secret}'  # TODO\n"), 3),
        planted(&file("cmd/main.go"), format!("package main\n\nconst key = `{secret}`\n"), 3),
        planted(&file("src/Main.java"), format!("class Main {{\n  String key = \"x\\n{secret}\";\n}}\n"), 2),
        planted(&file("web/index.ts"), format!("export const headers = {{ authorization: `Bearer {secret}` }};"), 1),
        planted(&file("web/dist/app.min.js"), format!("{minified}e(\"{secret}\");{minified}"), 1),
        planted(&file(".env"), format!("# local\r\nCRONFLOW_KEY={secret}\r\nDEBUG=1\r\n"), 2),
        planted(&file("config.json"), json!({ "a": 1, "key": secret }).to_string(), 1),
        planted(&file("deploy/values.yaml"), format!("env:\n  - name: KEY\n    value: {secret}\n"), 3),
        planted(&file("deploy/secret.yaml"), format!("data:\n  key: {}\n", plant.in_base64("")), 2),
        planted(&file("deploy/long.yaml"), format!("data:\n  all: |\n    {}\n", folded.join("\n    ")), 3),
        planted(&file("curl.sh"), format!("curl -H 'Authorization: Basic {}'\n", plant.in_base64("cl_x:")), 1),
        planted(&file("notes.txt"), format!("no newline at the end: {secret}"), 1),
        planted(&file("log/access.log"), format!("GET /v1/jobs?key%3D{secret}&x=1 401\n"), 1),
        planted(&file("windows.reg"), wide(&format!("Windows\r\n\"Key\"=\"{secret}\"\r\n")), 2),
        planted(&file("java.class"), [&[0xca, 0xfe, 0, 1][..], secret.as_bytes(), &[0, 1, 2]].concat(), 1),
        planted(&file("windows.exe"), [vec![0x4d, 0x5a, 0x90], wide_be(secret), vec![0, 0, 9]].concat(), 1),
        planted(&file("query.sql"), format!("-- {}\nINSERT INTO k VALUES ('{secret}');\n", "x".repeat(9_000)), 2),
        planted(&file("glued.txt"), format!("cf_prod_{secret}cf_"), 1),
    ]
}

/// Files without any: lock files, fixtures, look-alikes.
fn innocent(plants: &[Plant]) -> Vec<(String, String)> {
    let hashes: String = (0..500).map(|number| format!("checksum = \"{:064x}\"\n", number * 7_919)).collect();
    let decoys = decoys(plants);
    let many = decoys.iter().map(|decoy| format!("key = \"{decoy}\"\n")).collect::<String>();
    vec![
        ("Cargo.lock".to_owned(), hashes.clone()),
        ("keys/root.key.sha256".to_owned(), format!("{}  root.key\n", "0f".repeat(32))),
        ("package-lock.json".to_owned(), json!({ "packages": hashes }).to_string()),
        ("tests/fixtures.toml".to_owned(), many),
        ("tests/fixtures.min.js".to_owned(), decoys.join(";")),
        (
            "docs/README.md".to_owned(),
            "Keys begin with `cf_prod_`, `cf_stg_` or `cf_ro_`; webhooks' with `whsec_`.\n".repeat(50),
        ),
    ]
}

fn write(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders are made");
    std::fs::write(path, bytes).expect("a file is written");
}

#[test]
fn every_planted_secret_is_found_and_no_decoy() {
    let (folder, plants) = (temporary(), one_of_each(1));
    let mut expected = Vec::new();
    for plant in &plants {
        for Planted { path, bytes, line } in files(plant) {
            write(folder.path(), &path, &bytes);
            expected.push((path, line, plant.shown()));
        }
    }
    let key = one_of_each(2);
    let glued: String = key.iter().map(|plant| plant.secret.as_str()).collect();
    write(folder.path(), "glued.txt", glued.as_bytes());
    expected.extend(key.iter().map(|plant| ("glued.txt".to_owned(), 1, plant.shown())));
    write(folder.path(), "data/root.key", format!("{}\n", "a1".repeat(32)).as_bytes());
    write(folder.path(), "data/root.key.bak", "a1".repeat(32).as_bytes());
    let env = format!("DEBUG=1\nCRONFLOW_ACCESS_ROOT_KEY=\"{}\"\n", "a1".repeat(32));
    write(folder.path(), "deploy/.env", env.as_bytes());
    for (path, line) in [("data/root.key", 1), ("data/root.key.bak", 1), ("deploy/.env", 2)] {
        expected.push((path.to_owned(), line, "…".to_owned()));
    }
    for (path, text) in innocent(&plants) {
        write(folder.path(), &path, text.as_bytes());
    }
    expected.sort();
    let ran = scan(folder.path(), &[]);
    ran.check(1, &[]);
    assert_eq!(found(&ran), expected);
    check_says_nothing(&ran, &plants);
    for arguments in [&["."][..], &[".", "--sarif"]] {
        let ran = Ran::of(&mut command(folder.path(), arguments));
        check_says_nothing(ran.check(1, &["src/main.rs", "production", &plants[0].shown()]), &plants);
    }
}

#[test]
fn what_is_innocent_is_clean() {
    let (folder, plants) = (temporary(), one_of_each(3));
    for (path, text) in innocent(&plants) {
        write(folder.path(), &path, text.as_bytes());
    }
    let told = scan(folder.path(), &[]).check_json(0);
    assert_eq!((told["found"].clone(), told["files"].clone()), (json!([]), json!(6)));
    Ran::of(&mut command(folder.path(), &[])).check(0, &["no secrets in 6 files"]);
}

#[test]
fn files_folders_and_standard_input_are_looked_at_and_what_can_not_be_is_told() {
    let (folder, plant) = (temporary(), one_of_each(4).remove(0));
    write(folder.path(), "a/one.txt", plant.secret.as_bytes());
    write(folder.path(), "b/two.txt", b"nothing");
    std::os::unix::fs::symlink("../a", folder.path().join("b/link")).expect("a link");
    assert_eq!(found(&scan(folder.path(), &["a/one.txt", "b"])), [("a/one.txt".to_owned(), 1, plant.shown())]);
    scan(folder.path(), &["b"]).check(0, &[]);
    scan(folder.path(), &["b/link"]).check(1, &[]);
    scan(folder.path(), &["nowhere"]).check(2, &["`nowhere`", "not looked at"]);
    scan(folder.path(), &["nowhere", "a"]).check(1, &["`nowhere`"]);
    let piped = |text: &str| Ran::reading(&mut command(folder.path(), &["-", "--output=json"]), text);
    assert_eq!(found(&piped(&format!("\n\n{}", plant.secret))), [("-".to_owned(), 3, plant.shown())]);
    piped("cf_prod_").check(0, &[]);
    scan(folder.path(), &["-", "--git"]).check(2, &["no repository"]);
    scan(folder.path(), &["--nonsense"]).check(64, &[]);
}

#[test]
fn what_files_and_folders_are_called_and_what_links_say_is_looked_at() {
    let (folder, plants) = (temporary(), one_of_each(7));
    let [file, within, target] = [0, 1, 2].map(|at| &plants[at]);
    write(folder.path(), &format!("a/{}.txt", file.secret), b"nothing");
    for name in ["one", "two"] {
        write(folder.path(), &format!("{}/{name}", within.secret), b"nothing");
    }
    std::os::unix::fs::symlink(format!("/srv/{}", target.secret), folder.path().join("link")).expect("a link");
    let mut expected = [
        (format!("a/{}.txt", file.shown()), 1, file.shown()),
        (within.shown(), 1, within.shown()),
        ("link".to_owned(), 1, target.shown()),
    ];
    expected.sort();
    let ran = scan(folder.path(), &[]);
    ran.check(1, &[]);
    assert_eq!(found(&ran), expected);
    check_says_nothing(&ran, &plants);
    check_says_nothing(Ran::of(&mut command(folder.path(), &[])).check(1, &["in its name"]), &plants);
}

#[test]
fn what_is_known_is_passed_by() {
    let (folder, plants) = (temporary(), one_of_each(5));
    let [known, allowed, other] = [0, 1, 2].map(|at| &plants[at]);
    let text = format!("{}\n{} // cronflow:allow\n{}\n", known.secret, allowed.secret, other.secret);
    write(folder.path(), "keys.txt", text.as_bytes());
    let told = scan(folder.path(), &[]).check_json(1);
    let of_known = |found: &&Value| found["line"] == 1;
    let fingerprint =
        told["found"].as_array().expect("a list").iter().find(of_known).expect("it is found")["fingerprint"]
            .as_str()
            .expect("a text")
            .to_owned();
    write(folder.path(), ".cronflow-scan-ignore", format!("# revoked\n{fingerprint}\n").as_bytes());
    assert_eq!(found(&scan(folder.path(), &["keys.txt"])), [("keys.txt".to_owned(), 3, other.shown())]);
    write(folder.path(), "baseline", b"what is this");
    scan(folder.path(), &["--baseline", "baseline"]).check(2, &["line 1 is no fingerprint"]);
    scan(folder.path(), &["--baseline", "nowhere"]).check(2, &["`nowhere`"]);
}

#[test]
fn another_catalog_is_looked_for() {
    let (folder, plant) = (temporary(), one_of_each(6).remove(0));
    let catalog = harness::process::workspace_root().join("policies/catalog.toml");
    let catalog = std::fs::read_to_string(catalog).expect("the catalog").replace("\"cf_", "\"acme_");
    write(folder.path(), "catalog.toml", catalog.as_bytes());
    let theirs = harness::secret::with_checksum(&plant.secret.replacen("cf_", "acme_", 1));
    write(folder.path(), "keys.txt", format!("{}\n{theirs}\n", plant.secret).as_bytes());
    let ran = Ran::of(product().current_dir(folder.path()).args([
        "scan",
        "keys.txt",
        "--catalog",
        "catalog.toml",
        "--output=json",
    ]));
    let found = found(&ran);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].1, found[0].2.starts_with("acme_")), (2, true));
}
