//! Making a backup of the embedded store while a host serves from it: a folder with a copy of the store, the manifest, and,
//! if asked for, the root key. It is made aside and tried before it gets its name.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use access_model::Clock;
use access_store::embedded::{self, Look, OpenError, sync_directory};

use super::installation::{Installation, LifecycleError};
use super::manifest::{self, Manifest, SealedManifest, digest};
use super::root_key::RootKey;
use super::{dev_clock, root_key};

/// What a backup may hold, and nothing else.
pub(super) const FILES: [&str; 3] = [embedded::FILE, manifest::FILE, root_key::FILE];

/// What is to be backed up, and where to.
#[derive(Debug)]
pub struct Order<'a> {
    /// The data folder.
    pub data_dir: &'a Path,
    /// Its root key. It must open the store, so that what can't be restored is not taken for a backup.
    pub root_key: KeyOfBackup<'a>,
    /// Put the root key into the backup too.
    pub with_root_key: bool,
    /// The folder of the backup, which does not exist yet, or is empty.
    pub target: &'a Path,
    /// Replace the backup that `target` is.
    pub replace: bool,
    /// The release that this is.
    pub version: &'a str,
}

/// The root key of what is to be backed up.
#[derive(Debug)]
pub enum KeyOfBackup<'a> {
    /// In this file.
    At(&'a Path),
    /// Kept elsewhere, and read already.
    Kept(RootKey),
}

/// The backup was not made. What was at its place is there still.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something already.
    #[error("`{}` exists already; name a folder that does not, or replace the backup in it with --force", .0.display())]
    Exists(PathBuf),
    /// There is something else already.
    #[error("`{}` holds `{other}`, which is no part of a backup, so it is not replaced; name another folder", target.display())]
    NotABackup {
        /// The folder.
        target: PathBuf,
        /// What is in it.
        other: String,
    },
    /// Another one is being made there.
    #[error("another backup to `{}` is under way; wait for it, or name another folder", .0.display())]
    UnderWay(PathBuf),
    /// The target has no name, or is where it can't be.
    #[error("`{}` can't be the folder of a backup; name a new folder, such as `backup-2026-01-31`", .0.display())]
    NoName(PathBuf),
    /// A file or folder.
    #[error("can't write `{}`: {source}; no backup was made", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The copy is not sound.
    #[error("the copy of the store is not sound ({0}), since the store is not; see `cronflow-access doctor`")]
    Unsound(String),
    /// There is nothing to look at.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy could not be made.
    #[error(transparent)]
    Copy(#[from] embedded::BackupError),
    /// The root key, or the installation.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
}

/// Makes a backup. It blocks the thread, for about as long as it takes to read the file thrice and write it once; a host that
/// serves from it meanwhile goes on.
///
/// # Errors
/// When there is no installation, or the root key does not open it; when the target is taken; when it can't be written.
pub async fn backup(order: &Order<'_>, clock: &dyn Clock) -> Result<Manifest, BackupError> {
    let target = order.target;
    let is_taken = refuse_taken(target, order.replace)?;
    let source = Look::at(&order.data_dir.join(embedded::FILE))?;
    let installation = Installation::read(&source).await?.ok_or(LifecycleError::NotInitialized)?;
    let root = match &order.root_key {
        KeyOfBackup::At(file) => RootKey::read(file)?,
        KeyOfBackup::Kept(key) => key.clone(),
    };
    Installation::open(&source, &root, installation.dev).await?;
    dev_clock::restore(&source, clock).await.map_err(LifecycleError::from)?;
    let created_at = clock.now();
    drop(source);

    let aside = Aside::make(target)?;
    let copy = aside.path.join(embedded::FILE);
    embedded::backup(order.data_dir, &copy)?;
    let (schema, shards) = check(&copy, &root, installation.dev).await?;
    let (bytes, sha256) = digest(&copy, None).map_err(|source| unwritten(&copy, source))?;
    let version = order.version.to_owned();
    let format = Manifest::FORMAT;
    let manifest = Manifest { format, version, schema, created_at, shards, bytes, sha256, installation };
    let sealed = SealedManifest::seal(&manifest, &root).and_then(|sealed| serde_json::to_vec_pretty(&sealed));
    let sealed = sealed.map_err(|error| BackupError::Unsound(error.to_string()))?;
    write(&aside.path.join(manifest::FILE), &sealed)?;
    if order.with_root_key {
        root.write(&aside.path.join(root_key::FILE))?;
    }
    aside.place(target, is_taken)?;
    Ok(manifest)
}

