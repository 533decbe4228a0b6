//! Exports that can't be made, exports that are not to be believed, places that are taken: refused, and nothing is damaged.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Question, Ran, Reply, Setup, Stopped, is_left_to_tests_run};

use super::{emptied, export, import};

const DATA: &str = "access.db";
const ROOT_KEY: &str = "root.key";

/// A real installation at rest, a question about a key of it, and its export.
fn exported() -> (Setup, Question, PathBuf) {
    let host = Setup::real().on_embedded().initialized().start();
    let question = Question::reads_jobs(&host.issue("production", &["jobs:read"]).secret);
    let Stopped { setup, .. } = host.terminate();
    let file = setup.folder().join("access.jsonl");
    Ran::of(&mut export(&setup, &file)).check(0, &[]);
    (setup, question, file)
}

/// Names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| name != "access.db.lock").collect();
    names.sort();
    names
}

#[test]
fn a_file_that_is_not_what_was_exported_is_refused_and_nothing_is_begun() {
    let (setup, question, file) = exported();
    let whole = fs::read(&file).unwrap();
    emptied(&setup);
    let text = String::from_utf8(whole.clone()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let changed = text.replacen("\"what\":\"record\"", "\"what\":\"recorb\"", 1);
    let moved = text.replacen("\"score\":", "\"score\":1", 1);
    let without_one = [&lines[..3], &lines[4..]].concat().concat();
    let of_another_time = text.replacen("\"created_at\":\"2", "\"created_at\":\"3", 1);
    let broken_seal = text.replace("\"seal\":\"", "\"seal\":\"AAAA");
    let newer = text.replacen("\"cronflow_access_export\":1", "\"cronflow_access_export\":2", 1);
    let longer = text.clone() + "{}\n";
    for (spoiled, says) in [
        (&text[..text.len() / 2], "is not what was exported: it is cut short at line "),
        (&text[..text.len() - 1], "is not what was exported: it is cut short at line "),
        (lines[0], "is not what was exported: it is cut short at line 2"),
        (changed.as_str(), "is not what was exported: line "),
        (moved.as_str(), "is not what was exported: its SHA-256 is not the one in its last line"),
        (without_one.as_str(), "is not what was exported: its SHA-256 is not the one in its last line"),
        (of_another_time.as_str(), "is not what was exported: its SHA-256 is not the one in its last line"),
        (longer.as_str(), "is not what was exported: it goes on after its end"),
        (broken_seal.as_str(), "its seal is broken; make another export"),
        (newer.as_str(), "in a form that this one does not know; import it with that release"),
        ("{\"some\":\"thing\"}\n", "is not an export: "),
        ("", "is not an export: "),
    ] {
        fs::write(&file, spoiled).unwrap();
        Ran::of(&mut import(&setup, &file)).check(1, &["error: ", says]);
        assert_eq!(names(&setup.data_dir()), [ROOT_KEY], "{says}");
    }
    Ran::of(&mut import(&setup, Path::new("/none"))).check(1, &["error: `/none` is not an export: it can't be read: "]);
    fs::write(&file, whole).unwrap();
    Ran::of(&mut import(&setup, &file)).check(0, &[]);
    setup.start().decide(&question).check_allow();
}

#[test]
fn only_an_empty_place_is_filled() {
    let (setup, question, file) = exported();
    Ran::of(&mut import(&setup, &file))
        .check(1, &["error: ", "is not empty: it holds `", "; stop the host, move what is there away"]);
    let host = setup.start();
    let served = Ran::of(&mut import(host.setup(), &file));
    served.check(1, &["error: ", "is open in another process; stop that one"]);
    host.decide(&question).check_allow();
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let other = Setup::real().on_redis().initialized();
    fs::copy(host.setup().data_dir().join(ROOT_KEY), other.folder().join("kept.key")).unwrap();
    let mut taken = import(&other, &file);
    taken.arg("--root-key").arg(other.folder().join("kept.key"));
    Ran::of(&mut taken).check(1, &["error: there is a store in Redis at ", "; name another Redis"]);
    other.start();
}

#[test]
fn an_export_opens_under_its_own_root_key_alone() {
    let (setup, question, file) = exported();
    emptied(&setup);
    let key = setup.data_dir().join(ROOT_KEY);
    let right = fs::read(&key).unwrap();
    fs::write(&key, "0".repeat(64)).unwrap();
    let wrong = Ran::of(&mut import(&setup, &file));
    wrong.check(
        1,
        &["error: the export does not open under the root key `", "put the root key in place under which it was made"],
    );
    fs::remove_file(&key).unwrap();
    Ran::of(&mut import(&setup, &file)).check(1, &["error: the root key under which the export was made comes first"]);
    assert_eq!(names(&setup.data_dir()), Vec::<String>::new());
    let kept = setup.folder().join("kept.key");
    fs::write(&kept, right).unwrap();
    Ran::of(import(&setup, &file).arg("--root-key").arg(&kept)).check(0, &[]);
    assert_eq!(names(&setup.data_dir()), [DATA]);
    setup.args(["--root-key".to_owned(), kept.display().to_string()]).start().decide(&question).check_allow();
}

#[test]
fn an_import_that_was_cut_short_is_served_by_nobody_and_begun_anew() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let (setup, question, file) = exported();
    let setup = setup.on_redis();
    Ran::of(&mut import(&setup, &file)).check(0, &[]);
    // As it is before its last step.
    setup.redis().command(&["HSET", "access:store", "format", "loading"]);
    setup.redis().command(&["HDEL", "access:store", "whole"]);
    setup.redis().command(&["HSET", "access:{s03}:r:of another", "v", "1", "d", "x"]);
    let refused = setup.clone().try_start().expect_err("half a store");
    refused.check_says(&["an import into it is under way, or was cut short", "run `cronflow-access import` again"]);
    setup.init().check(1, &["error: ", "or was cut short"]);
    Ran::of(&mut import(&setup, &file)).check(0, &[]);
    assert_eq!(setup.redis().command(&["EXISTS", "access:{s03}:r:of another"]), Reply::Number(0));
    setup.start().decide(&question).check_allow();
}

#[test]
fn an_export_that_can_not_be_made_leaves_nothing() {
    let (setup, _, file) = exported();
    let folder = setup.folder().to_owned();
    let mine = folder.join("mine");
    fs::write(&mine, "mine").unwrap();
    let before = names(&folder);
    let refused = |to: &Path, what: &[&str]| {
        Ran::of(&mut export(&setup, to)).check(1, what);
        assert_eq!(names(&folder), before);
    };
    refused(&file, &["error: ", "exists already", "--force"]);
    refused(&folder.join("none/export"), &["error: can't write `", "No such file"]);
    refused(Path::new("/"), &["error: "]);
    Ran::of(export(&setup, &mine).arg("--force")).check(1, &["is not an export, so it is not replaced"]);
    let key = setup.data_dir().join(ROOT_KEY);
    let right = fs::read(&key).unwrap();
    fs::write(&key, "0".repeat(64)).unwrap();
    refused(&folder.join("new"), &["don't open under this root key"]);
    fs::write(&key, right).unwrap();
    emptied(&setup);
    let without = names(&folder);
    Ran::of(&mut export(&setup, &folder.join("new"))).check(1, &["error: there is no store in `"]);
    assert_eq!(names(&folder), without);
}
