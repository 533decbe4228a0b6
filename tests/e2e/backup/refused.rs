//! Backups that can't be made, backups that are not to be believed, places that are taken: refused, and nothing is damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::{Host, Question, Ran, Setup, Stopped};

use super::{backup, lose, restore};

const DATA: &str = "access.db";
const MANIFEST: &str = "manifest.json";

/// A real installation that is served, and a question about a key of it.
fn served() -> (Host, Question) {
    let host = Setup::real().on_embedded().initialized().start();
    let question = Question::reads_jobs(&host.issue("production", &["jobs:read"]).secret);
    (host, question)
}

/// What lies in a folder and below it, by path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.clone(), Vec::new());
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

/// A shell in which files grow to so many blocks of 512 bytes and no further, as on a full disk.
fn within_blocks(blocks: u32, signal_is_deadly: bool, command: &Command) -> Command {
    let trap = if signal_is_deadly { "" } else { "trap '' XFSZ;" };
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{trap} ulimit -f {blocks}; exec \"$@\""), "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.env_remove("CRONFLOW_ACCESS_BIN");
    shell
}

#[test]
fn a_backup_that_can_not_be_written_leaves_nothing_and_the_host_unharmed() {
    let (host, question) = served();
    let folder = host.setup().folder().to_owned();
    let to = folder.join("backup");
    let before: Vec<_> = files(&folder).into_keys().collect();
    Ran::of(&mut within_blocks(16, false, &backup(host.setup(), &to))).check(1, &["error: can't copy the store to "]);
    Ran::of(&mut backup(host.setup(), &folder.join("none/backup"))).check(1, &["error: can't write ", "No such file"]);
    Ran::of(&mut backup(host.setup(), Path::new("/proc/backup"))).check(1, &["error: can't write `/proc/backup"]);
    Ran::of(&mut backup(host.setup(), Path::new("/"))).check(1, &["error: "]);
    fs::write(folder.join("a-file"), "mine").unwrap();
    Ran::of(&mut backup(host.setup(), &folder.join("a-file"))).check(1, &["error: ", "a-file` exists already"]);
    fs::remove_file(folder.join("a-file")).unwrap();
    assert_eq!(files(&folder).into_keys().collect::<Vec<_>>(), before);
    host.decide(&question).check_allow();
    host.issue("production", &["jobs:read"]);

    // Cut short, it leaves something aside, which the next one clears away.
    let killed = Ran::of(&mut within_blocks(16, true, &backup(host.setup(), &to)));
    assert_eq!(killed.code, None, "{killed:?}");
    assert!(folder.join("backup.partial").is_dir() && !to.exists());
    Ran::of(&mut backup(host.setup(), &to)).check(0, &[]);
    assert!(to.is_dir() && !folder.join("backup.partial").exists());
}

#[test]
fn only_a_backup_is_replaced_by_a_backup() {
    let (host, _) = served();
    let to = host.setup().folder().join("holiday-pictures");
    fs::create_dir(&to).unwrap();
    fs::write(to.join("beach.jpeg"), "sand").unwrap();
    Ran::of(&mut backup(host.setup(), &to)).check(1, &["error: ", "exists already"]);
    let ran = Ran::of(backup(host.setup(), &to).arg("--force"));
    ran.check(1, &["error: ", "holds `beach.jpeg`, which is no part of a backup, so it is not replaced"]);
    assert_eq!(fs::read_to_string(to.join("beach.jpeg")).unwrap(), "sand");
    fs::remove_file(to.join("beach.jpeg")).unwrap();
    Ran::of(&mut backup(host.setup(), &to)).check(0, &[]);
}

#[test]
fn what_could_not_be_restored_is_not_backed_up() {
    let (host, _) = served();
    let to = host.setup().folder().join("backup");
    let other = host.setup().folder().join("other.key");
    fs::write(&other, "0".repeat(64)).unwrap();
    let with_key = |file: &Path| Ran::of(backup(host.setup(), &to).arg("--root-key").arg(file));
    with_key(&other).check(1, &["error: ", "don't open under this root key"]);
    with_key(Path::new("/missing")).check(1, &["error: root key: `/missing` can't be read"]);
    let nowhere = Setup::real().on_embedded();
    Ran::of(&mut backup(&nowhere, &to)).check(1, &["error: can't open `", DATA]);
    assert!(!to.exists());
}

