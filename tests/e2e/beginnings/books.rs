//! Root keys and data files that are missing, wrong or damaged.

use std::fs;
use std::path::PathBuf;

use harness::{Host, Question, Setup, run_init};

const ROOT_KEY: &str = "root.key";
const DATA: &str = "access.db";

/// A real installation with a key in it, at rest.
fn at_rest() -> (Setup, Question) {
    let host = Host::real();
    let key = host.issue("production", &["jobs:read"]);
    (host.terminate().setup, Question::reads_jobs(&key.secret))
}

#[test]
fn a_store_opens_under_its_own_root_key_alone() {
    let (setup, asked) = at_rest();
    let path = setup.data_dir().join(ROOT_KEY);
    let right = fs::read_to_string(&path).unwrap();
    let refused = || setup.clone().try_start().expect_err("the wrong root key");

    fs::remove_file(&path).unwrap();
    refused().check_says(&["root key: there is no `", ROOT_KEY, "put it back from where it is kept"]);
    assert!(!path.exists(), "nor is one made up");
    for (wrong, says) in [
        ("0".repeat(64), "don't open under this root key"),
        ("0".repeat(63), "expected 64 hexadecimal digits"),
        ("z".repeat(64), "expected 64 hexadecimal digits"),
        (String::new(), "expected 64 hexadecimal digits"),
    ] {
        fs::write(&path, &wrong).unwrap();
        refused().check_says(&[says]);
        assert_eq!(fs::read_to_string(&path).unwrap(), wrong);
    }

    fs::remove_file(&path).unwrap();
    let kept_apart = setup.folder().join("kept-apart.key");
    fs::write(&kept_apart, right).unwrap();
    let host = setup.args(["--root-key".to_owned(), kept_apart.display().to_string()]).start();
    host.decide(&asked).check_allow();
}

#[test]
fn a_damaged_data_file_is_refused_and_left_as_it_is() {
    let (setup, asked) = at_rest();
    let path = setup.data_dir().join(DATA);
    let whole = fs::read(&path).unwrap();
    let mut garbage = whole.clone();
    garbage[..64].fill(b'x');
    for (damaged, says) in [
        (b"this is no store\n".repeat(1000), "is not a store of CronFlow Access"),
        (garbage, "is not a store of CronFlow Access"),
        (whole[..whole.len() / 2].to_vec(), "is damaged ("),
        (whole[..whole.len() - 1].to_vec(), "is damaged (it has "),
        (whole[..10].to_vec(), "is damaged (it is shorter than its header)"),
        (Vec::new(), "is damaged (it is shorter than its header)"),
    ] {
        fs::write(&path, &damaged).unwrap();
        let refused = setup.clone().try_start().expect_err("a damaged file");
        refused.check_says(&[says, DATA, "restore a backup, or move", "to start with an empty store"]);
        let refused = setup.other_way().try_start().expect_err("a damaged file");
        refused.check_says(&[says]);
        run_init(&setup.data_dir()).check(1, &["error: ", says]);
        assert!(fs::read(&path).unwrap() == damaged, "touched though it {says}");
    }
    // As the message says.
    fs::write(&path, whole).unwrap();
    setup.start().decide(&asked).check_allow();
}

#[test]
fn a_data_file_of_somebody_else_is_refused() {
    let (setup, _) = at_rest();
    let path = setup.data_dir().join(DATA);
    let mut bytes = fs::read(&path).unwrap();
    // The schema version lies at offset 60, the application id at 68 (SQLite's file format, §1.3).
    for (place, number, says) in [
        (60, 99_u32, "has schema version 99, and this release knows versions up to "),
        (60, 0, "there never was a schema version 0"),
        (68, 0, "is not a store of CronFlow Access"),
    ] {
        bytes[place..place + 4].copy_from_slice(&number.to_be_bytes());
        fs::write(&path, &bytes).unwrap();
        setup.clone().try_start().expect_err("not ours").check_says(&[says]);
        assert!(fs::read(&path).unwrap() == bytes);
    }
}

#[test]
fn a_log_without_its_store_is_not_replayed_into_a_new_one() {
    let host = Host::real();
    host.issue("production", &["jobs:read"]);
    let setup = host.kill_9().setup;
    let log: PathBuf = setup.data_dir().join(format!("{DATA}-wal"));
    let before = fs::read(&log).unwrap();
    assert!(!before.is_empty());
    fs::remove_file(setup.data_dir().join(DATA)).unwrap();
    run_init(&setup.data_dir())
        .check(1, &["error: ", "is left from a store whose main file is missing", "put `access.db` back"]);
    assert!(fs::read(&log).unwrap() == before);
}
