//! Backup and restore of the embedded store: what was acknowledged before a backup began is in it, whatever went on meanwhile.

mod policies;
mod refused;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use harness::process::product;
use harness::{AtEnd, Host, Key, Question, Ran, Setup, Stopped};
use serde_json::{Value, json};

/// Connections that ask for decisions while a backup is made.
const ASKING: usize = 6;
/// Connections that change keys meanwhile.
const CHANGING: usize = 4;
/// Keys that they have changed before the backup begins, and decisions that were asked for.
const BEFORE: usize = 40;
/// Decisions after which what has a quota is left alone.
const MOST: usize = 3_000;

/// `backup` of a setup's data, not yet run.
fn backup(setup: &Setup, to: &Path) -> Command {
    let mut command = product();
    command.args(["backup", "--output", "json", "--to"]).arg(to).arg("--data-dir").arg(setup.data_dir());
    command
}

/// `restore` into a setup's data folder, not yet run.
fn restore(setup: &Setup, from: &Path) -> Command {
    let mut command = product();
    command.args(["restore", "--output", "json", "--from"]).arg(from).arg("--data-dir").arg(setup.data_dir());
    command
}

/// Moves a stopped host's data folder away, as if it were lost; where its root key is.
fn lose(setup: &Setup) -> PathBuf {
    let lost = setup.folder().join("lost");
    fs::rename(setup.data_dir(), &lost).unwrap();
    lost.join("root.key")
}

/// A decision about a question: allow, or the codes of its reasons.
fn decides(host: &Host, question: &Question) -> String {
    let answer = host.decide(question);
    if answer.is_allow() { "allow".to_owned() } else { answer.codes().join(", ") }
}

/// The organization's audit trail as its first workspace sees it: record by number.
fn audit(host: &Host) -> BTreeMap<u64, Value> {
    let (mut records, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = host.operator().get(&host.workspace(&format!("/audit?limit=200{cursor}"))).check_json(200);
        let items = page["items"].as_array().unwrap();
        records.extend(items.iter().map(|record| (record["sequence"].as_u64().unwrap(), record.clone())));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return records,
        }
    }
}

/// A key in every state that there is, and a question about each that shows it.
fn one_of_each(host: &Host) -> Vec<(&'static str, Question, &'static str)> {
    let scopes = ["jobs:read", "jobs:write"];
    let issue = |kind: &str, further: Value| {
        host.issue_with(kind, if kind == "read_only" { &scopes[..1] } else { &scopes }, &further)
    };
    let old_staging = issue("staging", json!({}));
    host.advance(91 * 86_400);
    let [active, staging, read_only, disabled, enabled, revoked, replaced, overlapping] =
        ["production", "staging", "read_only", "production", "production", "production", "production", "production"]
            .map(|kind| issue(kind, json!({})));
    for (key, change) in [(&disabled, "disable"), (&enabled, "disable"), (&enabled, "enable"), (&revoked, "revoke")] {
        host.change(key, change);
    }
    let (successor, second) = (host.rotate(&replaced, 0), host.rotate(&overlapping, 3_600));
    let listed = issue("production", json!({ "ip_allow": ["203.0.113.0/24"] }));
    let ended = issue("production", json!({ "expires_at": host.hours_from_now(1) }));
    let not_yet = issue("production", json!({ "not_before": host.hours_from_now(12) }));
    host.advance(2 * 3_600);
    let reads = |key: &Key| Question::reads_jobs(&key.secret);
    let writes = |key: &Key| Question::of(&key.secret).to("POST /v1/jobs").within("staging");
    vec![
        ("active", reads(&active), "allow"),
        ("active, in production", writes(&active).within("production"), "allow"),
        ("staging", writes(&staging), "allow"),
        ("staging, in production", writes(&staging).within("production"), "environment_not_allowed"),
        ("staging, over", reads(&old_staging), "unauthenticated"),
        ("read only", reads(&read_only), "allow"),
        ("read only, writing", writes(&read_only), "kind_not_allowed, missing_scope"),
        ("disabled", reads(&disabled), "unauthenticated"),
        ("disabled and enabled again", reads(&enabled), "allow"),
        ("revoked", reads(&revoked), "unauthenticated"),
        ("rotated", reads(&replaced), "unauthenticated"),
        ("its successor", reads(&successor), "allow"),
        ("rotated with an overlap that is over", reads(&overlapping), "unauthenticated"),
        ("its successor", reads(&second), "allow"),
        ("listed, from within", reads(&listed).from("203.0.113.9"), "allow"),
        ("listed, from without", reads(&listed).from("198.51.100.9"), "ip_not_allowed"),
        ("ended", reads(&ended), "unauthenticated"),
        ("not valid yet", reads(&not_yet), "unauthenticated"),
    ]
}

