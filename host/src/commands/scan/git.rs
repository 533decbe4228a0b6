//! What git knows: a history, what is about to be committed, what is not ignored. By the command `git`, which reads every
//! version of its own formats. A repository may be anybody's: nothing that it configures is run.
//!
//! INVARIANT: every git is made by [`git`], which says what holds in place of the repository's configuration.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use access_model::scan::Scanner;
use anyhow::{Context as _, bail};

use super::files::{file, link};
use super::leak::{Leak, Looked, Place, shown};
use crate::output;

/// Objects whose commits are looked for; beyond, the object alone is told.
const MOST_COMMITS: usize = 100;
/// The mode of a commit of another repository.
const SUBMODULE: &str = "160000";
/// What holds whatever a repository configures: the first three would run its programs, the others leave something out.
const CONFIGURED: [&str; 5] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "log.showSignature=false",
    "log.showRoot=true",
    "diff.relative=false",
];

/// All that the refs and reflogs of a repository lead to: files, and the messages of commits and tags. The reflogs know of every
/// stash, and of branches that are gone. Where versions of a file hold the same secret, it is told once.
pub(super) fn history(scanner: &Scanner, repository: &Path, looked: &mut Looked) -> anyhow::Result<()> {
    if ask(repository, &["rev-parse", "--is-shallow-repository"])?.trim_ascii() == b"true" {
        output::remark("the history is cut off (a shallow clone); what lies beyond is not looked at");
    }
    // In the order of parents, since many commits may be of one second.
    let list = ["rev-list", "--objects", "--topo-order", "--all", "--reflog"];
    let mut listing = git(repository, &list).stdout(Stdio::piped()).spawn()?;
    let names = listing.stdout.take().context("git has no output")?;
    let before = looked.leaks.len();
    let objects = objects(repository, Stdio::from(names))?;
    read_objects(scanner, objects, looked)?;
    ended("rev-list", &mut listing)?;
    let found = looked.leaks.split_off(before);
    looked.leaks.extend(once_each(repository, found)?);
    Ok(())
}

/// What the index holds and the last commit doesn't.
pub(super) fn staged(scanner: &Scanner, repository: &Path, looked: &mut Looked) -> anyhow::Result<()> {
    let changes = ask(
        repository,
        &[
            "diff",
            "--cached",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--diff-filter=ACMT",
        ],
    )?;
    let mut wanted = Vec::new();
    let mut parts = changes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    while let (Some(change), Some(path)) = (parts.next(), parts.next()) {
        // `:100644 100644 before after M`
        let change = String::from_utf8_lossy(change);
        let mut fields = change.split(' ');
        let (Some(mode), Some(object)) = (fields.nth(1), fields.nth(1)) else {
            bail!("git says of what is staged what is not understood here");
        };
        if mode != SUBMODULE {
            wanted.extend(object.bytes().chain(*b" "));
            // A path in an odd place must not name another object.
            wanted.extend(path.iter().map(|byte| if *byte == b'\n' { b'?' } else { *byte }).chain(*b"\n"));
        }
    }
    let mut objects = objects(repository, Stdio::piped())?;
    let mut names = objects.stdin.take().context("git takes no input")?;
    // Both ways at once: neither waits for the other to be read.
    let telling = thread::spawn(move || names.write_all(&wanted));
    read_objects(scanner, objects, looked)?;
    telling.join().map_err(|_| anyhow::anyhow!("git could not be told what to read"))?.context("git")?;
    Ok(())
}

/// Files below a path that git knows, or would take.
pub(super) fn not_ignored(scanner: &Scanner, path: &Path, looked: &mut Looked) -> anyhow::Result<()> {
    let listed = ask(path, &["ls-files", "--cached", "--others", "--exclude-standard", "-z"])?;
    let mut paths: Vec<&[u8]> = listed.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    paths.sort_unstable();
    paths.dedup();
    for name in paths {
        let path: PathBuf = path.join(OsStr::from_bytes(name));
        // One that was deleted is none.
        let Ok(found) = path.symlink_metadata() else { continue };
        looked.look_at_name(scanner, &path);
        if found.is_file() {
            file(scanner, &path, looked);
        } else if found.is_symlink() {
            link(scanner, &path, looked);
        }
    }
    Ok(())
}

/// `git`, at a repository: without its programs, without asking any other machine, without objects in place of others. Whoever
/// asks for differences says `--no-ext-diff` and `--no-textconv` as well.
fn git(repository: &Path, arguments: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).args(["--no-pager", "--no-replace-objects"]);
    git.args(CONFIGURED.iter().flat_map(|configured| ["-c", *configured])).args(arguments);
    // A git that doesn't know the first finds no way to any machine by the second: none by a program, either.
    git.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "").env("GIT_OPTIONAL_LOCKS", "0");
    git.stdin(Stdio::null());
    git
}

