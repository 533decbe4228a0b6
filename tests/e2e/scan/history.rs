//! git: what a repository ever held, what is about to be committed, what it ignores.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use harness::Ran;
use harness::process::{binary, workspace_root};
use harness::setup::temporary;

use super::plant::{Plant, one_of_each};
use super::{check_says_nothing, command, found, scan};

/// git, as somebody, with no configuration but its own.
fn git(folder: &Path, arguments: &[&str]) -> Ran {
    let mut git = Command::new("git");
    for (name, value) in [
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.com"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.com"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
    ] {
        git.env(name, value);
    }
    Ran::of(
        git.args(["-c", "init.defaultBranch=main", "-c", "commit.gpgSign=false"]).args(arguments).current_dir(folder),
    )
}

#[track_caller]
fn done(folder: &Path, arguments: &[&str]) -> String {
    let ran = git(folder, arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
    ran.stdout.trim().to_owned()
}

#[track_caller]
fn commit(folder: &Path, file: &str, text: &str, message: &str) -> String {
    std::fs::write(folder.join(file), text).expect("a file is written");
    done(folder, &["add", "--all"]);
    done(folder, &["commit", "--quiet", "--message", message]);
    done(folder, &["rev-parse", "HEAD"])
}

#[test]
fn what_a_repository_ever_held_is_found() {
    let (folder, plants) = (temporary(), one_of_each(11));
    let path = folder.path();
    let secret = |at: usize| plants[at].secret.as_str();
    done(path, &["init", "--quiet"]);
    commit(path, "README.md", "hello\n", "begin");
    let brought = commit(path, "deleted.env", &format!("A=1\nKEY={}\n", secret(0)), "a secret");
    commit(path, "deleted.env", &format!("A=2\nKEY={}\n", secret(0)), "still there");
    std::fs::remove_file(path.join("deleted.env")).expect("it was there");
    commit(path, "README.md", "hello again\n", "gone");
    commit(path, "README.md", "hello once more\n", &format!("a message with {}", secret(1)));
    done(path, &["tag", "--annotate", "--message", &format!("v1 {}", secret(2)), "v1"]);
    done(path, &["checkout", "--quiet", "-b", "other"]);
    commit(path, "config on a branch.json", &format!("{{\"key\":\"{}\"}}", secret(3)), "elsewhere");
    done(path, &["checkout", "--quiet", "main"]);
    // A stash quotes the message of what it is made on.
    commit(path, "README.md", "hello for the last time\n", "a message without");
    std::fs::write(path.join("README.md"), format!("stashed {}\n", secret(4))).expect("a file is written");
    done(path, &["stash", "--quiet"]);
    // What no ref leads to was never anywhere else.
    std::fs::write(path.join("loose"), secret(5)).expect("a file is written");
    done(path, &["hash-object", "-w", "loose"]);
    std::fs::remove_file(path.join("loose")).expect("it was there");

    // git's own logs quote messages; what else it keeps of all this is compressed.
    let quoted = ["HEAD", "refs/heads/main"].map(|log| (format!(".git/logs/{log}"), 5, plants[1].shown()));
    assert_eq!(found(&scan(path, &[])), quoted);
    let ran = scan(path, &["--git"]);
    ran.check(1, &[]);
    let told = ran.check_json(1);
    let mut shown: Vec<String> = found(&ran).into_iter().map(|(_, _, secret)| secret).collect();
    shown.sort();
    let mut expected: Vec<String> = plants[..5].iter().map(Plant::shown).collect();
    expected.sort();
    assert_eq!(shown, expected, "{told}");
    let of = |file: &str| {
        let all = told["found"].as_array().expect("a list").iter();
        all.clone().find(|found| found["path"] == file).unwrap_or_else(|| panic!("{file} in {told}")).clone()
    };
    let deleted = of("deleted.env");
    assert_eq!((&deleted["line"], &deleted["versions"]), (&2.into(), &2.into()));
    assert_eq!(deleted["commit"], brought.as_str(), "the commit that brought it");
    assert_eq!(of("config on a branch.json")["line"], 1);
    assert!(of("README.md")["commit"].is_string(), "a stash is a commit, of several parents");
    check_says_nothing(&ran, &plants);
    Ran::of(&mut command(path, &["--git"])).check(1, &["deleted.env:2:5: ", &brought[..12], "2 versions"]);

    let clone = temporary();
    let url = format!("file://{}", path.display());
    done(clone.path(), &["clone", "--quiet", "--depth", "1", "--no-tags", "--branch", "main", &url, "."]);
    scan(clone.path(), &["--git"]).check(0, &["cut off"]);
}

#[test]
fn branches_that_are_gone_and_every_stash_are_of_the_history() {
    let (folder, plants) = (temporary(), one_of_each(14));
    let path = folder.path();
    done(path, &["init", "--quiet"]);
    commit(path, "README.md", "hello\n", "begin");
    done(path, &["checkout", "--quiet", "-b", "gone"]);
    let brought = commit(path, "deleted.env", &plants[0].secret, "on a branch");
    done(path, &["checkout", "--quiet", "main"]);
    done(path, &["branch", "--quiet", "-D", "gone"]);
    for plant in &plants[1..3] {
        std::fs::write(path.join("README.md"), &plant.secret).expect("a file is written");
        done(path, &["stash", "--quiet"]);
    }
    let ran = scan(path, &["--git"]);
    let mut expected: Vec<_> = ["deleted.env", "README.md", "README.md"]
        .iter()
        .zip(&plants)
        .map(|(file, plant)| ((*file).to_owned(), 1, plant.shown()))
        .collect();
    expected.sort();
    assert_eq!(found(&ran), expected);
    let told = ran.check_json(1);
    let mut all = told["found"].as_array().expect("a list").iter();
    let deleted = all.find(|found| found["path"] == "deleted.env").expect("it is found");
    assert_eq!(deleted["commit"], brought.as_str());
}

#[test]
fn of_gits_own_folder_all_but_the_objects_is_looked_at() {
    let (folder, plants) = (temporary(), one_of_each(15));
    let path = folder.path();
    done(path, &["init", "--quiet"]);
    done(path, &["config", "http.extraheader", &format!("Authorization: Bearer {}", plants[0].secret)]);
    commit(path, "README.md", "hello\n", &format!("with {}", plants[1].secret));
    std::fs::write(path.join(".git/objects/objects"), &plants[2].secret).expect("a file is written");
    // A worktree's own is a file.
    std::fs::create_dir(path.join("linked")).expect("a folder is made");
    std::fs::write(path.join("linked/.git"), format!("gitdir: /{}\n", plants[3].secret)).expect("a file is written");
    let shown: Vec<_> = found(&scan(path, &[])).into_iter().map(|(path, _, secret)| (path, secret)).collect();
    let expected = [
        (".git/COMMIT_EDITMSG", 1),
        (".git/config", 0),
        (".git/logs/HEAD", 1),
        (".git/logs/refs/heads/main", 1),
        ("linked/.git", 3),
    ];
    assert_eq!(shown, expected.map(|(path, plant)| (path.to_owned(), plants[plant].shown())));
}

#[test]
fn what_files_are_called_is_looked_at() {
    let (folder, plants) = (temporary(), one_of_each(17));
    let path = folder.path();
    done(path, &["init", "--quiet"]);
    std::fs::write(path.join(&plants[0].secret), "nothing").expect("a file is written");
    done(path, &["add", "--all"]);
    let expected = [(plants[0].shown(), 1, plants[0].shown())];
    assert_eq!(found(&scan(path, &["--staged"])), expected);
    assert_eq!(found(&scan(path, &["--skip-ignored"])), expected);
    done(path, &["commit", "--quiet", "--message", "begin"]);
    let ran = scan(path, &["--git"]);
    assert_eq!(found(&ran), expected);
    check_says_nothing(&ran, &plants);
}

/// Puts a commit on top that says that it is signed.
fn sign(path: &Path) {
    let (tree, parent) = (done(path, &["rev-parse", "HEAD^{tree}"]), done(path, &["rev-parse", "HEAD"]));
    let who = "Ada <ada@example.com> 1767225600 +0000";
    let signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ\n -----END PGP SIGNATURE-----\n";
    let text = format!("tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n{signature}\nsigned\n");
    let file = path.join("signed");
    std::fs::write(&file, text).expect("a file is written");
    let signed = done(path, &["hash-object", "-t", "commit", "-w", "signed"]);
    std::fs::remove_file(file).expect("it was there");
    done(path, &["update-ref", "refs/heads/main", &signed]);
}

#[test]
fn nothing_that_a_repository_configures_is_run() {
    let (folder, elsewhere, plants) = (temporary(), temporary(), one_of_each(16));
    let (path, ran) = (folder.path(), elsewhere.path().join("ran"));
    let program = elsewhere.path().join("program");
    let hooks = elsewhere.path().join("hooks");
    std::fs::create_dir(&hooks).expect("a folder is made");
    for file in [program.clone(), hooks.join("post-index-change"), hooks.join("reference-transaction")] {
        std::fs::write(&file, format!("#!/bin/sh\n: > '{}'\n", ran.display())).expect("a file is written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("it may be run");
    }
    done(path, &["init", "--quiet"]);
    std::fs::write(path.join(".gitattributes"), "* diff=theirs filter=theirs\n").expect("a file is written");
    commit(path, "a.txt", &plants[0].secret, "begin");
    sign(path);
    std::fs::write(path.join("b.txt"), &plants[1].secret).expect("a file is written");
    done(path, &["add", "--all"]);
    for name in [
        "gpg.program",
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.alternateRefsCommand",
        "pager.log",
        "pager.diff",
        "diff.external",
        "diff.theirs.command",
        "diff.theirs.textconv",
        "filter.theirs.clean",
        "filter.theirs.smudge",
        "filter.theirs.process",
    ] {
        done(path, &["config", name, &program.display().to_string()]);
    }
    let (hooks, url) = (hooks.display().to_string(), format!("ext::{}", program.display()));
    for (name, value) in [
        ("log.showSignature", "true"),
        ("core.hooksPath", hooks.as_str()),
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", url.as_str()),
        ("protocol.ext.allow", "always"),
    ] {
        done(path, &["config", name, value]);
    }
    let was_run = || std::fs::remove_file(&ran).is_ok();
    git(path, &["log", "--all", "--format=%H"]);
    assert!(was_run(), "it would be run");
    for arguments in ["--git", "--staged", "--skip-ignored"] {
        scan(path, &[arguments]).check(1, &[]);
        assert!(!was_run(), "{arguments}");
    }
    // What is missing is not asked of those who should have it.
    let object = done(path, &["rev-parse", "HEAD:a.txt"]);
    was_run();
    let (folder, name) = object.split_at(2);
    std::fs::remove_file(path.join(".git/objects").join(folder).join(name)).expect("it was there");
    scan(path, &["--git"]).check(2, &[]);
    assert!(!was_run(), "a missing object");
    git(path, &["cat-file", "-p", &object]);
    assert!(was_run(), "it would be asked for");
}

#[test]
fn a_hook_lets_no_secret_into_a_commit() {
    let (folder, plants) = (temporary(), one_of_each(12));
    let path = folder.path();
    done(path, &["init", "--quiet"]);
    let hooks = workspace_root().join("examples/pre-commit");
    done(path, &["config", "core.hooksPath", &hooks.display().to_string()]);
    // The hook calls the program by its name.
    let found_at = binary().parent().expect("a folder").display().to_string();
    let paths = format!("{found_at}:/usr/local/bin:/usr/bin:/bin");
    let commit = || {
        let mut git = Command::new("git");
        git.env("PATH", &paths).env_remove("CRONFLOW_ACCESS_BIN").current_dir(path).args([
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.com",
        ]);
        Ran::of(git.args(["commit", "--quiet", "--message", "x"]))
    };
    let write = |file: &str, text: &str| std::fs::write(path.join(file), text).expect("a file is written");
    write("a\tfile", &format!("key: {}\n", plants[0].secret));
    done(path, &["add", "--all"]);
    // It is staged, wherever else it is gone from.
    write("a\tfile", "key: none\n");
    let refused = commit();
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert!(refused.stderr.contains(&plants[0].shown()) || refused.stdout.contains(&plants[0].shown()), "{refused:?}");
    check_says_nothing(&refused, &plants);
    done(path, &["add", "--all"]);
    assert_eq!(commit().code, Some(0), "the first commit");
    // Not staged is not committed.
    write("b", &plants[1].secret);
    write("a\tfile", "key: still none\n");
    done(path, &["add", "a\tfile"]);
    assert_eq!(commit().code, Some(0));
    done(path, &["add", "b"]);
    assert_ne!(commit().code, Some(0));
    scan(path, &["--staged"]).check(1, &["\"b\""]);
}

#[test]
fn what_git_ignores_is_passed_by_where_that_is_asked_for() {
    let (folder, plants) = (temporary(), one_of_each(13));
    let path = folder.path();
    done(path, &["init", "--quiet"]);
    std::fs::write(path.join(".gitignore"), ".env\n").expect("a file is written");
    std::fs::write(path.join(".env"), &plants[0].secret).expect("a file is written");
    std::fs::write(path.join("new.txt"), &plants[1].secret).expect("a file is written");
    assert_eq!(found(&scan(path, &[])).len(), 2);
    assert_eq!(found(&scan(path, &["--skip-ignored"])), [("new.txt".to_owned(), 1, plants[1].shown())]);
}

#[test]
fn without_git_or_a_repository_that_is_said() {
    let folder = temporary();
    scan(folder.path(), &["--git"]).check(2, &["git at", "not a git repository"]);
    let mut without = command(folder.path(), &["--git"]);
    Ran::of(without.env("PATH", folder.path())).check(2, &["`git` is not here"]);
    done(folder.path(), &["init", "--quiet"]);
    scan(folder.path(), &["--git"]).check(0, &[]);
}
