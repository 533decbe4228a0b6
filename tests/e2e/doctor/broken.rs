//! Each thing broken for real: keys, files, records, permissions, the clock.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use harness::{Setup, binary};

use super::{check, doctor};

const DATA: &str = "access.db";
/// Neither root nor anybody who owns anything.
const NOBODY: u32 = 65_534;

/// A real installation at rest, with a few records in its trail.
fn at_rest() -> Setup {
    let host = Setup::real().on_embedded().initialized().start();
    for _ in 0..3 {
        host.issue("production", &["jobs:read"]);
    }
    host.terminate().setup
}

/// Replaces the last occurrence of some bytes in a file by others of the same length.
#[track_caller]
fn patch(path: &Path, from: &str, into: &str) {
    assert_eq!(from.len(), into.len());
    let mut bytes = fs::read(path).unwrap();
    let at =
        bytes.windows(from.len()).rposition(|window| window == from.as_bytes()).expect("it is there to be patched");
    bytes[at..at + into.len()].copy_from_slice(into.as_bytes());
    fs::write(path, bytes).unwrap();
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_changed_audit_record_is_named() {
    let setup = at_rest();
    let data = setup.data_dir().join(DATA);
    check(&mut doctor(&setup), "ok", "audit", &[" records in 2 logs, whole and unchanged"]);
    patch(&data, "\"action\":\"keys.issue\"", "\"action\":\"keys.isSue\"");
    let says = ["`audit/org_", "`: record ", " is not what was hashed", "keep a copy of its data as evidence"];
    check(&mut doctor(&setup), "fail", "audit", &says);
    check(&mut doctor(&setup), "ok", "store", &["sound"]);
    patch(&data, "\"action\":\"installation.init\"", "\"action\":\"installation.inix\"");
    check(&mut doctor(&setup), "fail", "audit", &["`audit/platform`: record ", " is not what was hashed"]);
    check(&mut doctor(&setup), "fail", "audit", &["`audit/org_"]);
}

#[test]
fn a_root_key_that_is_lost_wrong_or_open_to_others_is_named() {
    let setup = at_rest();
    let key = setup.data_dir().join("root.key");
    let right = fs::read(&key).unwrap();
    let check = |level: &str, says: &[&str]| check(&mut doctor(&setup), level, "root_key", says);
    check("ok", &["private, and opens what is sealed in the store"]);
    chmod(&key, 0o644);
    check("fail", &["everybody on this machine may read", "(mode 0644)", "→ chmod go= "]);
    chmod(&key, 0o600);
    fs::write(&key, "0".repeat(64)).unwrap();
    check("fail", &["root.key` is not the key of this store", "put the right one in place"]);
    fs::write(&key, "none").unwrap();
    check("fail", &["is not a root key: expected 64 hexadecimal digits"]);
    fs::remove_file(&key).unwrap();
    check("fail", &["can't be read", "put the installation's root key there"]);
    fs::write(&key, right).unwrap();
    chmod(&key, 0o600);
    check("ok", &[]);
}

#[test]
fn a_damaged_store_is_named_and_what_needs_it_says_so() {
    let setup = at_rest();
    let data = setup.data_dir().join(DATA);
    let whole = fs::read(&data).unwrap();
    // The head of a page within: what SQLite would stumble over one day.
    let mut damaged = whole.clone();
    damaged[3 * 4_096..3 * 4_096 + 64].fill(0xee);
    fs::write(&data, &damaged).unwrap();
    check(&mut doctor(&setup), "fail", "store", &["the file is damaged", "restore the last backup"]);
    check(&mut doctor(&setup), "warn", "root_key", &["not looked at, since the store can't be read"]);
    for (bytes, says) in [
        (&whole[..whole.len() / 2], ["is damaged (", "→ restore a backup, or move it away"]),
        (
            &b"nothing like it, nor as long as it"[..],
            ["is not a store of CronFlow Access", "→ restore a backup, or move"],
        ),
    ] {
        fs::write(&data, bytes).unwrap();
        check(&mut doctor(&setup), "fail", "store", &says);
        for name in ["root_key", "clock", "audit"] {
            check(
                &mut doctor(&setup),
                "warn",
                name,
                &["not looked at, since the store can't be read", "mend that first"],
            );
        }
    }
    fs::remove_file(&data).unwrap();
    check(&mut doctor(&setup), "fail", "store", &["there is none in `", "restore a backup"]);
    fs::write(&data, whole).unwrap();
    chmod(&data, 0o600);
    check(&mut doctor(&setup), "ok", "store", &["sound"]);
}

#[test]
fn what_others_may_read_or_nobody_clears_away_is_named() {
    let setup = at_rest();
    let data = setup.data_dir().join(DATA);
    chmod(&data, 0o640);
    check(&mut doctor(&setup), "warn", "store", &["its group may read", "access.db` (mode 0640)", "→ chmod go= "]);
    chmod(&data, 0o606);
    check(&mut doctor(&setup), "fail", "store", &["everybody on this machine may read", "access.db` (mode 0606)"]);
    chmod(&data, 0o600);
    chmod(&setup.data_dir(), 0o755);
    check(&mut doctor(&setup), "fail", "data_dir", &["everybody on this machine may read"]);
    chmod(&setup.data_dir(), 0o700);
    check(&mut doctor(&setup), "ok", "settings", &["nothing is wrong"]);

    let log = setup.data_dir().join("access.db-wal");
    File::create_new(&log).unwrap().set_len(300 << 20).unwrap();
    chmod(&log, 0o600);
    check(
        &mut doctor(&setup),
        "warn",
        "store",
        &["`access.db-wal` has grown to 300.0 MiB", "such as an open `sqlite3`"],
    );
}

#[test]
fn a_folder_that_can_not_be_written_to_is_named() {
    let setup = at_rest();
    let is_root = rustix::process::geteuid().is_root();
    // Root may write everywhere, so somebody else looks, with a binary that they can reach.
    let mut looks = doctor(&setup);
    if is_root {
        let reachable = setup.folder().join("cronflow-access");
        fs::copy(binary(), &reachable).unwrap();
        chmod(setup.folder(), 0o755);
        let mut as_nobody = Command::new(reachable);
        as_nobody.env_remove("CRONFLOW_ACCESS_BIN").args(looks.get_args()).uid(NOBODY).gid(NOBODY);
        looks = as_nobody;
        check(&mut looks, "fail", "store", &["Permission denied"]);
        for path in fs::read_dir(setup.data_dir()).unwrap().map(|entry| entry.unwrap().path()) {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        check(
            &mut doctor(&setup),
            "fail",
            "store",
            &["belongs to user 65534, and the folder to user 0", "→ chown --reference="],
        );
        chown(setup.data_dir(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    check(&mut looks, "ok", "store", &["sound"]);
    chmod(&setup.data_dir(), 0o500);
    check(
        &mut looks,
        "fail",
        "store",
        &["can't be written to by the user that runs this", "run this as the host's user"],
    );
    chmod(&setup.data_dir(), 0o700);
    check(&mut looks, "ok", "store", &["sound"]);
}

#[test]
fn a_clock_that_is_behind_what_was_written_down_is_named() {
    let host = Setup::dev().on_embedded().start();
    host.advance(400 * 86_400);
    host.issue("production", &["jobs:read"]);
    let setup = host.terminate().setup;
    check(&mut doctor(&setup), "ok", "clock", &["which the dev clock has moved ahead of "]);
    check(&mut doctor(&setup), "ok", "store", &["of a dev host"]);
    // As if the machine had been set back.
    patch(&setup.data_dir().join(DATA), "{\"seconds\":34560000}", "{\"seconds\":0       }");
    check(&mut doctor(&setup), "fail", "clock", &["something was written down at 20", "set the machine's clock right"]);
}