/// What git says to a question.
fn ask(repository: &Path, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    let ran = git(repository, arguments).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            anyhow::anyhow!("`git` is not here; install it, or scan files without --git, --staged and --skip-ignored")
        }
        _ => anyhow::Error::from(error).context("git"),
    })?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        let said = said.lines().next().unwrap_or_default().trim_start_matches("fatal: ");
        bail!("git at `{}`: {said}", repository.display());
    }
    Ok(ran.stdout)
}

/// A git that reads objects, as it is told to on its standard input.
fn objects(repository: &Path, names: Stdio) -> anyhow::Result<Child> {
    let format = "--batch=%(objectname) %(objecttype) %(objectsize) %(rest)";
    git(repository, &["cat-file", format]).stdin(names).stdout(Stdio::piped()).spawn().context("git")
}

fn ended(what: &str, child: &mut Child) -> anyhow::Result<()> {
    let status = child.wait().context("git")?;
    if !status.success() {
        bail!("git {what} failed ({status}); what was found may not be all");
    }
    Ok(())
}

/// Looks at each object that comes and at its path; but for folders, which hold names alone.
fn read_objects(scanner: &Scanner, mut objects: Child, looked: &mut Looked) -> anyhow::Result<()> {
    let mut output: BufReader<ChildStdout> = BufReader::new(objects.stdout.take().context("git has no output")?);
    let mut header = Vec::new();
    loop {
        header.clear();
        if output.read_until(b'\n', &mut header)? == 0 {
            break;
        }
        let told = String::from_utf8_lossy(&header);
        let mut fields = told.trim_end_matches('\n').splitn(4, ' ');
        let (object, kind, size) =
            (fields.next().unwrap_or_default(), fields.next().unwrap_or_default(), fields.next());
        let path = fields.next().unwrap_or_default();
        // `NAME missing`, of a clone that has not all.
        let Some(size) = size.and_then(|size| size.parse().ok()) else {
            looked.unread.push(format!("object {object} is {kind}"));
            continue;
        };
        let mut content = (&mut output).take(size);
        if kind != "tree" {
            looked.look_at_name(scanner, Path::new(path));
            let path = if path.is_empty() { format!("{kind} {object}") } else { shown(scanner, Path::new(path)) };
            let commit = (kind == "commit").then(|| object.to_owned());
            let place = Place { path, object: Some(object.to_owned()), commit, versions: None };
            looked.look(scanner, &place, &mut content)?;
        }
        io::copy(&mut content, &mut io::sink())?;
        output.read_until(b'\n', &mut Vec::new())?;
    }
    ended("cat-file", &mut objects)
}

/// One for each secret and path, with the commit that brought it. git lists what is newest first.
fn once_each(repository: &Path, found: Vec<Leak>) -> anyhow::Result<Vec<Leak>> {
    let mut oldest: BTreeMap<(String, String, bool), (u64, Leak)> = BTreeMap::new();
    for leak in found {
        let of = (leak.place.path.clone(), leak.fingerprint.clone(), leak.in_name);
        let versions =
            oldest.get(&of).map_or(
                1,
                |(versions, before)| {
                    if before.place.object == leak.place.object { *versions } else { versions + 1 }
                },
            );
        oldest.insert(of, (versions, leak));
    }
    let mut commits: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut told = Vec::new();
    for (versions, mut leak) in oldest.into_values() {
        leak.place.versions = Some(versions);
        if let (None, Some(object)) = (&leak.place.commit, &leak.place.object) {
            if !commits.contains_key(object) && commits.len() < MOST_COMMITS {
                commits.insert(object.clone(), commit_of(repository, object)?);
            }
            leak.place.commit = commits.get(object).cloned().flatten();
        }
        told.push(leak);
    }
    Ok(told)
}

/// The oldest commit that brought or took away an object. The first one brought it.
fn commit_of(repository: &Path, object: &str) -> anyhow::Result<Option<String>> {
    let find = format!("--find-object={object}");
    let commits = ask(
        repository,
        &["log", "--all", "--reflog", "--topo-order", "-m", "--format=%H", "--no-ext-diff", "--no-textconv", &find],
    )?;
    let oldest = commits.trim_ascii().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok((!oldest.is_empty()).then(|| String::from_utf8_lossy(oldest).into_owned()))
}