/// Whether there is a backup to be replaced.
fn refuse_taken(target: &Path, replace: bool) -> Result<bool, BackupError> {
    let entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(_) => return Err(BackupError::Exists(target.to_owned())),
    };
    let names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    if names.is_empty() {
        return Ok(false);
    }
    if !replace {
        return Err(BackupError::Exists(target.to_owned()));
    }
    match names.iter().find(|name| !FILES.contains(&name.as_str())) {
        Some(other) => Err(BackupError::NotABackup { target: target.to_owned(), other: other.clone() }),
        None => Ok(true),
    }
}

/// Goes through the copy: its schema version and number of shards. The root key opened the store a moment ago; it may have been
/// replaced since.
async fn check(copy: &Path, root: &RootKey, dev: bool) -> Result<(i64, u8), BackupError> {
    use access_store::Store as _;
    let look = Look::at(copy)?;
    Installation::open(&look, root, dev).await?;
    let objections = look.objections().await.map_err(LifecycleError::from)?;
    match objections.first() {
        Some(objection) => Err(BackupError::Unsound(objection.clone())),
        None => Ok((look.schema(), look.shards())),
    }
}

/// The backup while it has no name yet. Dropped, it is gone.
struct Aside {
    path: PathBuf,
    parent: PathBuf,
    is_placed: bool,
    /// Held until the end, so that no other run mistakes it for a left-over.
    _lock: File,
}

impl Aside {
    fn make(target: &Path) -> Result<Self, BackupError> {
        let name = target.file_name().ok_or_else(|| BackupError::NoName(target.to_owned()))?;
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let path = parent.join(format!("{}.partial", name.to_string_lossy()));
        let failed = |source| unwritten(&path, source);
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let lock = File::open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::UnderWay(target.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // What a run that was killed left behind.
        for left in fs::read_dir(&path).map_err(failed)?.flatten() {
            fs::remove_file(left.path()).map_err(failed)?;
        }
        Ok(Self { path: path.clone(), parent: parent.to_owned(), is_placed: false, _lock: lock })
    }

    /// Gives it its name, for good.
    fn place(mut self, target: &Path, is_taken: bool) -> Result<(), BackupError> {
        let failed = |source| unwritten(target, source);
        sync_directory(&self.path).map_err(failed)?;
        let mut replaced = self.path.clone().into_os_string();
        replaced.push(".replaced");
        if is_taken {
            remove(Path::new(&replaced)).and_then(|()| fs::rename(target, &replaced)).map_err(failed)?;
        }
        if let Err(source) = fs::rename(&self.path, target) {
            if is_taken {
                // The error tells what matters.
                let _ = fs::rename(&replaced, target);
            }
            return Err(failed(source));
        }
        self.is_placed = true;
        sync_directory(&self.parent).map_err(failed)?;
        if is_taken { remove(Path::new(&replaced)).map_err(failed) } else { Ok(()) }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.is_placed {
            // What can't be removed now is overwritten by the next run.
            let _ = remove(&self.path);
        }
    }
}

/// Removes a folder of ours, if it is there.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    written().map_err(|source| unwritten(path, source))
}

fn unwritten(path: &Path, source: io::Error) -> BackupError {
    BackupError::Write { path: path.to_owned(), source }
}
