//! Files and folders, as they lie there.

use std::fs::{self, File};
use std::io::stdin as standard_input;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use access_model::scan::Scanner;
use anyhow::Context as _;

use super::leak::{Looked, Place, shown};

/// Standard input.
pub(super) fn stdin(scanner: &Scanner, looked: &mut Looked) -> anyhow::Result<()> {
    looked.look(scanner, &Place::file("-"), standard_input().lock()).context("standard input")
}

/// A file, or all that a folder holds. Links are not followed. Of git's own folders the objects alone are left to `--git`, since
/// they are compressed: credentials stand in a `config`, secrets of messages in the logs.
pub(super) fn below(scanner: &Scanner, path: &Path, looked: &mut Looked) {
    // Whoever names a link means what it leads to.
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => folder(scanner, path, looked),
        Ok(_) => {
            looked.look_at_name(scanner, path);
            file(scanner, path, looked);
        }
        Err(error) => looked.unread.push(format!("`{}`: {error}", shown(scanner, path))),
    }
}

fn folder(scanner: &Scanner, path: &Path, looked: &mut Looked) {
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                looked.unread.push(format!("`{}`: {error}", shown(scanner, &folder)));
                continue;
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        let has_objects = holds_objects(&folder, &entries);
        let mut within = Vec::new();
        for entry in entries {
            let path = entry.path();
            looked.look_at_name(scanner, &path);
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && has_objects && entry.file_name() == "objects" => {}
                Ok(kind) if kind.is_dir() => within.push(path),
                Ok(kind) if kind.is_file() => file(scanner, &path, looked),
                Ok(kind) if kind.is_symlink() => link(scanner, &path, looked),
                Ok(_) => {}
                Err(error) => looked.unread.push(format!("`{}`: {error}", shown(scanner, &path))),
            }
        }
        // The last one that is pushed comes first.
        folders.extend(within.into_iter().rev());
    }
}

/// Whether this is a repository's own folder, or that of a submodule in it. What else is called `objects` (that of LFS) is not
/// compressed.
fn holds_objects(folder: &Path, entries: &[fs::DirEntry]) -> bool {
    folder.components().any(|part| part.as_os_str() == ".git")
        && entries.iter().any(|entry| entry.file_name() == "HEAD")
}

/// One file.
pub(super) fn file(scanner: &Scanner, path: &Path, looked: &mut Looked) {
    let place = Place::file(shown(scanner, path.strip_prefix(".").unwrap_or(path)));
    let done = File::open(path).and_then(|file| looked.look(scanner, &place, file));
    if let Err(error) = done {
        looked.unread.push(format!("`{}`: {error}", place.path));
    }
}

/// What a link says, which git keeps like a file's text. Where it leads is not looked at.
pub(super) fn link(scanner: &Scanner, path: &Path, looked: &mut Looked) {
    let place = Place::file(shown(scanner, path.strip_prefix(".").unwrap_or(path)));
    let done = fs::read_link(path).and_then(|target| looked.look(scanner, &place, target.as_os_str().as_bytes()));
    if let Err(error) = done {
        looked.unread.push(format!("`{}`: {error}", place.path));
    }
}
