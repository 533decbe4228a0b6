//! The file: who may open it, how it comes into being, and which one is refused.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use access_model::Shard;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::FILE;
use super::error::{OpenError, is_damage};

const NEW_FILE: &str = "access.db.new";
const WAL_FILE: &str = "access.db-wal";

/// Written into the file's header ("CFA1"), so that `file` and we can tell it from other people's databases.
const APPLICATION_ID: i64 = 0x4346_4131;
/// What this release writes, and the newest that it reads.
pub(super) const SCHEMA_VERSION: i64 = 2;
const SCHEMA: &str = include_str!("schema.sql");
/// What brings a file from version 1 to 2. Nothing was ever counted in version 1.
const FROM_1_TO_2: &str = include_str!("from_1_to_2.sql");

/// How long an operator's own `sqlite3` may hold a lock before we give up.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pages that the write-ahead log gathers before they are copied into the file: larger batches write each page less often.
const CHECKPOINT_PAGES: i64 = 4_000;
/// Left over from a burst, the write-ahead log is cut back to this.
const WAL_KEPT_BYTES: i64 = 64 << 20;
/// Kept in memory by each connection.
const CACHE_KIBIBYTES: i64 = 16 << 10;

/// The right to write to a data directory.
///
/// The operating system takes the lock back when the process ends, however it ends, so that no stale one is ever left.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Name of the file that is locked, within the data directory. It stays there, and holds nothing.
    pub const FILE: &str = "access.db.lock";

    /// Takes the lock of a data directory that exists.
    ///
    /// # Errors
    /// When another process has it, and when the directory can't be written to.
    pub fn take(directory: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Directory { directory: directory.to_owned(), source };
        // A file of its own: closing any descriptor of the database would drop the locks that SQLite holds on it.
        let file = private().create(true).truncate(false).open(directory.join(Self::FILE)).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { directory: directory.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }
}

/// The process that has the store in `directory` open, as far as the operating system tells. Asking disturbs nobody: trying
/// the lock would keep out a host that starts at this moment.
pub fn holder(directory: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let inode = fs::metadata(directory.join(Lock::FILE)).ok()?.ino().to_string();
    // A line: number, FLOCK, ADVISORY, WRITE, process, device as major:minor:inode, range.
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_held = words.next() == Some("FLOCK");
        let (process, place) = (words.nth(2)?, words.next()?);
        if is_held && place.rsplit(':').next() == Some(&inode) { process.parse().ok() } else { None }
    })
}

/// An open store: what the writer needs to run.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    pub(super) lock: Lock,
    /// The sequence number of each shard's last commit.
    pub(super) sequences: Vec<u64>,
}

/// Takes the lock, then opens the store, or creates it when there is none.
pub(super) fn open(directory: &Path, shards_when_new: u8) -> Result<Opened, OpenError> {
    let unusable = |source| OpenError::Directory { directory: directory.to_owned(), source };
    create_directory(directory).map_err(unusable)?;
    let lock = Lock::take(directory)?;
    let path = directory.join(FILE);
    if !path.try_exists().map_err(unusable)? {
        create(directory, shards_when_new)?;
    }
    refuse_foreign_header(&path)?;
    let connection = connect(&path).map_err(|error| describe(&path, &error))?;
    let found = refuse_other_schema(&path, &connection)?;
    configure_writer(&path, &connection)?;
    refuse_truncated(&path, &connection)?;
    migrate(&connection, found).map_err(|error| describe(&path, &error))?;
    let sequences = read_sequences(&path, &connection)?;
    Ok(Opened { path, connection, lock, sequences })
}

/// A connection to a store that exists. Never creates one.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(32);
    // Otherwise a statement may be planned anew whenever it is given other values.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
    Ok(connection)
}

/// Makes a new store under another name and renames it, so that a file under the store's name is always a whole one: an
/// empty or half-made file there is damage, never a fresh start.
pub(super) fn create(directory: &Path, shards: u8) -> Result<(), OpenError> {
    if shards == 0 || shards > Shard::LIMIT {
        return Err(OpenError::Shards(shards));
    }
    let orphan = directory.join(WAL_FILE);
    if orphan.exists() {
        return Err(OpenError::Orphaned { path: orphan, main: FILE });
    }
    let unusable = |source| OpenError::Directory { directory: directory.to_owned(), source };
    let path = directory.join(NEW_FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
        _ => {}
    }
    private().create_new(true).open(&path).map_err(unusable)?;
    fill(&path, shards).map_err(|error| describe(&path, &error))?;
    fs::rename(&path, directory.join(FILE)).map_err(unusable)?;
    sync_directory(directory).map_err(unusable)
}

fn fill(path: &Path, shards: u8) -> rusqlite::Result<()> {
    let mut connection = connect(path)?;
    let transaction = connection.transaction()?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.execute_batch(SCHEMA)?;
    for shard in 0..shards {
        transaction.execute("INSERT INTO shards VALUES (?1, 0)", [shard])?;
    }
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error)
}