/// What many connections do to a host until they are told to stop.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    decisions: AtomicUsize,
    /// Questions about keys that nobody changes any more, and what is decided about them, in the order of acknowledgement.
    acknowledged: Mutex<Vec<(Question, &'static str)>>,
}

impl Load {
    fn ask(&self, host: &Host, asked: &[(&str, Question, &str)]) {
        let gateway = host.client(Some(&host.identity().gateway_token));
        for (name, question, expected) in asked.iter().cycle() {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            // Whoever is known has a quota, and one of attempts even where all are denied.
            if *expected != "unauthenticated" && self.decisions.load(Ordering::Relaxed) > MOST {
                continue;
            }
            let answer = question.ask(&gateway);
            let found = if answer.is_allow() { "allow".to_owned() } else { answer.codes().join(", ") };
            assert_eq!(found, *expected, "{name}");
            self.decisions.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn change(&self, host: &Host) {
        let operator = host.client(Some(&host.identity().operator_token));
        let post = |path: &str, body: Value, status| operator.post(&host.workspace(path), &body).check_json(status);
        let issue =
            || Key::of(post("/keys", json!({ "kind": "production", "name": "load", "scopes": ["jobs:read"] }), 201));
        let settled = |key: &Key, expected| {
            let mut acknowledged = self.acknowledged.lock().unwrap();
            // From a network each, since those that fail too often are not looked at for a while.
            let ip = format!("10.{}.{}.1", acknowledged.len() / 250, acknowledged.len() % 250);
            acknowledged.push((Question::reads_jobs(&key.secret).from(&ip), expected));
        };
        while !self.stop.load(Ordering::Relaxed) {
            settled(&issue(), "allow");
            for (change, expected) in [("revoke", "unauthenticated"), ("disable", "unauthenticated")] {
                let key = issue();
                post(&format!("/keys/{}/{change}", key.id), json!({}), 200);
                settled(&key, expected);
            }
            let key = issue();
            let successor = Key::of(post(&format!("/keys/{}/rotate", key.id), json!({}), 201));
            settled(&key, "unauthenticated");
            settled(&successor, "allow");
        }
    }

    fn is_on(&self) -> bool {
        self.acknowledged.lock().unwrap().len() >= BEFORE && self.decisions.load(Ordering::Relaxed) >= BEFORE
    }
}

#[test]
fn every_key_decides_as_before_after_a_backup_under_load() {
    let host = Setup::dev().on_embedded().start();
    let each = one_of_each(&host);
    for (name, question, expected) in &each {
        assert_eq!(decides(&host, question), *expected, "{name}");
    }
    let to = host.setup().folder().join("backup");
    let load = Load::default();
    let (trail, acknowledged, ran) = std::thread::scope(|scope| {
        let _end = AtEnd(&load.stop);
        for _ in 0..ASKING {
            scope.spawn(|| load.ask(&host, &each));
        }
        for _ in 0..CHANGING {
            scope.spawn(|| load.change(&host));
        }
        harness::wait_until("the load is on", || load.is_on());
        let trail = audit(&host);
        let acknowledged = load.acknowledged.lock().unwrap().clone();
        let ran = Ran::of(&mut backup(host.setup(), &to));
        // The host goes on as if nothing were.
        let (decided, changed) = (load.decisions.load(Ordering::Relaxed), load.acknowledged.lock().unwrap().len());
        harness::wait_until("it goes on", || {
            load.decisions.load(Ordering::Relaxed) > decided + BEFORE
                && load.acknowledged.lock().unwrap().len() > changed + BEFORE
        });
        (trail, acknowledged, ran)
    });
    let told = ran.check(0, &["is not in the backup; keep a copy of it apart"]).check_json(0);
    let whole = audit(&host);
    let Stopped { setup, .. } = host.kill_9();

    let root_key = lose(&setup);
    let restored = Ran::of(restore(&setup, &to).arg("--root-key").arg(root_key));
    let restored = restored.check(0, &["this is the past", "alive again", "/audit?since="]).check_json(0);
    assert_eq!(restored["as_of"], told["created_at"]);
    let host = setup.start();
    for (name, question, expected) in &each {
        assert_eq!(decides(&host, question), *expected, "{name}");
    }
    for (question, expected) in &acknowledged {
        assert_eq!(decides(&host, question), *expected, "{}", question.body());
    }
    let restored = audit(&host);
    assert!(trail.len() > BEFORE && restored.len() < whole.len(), "{} {}", trail.len(), restored.len());
    assert!(trail.iter().all(|(number, record)| restored.get(number) == Some(record)), "the trail before the backup");
    // And nothing else, but what the restored host does by itself: whatever ended meanwhile, it finds again.
    let is_old = |(number, record): &(&u64, &Value)| whole.get(number) == Some(record);
    let new: Vec<_> = restored.iter().skip_while(is_old).map(|(_, record)| &record["action"]).collect();
    assert!(new.iter().all(|action| **action == "keys.expire"), "{new:?}");
    host.issue("production", &["jobs:read"]);
}

#[test]
fn a_real_installation_comes_back_with_its_root_key_from_wherever_it_is_kept() {
    let host = Setup::real().on_embedded().initialized().start();
    let before = Question::reads_jobs(&host.issue("production", &["jobs:read"]).secret);
    let to = host.setup().folder().join("backup");
    Ran::of(&mut backup(host.setup(), &to)).check(0, &[]);
    let after = Question::reads_jobs(&host.issue("production", &["jobs:read"]).secret);
    // Replacing it takes a word more, and leaves the old one when it fails.
    Ran::of(&mut backup(host.setup(), &to)).check(1, &["error: ", "exists already", "--force"]);
    let with_key = host.setup().folder().join("with-key");
    let ran = Ran::of(backup(host.setup(), &with_key).arg("--with-root-key"));
    ran.check(0, &["the root key is in the backup: whoever reads it can pass for everybody"]);
    for (folder, files) in [(&to, 2), (&with_key, 3)] {
        let files_in: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files_in.len(), files, "{files_in:?}");
        assert_eq!(crate::beginnings::mode(folder), 0o700);
        assert!(files_in.iter().all(|file| crate::beginnings::mode(file) == 0o600), "{files_in:?}");
    }
    let Stopped { setup, .. } = host.terminate();

    // The key is put in place first, as after a fresh installation of the machine.
    let root_key = lose(&setup);
    fs::create_dir(setup.data_dir()).unwrap();
    fs::copy(&root_key, setup.data_dir().join("root.key")).unwrap();
    Ran::of(&mut restore(&setup, &to)).check(0, &["\"root_key_placed\":false"]);
    let host = setup.start();
    host.decide(&before).check_allow();
    host.decide(&after).check_unauthenticated();
    let Stopped { setup, .. } = host.terminate();

    // The key is in the backup.
    fs::remove_dir_all(setup.data_dir()).unwrap();
    Ran::of(&mut restore(&setup, &with_key)).check(0, &["\"root_key_placed\":true"]);
    assert_eq!(fs::read(setup.data_dir().join("root.key")).unwrap(), fs::read(&root_key).unwrap());
    let host = setup.start();
    host.decide(&after).check_allow();

    // A newer one replaces it.
    Ran::of(backup(host.setup(), &to).arg("--force")).check(0, &[]);
    let Stopped { setup, .. } = host.terminate();
    fs::remove_dir_all(setup.data_dir()).unwrap();
    // The key stays where it is kept, and the host is told where.
    let kept = ["--config".to_owned(), setup.folder().join("access.toml").display().to_string()];
    fs::write(&kept[1], format!("root_key = {root_key:?}\n")).unwrap();
    Ran::of(restore(&setup, &to).args(&kept)).check(0, &["\"root_key_placed\":false"]);
    assert!(!setup.data_dir().join("root.key").exists());
    setup.args(kept).start().decide(&after).check_allow();
}

#[test]
fn a_restored_store_says_so_in_its_audit_trail() {
    let setup = Setup::real().on_embedded().initialized();
    let to = setup.folder().join("backup");
    let told = Ran::of(&mut backup(&setup, &to)).check_json(0);
    let root_key = lose(&setup);
    Ran::of(restore(&setup, &to).arg("--root-key").arg(root_key)).check(0, &[]);
    let bytes = fs::read(setup.data_dir().join("access.db")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for what in ["\"action\":\"installation.restore\"", told["sha256"].as_str().unwrap()] {
        assert!(text.contains(what), "no {what}");
    }
    setup.start();
}