#[test]
fn a_backup_that_was_changed_is_refused() {
    let (host, question) = served();
    let to = host.setup().folder().join("backup");
    Ran::of(&mut backup(host.setup(), &to)).check(0, &[]);
    let Stopped { setup, .. } = host.terminate();
    let root_key = lose(&setup);
    let (data, manifest) = (fs::read(to.join(DATA)).unwrap(), fs::read_to_string(to.join(MANIFEST)).unwrap());
    let refused = |says: &[&str]| {
        let ran = Ran::of(restore(&setup, &to).arg("--root-key").arg(&root_key));
        ran.check(1, &["error: "]).check(1, says);
        assert!(!setup.data_dir().exists(), "{says:?}");
    };

    fs::write(to.join(DATA), &data[..data.len() / 2]).unwrap();
    refused(&["is not what was backed up: it has ", "take another backup"]);
    let mut flipped = data.clone();
    flipped[data.len() / 2] ^= 1;
    fs::write(to.join(DATA), &flipped).unwrap();
    refused(&["is not what was backed up: its SHA-256 is not the manifest's"]);
    fs::remove_file(to.join(DATA)).unwrap();
    refused(&["is not what was backed up: No such file"]);
    fs::write(to.join(DATA), &data).unwrap();

    for (from, into, says) in [
        (
            "\"version\":\"",
            "\"version\":\"1",
            "manifest.json` was changed after the backup was made: its seal is broken",
        ),
        ("\"seal\": \"", "\"seal\": \"AAAA", "its seal is broken"),
        ("\"dev\":false", "\"dev\":true", "it is not of the installation that the manifest names"),
        ("\"format\":1", "\"format\":2", "in a form that this one does not know; restore it with that release"),
        ("\"seal\"", "\"seel\"", "is not a backup: its `manifest.json` is not one: unknown field `seel`"),
        ("{", "", "is not a backup: its `manifest.json` is not one"),
    ] {
        assert!(manifest.contains(from), "{from}");
        fs::write(to.join(MANIFEST), manifest.replacen(from, into, 1)).unwrap();
        refused(&[says]);
    }
    fs::remove_file(to.join(MANIFEST)).unwrap();
    refused(&[
        "is not a backup: its `manifest.json` can't be read",
        "name the folder that `cronflow-access backup` made",
    ]);

    fs::write(to.join(MANIFEST), &manifest).unwrap();
    Ran::of(restore(&setup, &to).arg("--root-key").arg(&root_key)).check(0, &[]);
    setup.start().decide(&question).check_allow();
}

#[test]
fn a_restore_under_the_wrong_root_key_leaves_nothing_behind() {
    let (host, question) = served();
    let to = host.setup().folder().join("backup");
    Ran::of(&mut backup(host.setup(), &to)).check(0, &[]);
    let Stopped { setup, .. } = host.terminate();
    let right = lose(&setup);
    let wrong = setup.folder().join("wrong.key");
    fs::write(&wrong, "0".repeat(64)).unwrap();
    let with_key = |key: &Path| Ran::of(restore(&setup, &to).arg("--root-key").arg(key));

    with_key(&wrong).check(
        1,
        &["error: the backup does not open under the root key `", "wrong.key`: it is another installation's"],
    );
    Ran::of(&mut restore(&setup, &to)).check(1, &["error: there is no root key: neither in the backup nor at `"]);
    fs::write(&wrong, "what").unwrap();
    with_key(&wrong).check(1, &["error: root key: ", "64 hexadecimal digits"]);
    assert!(!setup.data_dir().exists());

    fs::create_dir(setup.data_dir()).unwrap();
    let in_place = setup.data_dir().join("root.key");
    fs::write(&in_place, "0".repeat(64)).unwrap();
    with_key(&right).check(1, &["root.key` holds another root key than the one that opens the backup; move it away"]);
    Ran::of(&mut restore(&setup, &to)).check(1, &["does not open under the root key `"]);
    assert_eq!(files(&setup.data_dir()).into_keys().collect::<Vec<_>>(), std::slice::from_ref(&in_place));
    fs::remove_file(in_place).unwrap();
    with_key(&right).check(0, &[]);
    setup.start().decide(&question).check_allow();
}