/// Looks at the first bytes before SQLite does, because SQLite takes an empty file for a new database.
fn refuse_foreign_header(path: &Path) -> Result<(), OpenError> {
    let mut magic = [0_u8; 16];
    let mut file = File::open(path).map_err(|error| unusable(path, &error))?;
    match file.read_exact(&mut magic) {
        Ok(()) if &magic == b"SQLite format 3\0" => Ok(()),
        Ok(()) => Err(OpenError::Foreign { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(OpenError::Damaged { path: path.to_owned(), detail: "it is shorter than its header".to_owned() })
        }
        Err(error) => Err(unusable(path, &error)),
    }
}

/// Comes before the first write, so that a file that we don't understand stays as it is.
fn refuse_other_schema(path: &Path, connection: &Connection) -> Result<i64, OpenError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(|error| describe(path, &error))?;
    let version = pragma("user_version").map_err(|error| describe(path, &error))?;
    match (application, version) {
        (APPLICATION_ID, 1..=SCHEMA_VERSION) => Ok(version),
        (APPLICATION_ID, found) if found > SCHEMA_VERSION => {
            Err(OpenError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION })
        }
        (APPLICATION_ID, found) => Err(OpenError::Damaged {
            path: path.to_owned(),
            detail: format!("there never was a schema version {found}"),
        }),
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

/// Brings an older file up to what this release writes, whole or not at all.
fn migrate(connection: &Connection, found: i64) -> rusqlite::Result<()> {
    if found == 1 {
        connection.execute_batch(FROM_1_TO_2)?;
        tracing::info!("the store's file was brought from schema version 1 to {SCHEMA_VERSION}");
    }
    Ok(())
}

fn configure_writer(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let configure = || -> rusqlite::Result<Option<&'static str>> {
        if connection.is_readonly("main")? {
            return Ok(Some("it can only be read"));
        }
        // A restored backup is not in this mode; it is a property of the file and stays once it is set.
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        if mode != "wal" {
            return Ok(Some("its file system has no memory shared between processes, which the write-ahead log needs"));
        }
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
        Ok(None)
    };
    match configure().map_err(|error| describe(path, &error))? {
        None => Ok(()),
        Some(objection) => Err(OpenError::Unusable { path: path.to_owned(), detail: objection.to_owned() }),
    }
}

/// SQLite reads the missing end of the last page as zeros, so that we look ourselves.
fn refuse_truncated(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    // Before the log is copied into the file, the file may rightly be short.
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(|error| describe(path, &error))?;
    if busy == 0 { refuse_short(path, connection) } else { Ok(()) }
}

fn refuse_short(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let pages = number("page_count").map_err(|error| describe(path, &error))?;
    let page_size = number("page_size").map_err(|error| describe(path, &error))?;
    let expected = pages.unsigned_abs().saturating_mul(page_size.unsigned_abs());
    let length = fs::metadata(path).map_err(|error| unusable(path, &error))?.len();
    if length < expected {
        let detail = format!("it has {length} of {expected} bytes");
        return Err(OpenError::Damaged { path: path.to_owned(), detail });
    }
    Ok(())
}

fn read_sequences(path: &Path, connection: &Connection) -> Result<Vec<u64>, OpenError> {
    let rows = || -> rusqlite::Result<Vec<(usize, u64)>> {
        let mut statement = connection.prepare("SELECT shard, sequence FROM shards ORDER BY shard")?;
        let rows = statement.query_map([], |row| {
            let (shard, sequence): (i64, i64) = (row.get(0)?, row.get(1)?);
            // What is negative becomes a number that the check below refuses.
            Ok((usize::try_from(shard).unwrap_or(usize::MAX), u64::try_from(sequence).unwrap_or(u64::MAX)))
        })?;
        rows.collect()
    };
    let rows = rows().map_err(|error| describe(path, &error))?;
    let numbered = rows.iter().enumerate().all(|(place, (shard, sequence))| place == *shard && *sequence < u64::MAX);
    if numbered && !rows.is_empty() && rows.len() <= usize::from(Shard::LIMIT) {
        Ok(rows.into_iter().map(|(_, sequence)| sequence).collect())
    } else {
        Err(OpenError::Damaged { path: path.to_owned(), detail: "its list of shards is not whole".to_owned() })
    }
}

fn describe(path: &Path, error: &rusqlite::Error) -> OpenError {
    if is_damage(error) {
        OpenError::Damaged { path: path.to_owned(), detail: error.to_string() }
    } else {
        unusable(path, error)
    }
}

fn unusable(path: &Path, error: &dyn std::error::Error) -> OpenError {
    OpenError::Unusable { path: path.to_owned(), detail: error.to_string() }
}

/// A connection that can only read, its schema version, and how many shards there are.
///
/// While a host serves, or after one was killed, there is a write-ahead log, which is read too. Without one the file is taken
/// as it is, so that nothing appears beside it.
pub(super) fn look(path: &Path) -> Result<(i64, usize), OpenError> {
    refuse_foreign_header(path)?;
    let connection = connect_to_look(path).map_err(|error| describe(path, &error))?;
    let schema = refuse_other_schema(path, &connection)?;
    if !log_of(path).exists() {
        refuse_short(path, &connection)?;
    }
    Ok((schema, read_sequences(path, &connection)?.len()))
}

/// A connection that can only read, for [`look`].
pub(super) fn connect_to_look(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    // From the root, since two slashes at the beginning of a URI mean something else.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = path.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(path.clone()))?;
    let name = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let at_rest = if log_of(&path).exists() { "" } else { "?immutable=1" };
    let connection = Connection::open_with_flags(format!("file:{name}{at_rest}"), flags)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

fn log_of(path: &Path) -> PathBuf {
    path.with_file_name(WAL_FILE)
}

fn create_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// A file that only its owner reads: it holds what secrets are checked against. SQLite gives the files that it puts beside
/// the database the same permissions.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a rename survive power loss.
///
/// # Errors
/// When the disk can't.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}
