//! A copy of the store, taken while it serves.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::FILE;
use super::error::BackupError;
use super::file::{self, connect, private};

/// Copies the store in `directory` to the new file `target`, as it is at one instant, and compactly.
///
/// It needs no lock: another process may be serving from the store meanwhile, and neither waits for the other. To restore,
/// stop the host, move the old file away together with its `-wal` and `-shm` files, and put the copy in its place.
/// Blocks the thread for about as long as it takes to read and write the file once.
///
/// # Errors
/// When there is no store, when `target` exists, or when reading or writing fails.
pub fn backup(directory: &Path, target: &Path) -> Result<(), BackupError> {
    let source = directory.join(FILE);
    if !source.exists() {
        return Err(BackupError::Missing { directory: directory.to_owned() });
    }
    if target.exists() {
        return Err(BackupError::Exists { target: target.to_owned() });
    }
    let failed =
        |error: &dyn std::error::Error| BackupError::Failed { target: target.to_owned(), detail: error.to_string() };
    let partial = partial_name(target);
    // The permissions come first: SQLite would make the file readable for everybody, but accepts an empty one.
    private().create(true).truncate(true).open(&partial).map_err(|error| failed(&error))?;
    let copied = copy(&source, &partial).map_err(|error| failed(&error));
    let placed = copied.and_then(|()| place(&partial, target).map_err(|error| failed(&error)));
    if placed.is_err() {
        // What matters is told by the error; a left-over `.partial` is overwritten by the next attempt.
        let _ = fs::remove_file(&partial);
    }
    placed
}

fn copy(source: &Path, partial: &Path) -> rusqlite::Result<()> {
    let connection = connect(source)?;
    let name = partial.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(partial.to_owned()))?;
    connection.execute("VACUUM INTO ?1", [name])?;
    connection.close().map_err(|(_, error)| error)
}

fn place(partial: &Path, target: &Path) -> std::io::Result<()> {
    File::open(partial)?.sync_all()?;
    fs::rename(partial, target)?;
    match target.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => file::sync_directory(directory),
        _ => file::sync_directory(Path::new(".")),
    }
}

fn partial_name(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}
