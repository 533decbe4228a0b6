//! Why the file could not be opened or copied, and what to do about it; and how SQLite's errors read above the seam.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::StoreError;

/// The embedded store could not be opened. Nothing was changed in a file that was already there.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory can't be made or written to.
    #[error("can't use the data directory `{}`: {source}; make it writable for the user that runs this", directory.display())]
    Directory {
        /// The data directory.
        directory: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Another process holds the lock.
    #[error("the store in `{}` is open in another process; stop that one, or name another data directory", directory.display())]
    InUse {
        /// The data directory.
        directory: PathBuf,
    },
    /// The file is something else.
    #[error(
        "`{}` is not a store of CronFlow Access, or its beginning is damaged; restore a backup, or move the file away to \
         start with an empty store",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is ours and broken.
    #[error(
        "`{}` is damaged ({detail}); restore a backup, or move it away, together with its `-wal` and `-shm` files, to start \
         with an empty store",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// There is one where a new one was to be made.
    #[error("`{}` exists already; stop its host and move it away, or name another data directory", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The write-ahead log is there and the file it belongs to is not: starting anew would replay it into a stranger.
    #[error(
        "`{}` is left from a store whose main file is missing; put `{main}` back, or move the left one away to start with an \
         empty store",
        path.display()
    )]
    Orphaned {
        /// The write-ahead log.
        path: PathBuf,
        /// The name of the missing file.
        main: &'static str,
    },
    /// A newer release has written it.
    #[error(
        "`{}` has schema version {found}, and this release knows versions up to {known}; use the newer release that wrote it",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The highest version that this release knows.
        known: i64,
    },
    /// More shards, or fewer, than ids can spell.
    #[error("a store can't have `{0}` shards; choose from 1 to 100")]
    Shards(u8),
    /// Anything else that SQLite or the operating system objects to.
    #[error("can't open `{}`: {detail}; check that the file and its directory are writable and on a local disk", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What was objected to.
        detail: String,
    },
}

/// A copy could not be made. No half-written file is left under the target's name.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Nothing to copy.
    #[error("there is no store in `{}`; name the data directory of the host", directory.display())]
    Missing {
        /// The data directory.
        directory: PathBuf,
    },
    /// Backups are never overwritten.
    #[error("`{}` exists already; name a new file", target.display())]
    Exists {
        /// Where the copy should go.
        target: PathBuf,
    },
    /// The copy went wrong.
    #[error("can't copy the store to `{}`: {detail}", target.display())]
    Failed {
        /// Where the copy should go.
        target: PathBuf,
        /// What went wrong.
        detail: String,
    },
}

/// How an error of SQLite reads above the seam.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    if is_damage(error) { StoreError::Corrupt(error.to_string()) } else { StoreError::Unavailable(error.to_string()) }
}

/// Whether the error speaks of what the file holds, rather than of reaching it.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        }
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::QueryReturnedNoRows => true,
        _ => false,
    }
}

/// The answer of a store that was closed.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}