#[test]
fn a_data_folder_that_is_not_empty_is_not_restored_into() {
    let (host, question) = served();
    let to = host.setup().folder().join("backup");
    Ran::of(backup(host.setup(), &to).arg("--with-root-key")).check(0, &[]);
    let after = Question::reads_jobs(&host.issue("production", &["jobs:read"]).secret);
    let attempt = |setup: &Setup| Ran::of(&mut restore(setup, &to));
    attempt(host.setup()).check(1, &["error: ", "is open in another process; stop that one"]);
    host.decide(&after).check_allow();

    let Stopped { setup, .. } = host.terminate();
    let before = files(&setup.data_dir());
    attempt(&setup)
        .check(1, &["error: ", "is not empty: it holds `access.db`; stop the host, move what is there away"]);
    assert!(files(&setup.data_dir()) == before);
    let host = setup.start();
    host.decide(&question).check_allow();
    host.decide(&after).check_allow();

    let other = Setup::real().on_embedded();
    fs::create_dir(other.data_dir()).unwrap();
    fs::write(other.data_dir().join("notes.txt"), "mine").unwrap();
    attempt(&other).check(1, &["error: ", "it holds `notes.txt`"]);
    fs::remove_file(other.data_dir().join("notes.txt")).unwrap();
    attempt(&other).check(0, &[]);
}

#[test]
fn a_restore_that_was_cut_short_is_done_again() {
    let (host, question) = served();
    // So large that it is killed before it ends.
    for _ in 0..200 {
        host.issue_with("production", &["jobs:read"], &serde_json::json!({ "metadata": { "note": "x".repeat(500) } }));
    }
    let to = host.setup().folder().join("backup");
    Ran::of(backup(host.setup(), &to).arg("--with-root-key")).check(0, &[]);
    let Stopped { setup, .. } = host.terminate();
    lose(&setup);
    let length = fs::metadata(to.join(DATA)).unwrap().len();

    // On a full disk it clears up after itself; where it is killed, the next run does.
    let blocks = u32::try_from(length / 512 / 2).unwrap();
    Ran::of(&mut within_blocks(blocks, false, &restore(&setup, &to)))
        .check(1, &["error: can't write `", "nothing was restored"]);
    assert!(!setup.data_dir().exists());
    let killed = Ran::of(&mut within_blocks(blocks, true, &restore(&setup, &to)));
    assert_eq!(killed.code, None, "{killed:?}");
    assert!(!setup.data_dir().join(DATA).exists() && setup.data_dir().join("restoring").exists());
    setup.clone().try_start().expect_err("there is nothing yet").check_says(&["nothing has been set up here"]);
    Ran::of(&mut restore(&setup, &to)).check(0, &[]);
    setup.clone().start().decide(&question).check_allow();

    // Killed at whatever moment, it leaves a folder that is empty for the next run, or whole.
    let stages = ["access.db.lock", "restoring", "restoring/access.db", "restoring/access.db-wal", "root.key", DATA];
    for (turn, stage) in stages.iter().cycle().take(4 * stages.len()).enumerate() {
        fs::remove_dir_all(setup.data_dir()).unwrap();
        let mut command = restore(&setup, &to);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let is_there = || setup.data_dir().join(stage).exists();
        harness::wait_until("it is there, or has ended", || is_there() || child.try_wait().unwrap().is_some());
        child.kill().unwrap();
        child.wait().unwrap();
        if !setup.data_dir().join(DATA).exists() {
            Ran::of(&mut restore(&setup, &to)).check(0, &[]);
        }
        // Making a backup goes through all of it.
        Ran::of(&mut backup(&setup, &setup.folder().join(format!("turn-{turn}")))).check(0, &[]);
    }
    setup.start().decide(&question).check_allow();
}
