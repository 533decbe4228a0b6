//! Restoring a backup into an empty data folder: everything is checked first, then it is put in place whole or not at all.
//!
//! What is put in place says so in its own audit trail, since the past that it comes back to is not the present.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use access_model::audit::AuditRecord;
use access_model::{Clock, Entropy, Id, IdKind, Shard};
use access_store::embedded::{self, Embedded, Lock, Look, OpenError, Options, sync_directory};
use access_store::{Commit, Store as _};
use serde_json::json;

use super::backup::remove;
use super::init::system;
use super::installation::{Installation, LifecycleError};
use super::manifest::{self, Manifest, SealedManifest, digest};
use super::root_key::RootKey;
use super::{dev_clock, root_key};
use crate::audit::append;

/// What a restored installation's audit trail says.
pub const ACTION: &str = "installation.restore";
/// Where the store lies within the data folder until it is put in place.
const ASIDE: &str = "restoring";
/// Made by file systems, not by people.
const LOST: &str = "lost+found";

/// What is to be restored, and where to.
#[derive(Debug)]
pub struct Order<'a> {
    /// The folder of the backup.
    pub from: &'a Path,
    /// The data folder: absent, or empty but for the root key.
    pub data_dir: &'a Path,
    /// The file of the root key that opens the backup. Absent: the one in the backup, else the one that is in place.
    pub root_key: Option<&'a Path>,
    /// Where the host will look for it. In the data folder it is put in place too; elsewhere it must be there.
    pub root_key_place: KeyPlace<'a>,
}

/// Where a host looks for its root key.
#[derive(Debug)]
pub enum KeyPlace<'a> {
    /// In this file.
    File(&'a Path),
    /// Where somebody else keeps it: how that is shown, and what is there.
    Elsewhere(String, RootKey),
}

impl Order<'_> {
    fn is_key_beside_store(&self) -> bool {
        let KeyPlace::File(place) = self.root_key_place else { return false };
        let folder = place.parent().unwrap_or(Path::new("."));
        let same = |one: &Path, other: &Path| {
            one == other
                || fs::canonicalize(one).ok().is_some_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
        };
        place.file_name().is_some_and(|name| name == root_key::FILE) && same(folder, self.data_dir)
    }
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// What the backup was.
    pub manifest: Manifest,
    /// Whether the root key was put in its place; otherwise it was there.
    pub placed_root_key: bool,
}

/// Nothing was restored, and nothing is left of the attempt.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is something already.
    #[error(
        "`{}` is not empty: it holds `{other}`; stop the host, move what is there away, and run this again, or name another \
         --data-dir",
        data_dir.display()
    )]
    NotEmpty {
        /// The data folder.
        data_dir: PathBuf,
        /// What is in it.
        other: String,
    },
    /// Not a backup.
    #[error("`{}` is not a backup: {detail}; name the folder that `cronflow-access backup` made", from.display())]
    NotABackup {
        /// The folder.
        from: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer release has made it.
    #[error("release {version} made this backup, in a form that this one does not know; restore it with that release")]
    Newer {
        /// Which.
        version: String,
    },
    /// Its store is not the one that was backed up.
    #[error("`{}` is not what was backed up: {detail}; it was cut short or changed since, so take another backup", path.display())]
    Damaged {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Its manifest is not the one that was sealed.
    #[error("`{}` was changed after the backup was made: its seal is broken; take another backup", .0.display())]
    Unsealed(PathBuf),
    /// The wrong root key.
    #[error(
        "the backup does not open under the root key `{0}`: it is another installation's; name the right one with --root-key"
    )]
    WrongKey(String),
    /// No root key.
    #[error(
        "there is no root key: neither in the backup nor at `{}`, where the host looks for it; put it there, or name its file \
         with --root-key: without it the backup identifies nobody",
        .0.display()
    )]
    NoKey(PathBuf),
    /// Another root key is in its place.
    #[error("`{0}` holds another root key than the one that opens the backup; move it away, for the host would use it")]
    OtherKey(String),
    /// A file or folder.
    #[error("can't write `{}`: {source}; nothing was restored", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The data folder, or the store in the backup.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The root key, or the installation.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
}

/// Restores a backup. Blocks the thread.
///
/// Cut short at any moment, it leaves an empty data folder or a whole one, but for a folder `restoring` that the next run
/// removes.
///
/// # Errors
/// When the data folder is not empty or served from, when the backup is not whole and unchanged, when the root key does not
/// open it.
pub async fn restore(order: &Order<'_>, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<Restored, RestoreError> {
    refuse_served(order.data_dir)?;
    refuse_taken(order)?;
    let (sealed, manifest) = read_manifest(order.from)?;
    let (root, shown) = read_root_key(order)?;
    check_store(order.from, &manifest, &root, &shown).await?;
    if !sealed.is_sealed_under(&root) {
        return Err(RestoreError::Unsealed(order.from.join(manifest::FILE)));
    }
    let mut place = Place::make(order)?;
    let staged = place.aside.join(embedded::FILE);
    copy(&order.from.join(embedded::FILE), &staged, &manifest)?;
    record(&place.aside, &manifest, clock, entropy).await?;
    let placed_root_key = match order.root_key_place {
        KeyPlace::File(file) => place.put_root_key(file, &root)?,
        KeyPlace::Elsewhere(..) => false,
    };
    place.put_store(&staged)?;
    Ok(Restored { manifest, placed_root_key })
}

/// In clearer words than that its folder is not empty.
pub(super) fn refuse_served(data_dir: &Path) -> Result<(), RestoreError> {
    if data_dir.join(Lock::FILE).exists() {
        Lock::take(data_dir)?;
    }
    Ok(())
}

/// Only a folder that holds nothing of anybody's is restored into.
pub(super) fn refuse_taken(order: &Order<'_>) -> Result<(), RestoreError> {
    let data_dir = order.data_dir;
    let entries = match fs::read_dir(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|source| unwritten(data_dir, source))?,
    };
    let is_key_beside = order.is_key_beside_store();
    let is_harmless = |name: &OsString| {
        [ASIDE, Lock::FILE, LOST].iter().any(|known| name == known) || is_key_beside && name == root_key::FILE
    };
    let other = entries.flatten().map(|entry| entry.file_name()).find(|name| !is_harmless(name));
    other.map_or(Ok(()), |other| {
        let other = other.to_string_lossy().into_owned();
        Err(RestoreError::NotEmpty { data_dir: data_dir.to_owned(), other })
    })
}

fn read_manifest(from: &Path) -> Result<(SealedManifest, Manifest), RestoreError> {
    let refused = |detail: String| RestoreError::NotABackup { from: from.to_owned(), detail };
    let text = fs::read_to_string(from.join(manifest::FILE));
    let text = text.map_err(|error| refused(format!("its `{}` can't be read: {error}", manifest::FILE)))?;
    let unreadable = |error: serde_json::Error| refused(format!("its `{}` is not one: {error}", manifest::FILE));
    let sealed: SealedManifest = serde_json::from_str(&text).map_err(unreadable)?;
    let manifest = sealed.unverified().map_err(unreadable)?;
    if manifest.format > Manifest::FORMAT {
        return Err(RestoreError::Newer { version: manifest.version });
    }
    Ok((sealed, manifest))
}

/// The root key that opens the backup, and where it was found.
fn read_root_key(order: &Order<'_>) -> Result<(RootKey, String), RestoreError> {
    let included = order.from.join(root_key::FILE);
    let stated = order.root_key.or_else(|| included.exists().then_some(&*included));
    let shown = |file: &Path| file.display().to_string();
    let place = match &order.root_key_place {
        KeyPlace::File(place) => *place,
        KeyPlace::Elsewhere(place, kept) => {
            return match stated.map(|file| Ok::<_, LifecycleError>((RootKey::read(file)?, shown(file)))).transpose()? {
                Some((root, _)) if !root.is(kept) => Err(RestoreError::OtherKey(place.clone())),
                Some(stated) => Ok(stated),
                None => Ok((kept.clone(), place.clone())),
            };
        }
    };
    if !place.exists() && !order.is_key_beside_store() {
        return Err(RestoreError::NoKey(place.to_owned()));
    }
    let file = match stated {
        Some(file) => file,
        None if place.exists() => place,
        None => return Err(RestoreError::NoKey(place.to_owned())),
    };
    let root = RootKey::read(file)?;
    if place.exists() && !RootKey::read(place)?.is(&root) {
        return Err(RestoreError::OtherKey(shown(place)));
    }
    Ok((root, shown(file)))
}

/// The store in the backup is the one that was backed up, sound, and opens under the root key.
async fn check_store(from: &Path, manifest: &Manifest, root: &RootKey, shown: &str) -> Result<(), RestoreError> {
    let path = from.join(embedded::FILE);
    let damaged = |detail: String| RestoreError::Damaged { path: path.clone(), detail };
    let found = digest(&path, None).map_err(|error| damaged(error.to_string()))?;
    check_digest(&found, manifest).map_err(damaged)?;
    let look = Look::at(&path)?;
    let objections = look.objections().await.map_err(|error| damaged(error.to_string()))?;
    if let Some(objection) = objections.into_iter().next() {
        return Err(damaged(objection));
    }
    if Installation::read(&look).await?.as_ref() != Some(&manifest.installation) {
        return Err(damaged("it is not of the installation that the manifest names".to_owned()));
    }
    match Installation::open(&look, root, manifest.installation.dev).await {
        Err(LifecycleError::Sealed) => Err(RestoreError::WrongKey(shown.to_owned())),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

fn check_digest((bytes, sha256): &(u64, String), manifest: &Manifest) -> Result<(), String> {
    if *bytes != manifest.bytes {
        return Err(format!("it has {bytes} bytes, and the manifest says {}", manifest.bytes));
    }
    if *sha256 == manifest.sha256 { Ok(()) } else { Err("its SHA-256 is not the manifest's".to_owned()) }
}

/// Copies the store, and looks once more at what was copied.
fn copy(source: &Path, staged: &Path, manifest: &Manifest) -> Result<(), RestoreError> {
    let copied = || -> io::Result<(u64, String)> {
        let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(staged)?;
        let found = digest(source, Some(&mut copy))?;
        copy.sync_all()?;
        Ok(found)
    };
    let found = copied().map_err(|error| unwritten(staged, error))?;
    check_digest(&found, manifest).map_err(|detail| RestoreError::Damaged { path: source.to_owned(), detail })
}

/// Writes down in the store that it is a restored one.
async fn record(
    aside: &Path,
    manifest: &Manifest,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<(), RestoreError> {
    let store = Embedded::open(aside, Options::default())?;
    dev_clock::restore(&store, clock).await.map_err(LifecycleError::from)?;
    let mut commit = Commit::new(Shard::PLATFORM);
    let record = AuditRecord {
        id: Id::draw(IdKind::Audit, Shard::PLATFORM, entropy).map_err(LifecycleError::from)?,
        at: clock.now(),
        organization: None,
        workspace: None,
        actor: system(),
        action: ACTION.to_owned(),
        target: "installation".to_owned(),
        decision_id: None,
        before: None,
        after: Some(json!({ "backup_created_at": manifest.created_at, "backup_sha256": manifest.sha256 })),
    };
    append(&mut commit, &record).map_err(LifecycleError::from)?;
    store.commit(commit).await.map_err(LifecycleError::from)?;
    store.close().await.map_err(LifecycleError::from)?;
    Ok(())
}

/// The data folder while it is being filled. Dropped before the store is in place, it is as it was.
pub(super) struct Place {
    data_dir: PathBuf,
    aside: PathBuf,
    /// What was made, and goes again unless the store gets into place: the last first.
    made: Vec<PathBuf>,
    /// User and group of the data folder.
    owner: (u32, u32),
    is_filled: bool,
    _lock: Lock,
}

impl Place {
    /// Takes the data folder for itself, and looks once more that it is empty.
    pub(super) fn make(order: &Order<'_>) -> Result<Self, RestoreError> {
        let data_dir = order.data_dir;
        let failed = |source| unwritten(data_dir, source);
        let (aside, lock_file) = (data_dir.join(ASIDE), data_dir.join(Lock::FILE));
        let made = [data_dir, &lock_file].into_iter().filter(|path| !path.exists()).map(Path::to_owned).collect();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(failed)?;
        let lock = Lock::take(data_dir)?;
        refuse_taken(order)?;
        let owner = fs::metadata(data_dir).map(|meta| (meta.uid(), meta.gid())).map_err(failed)?;
        remove(&aside).and_then(|()| fs::DirBuilder::new().mode(0o700).create(&aside)).map_err(failed)?;
        Ok(Self { data_dir: data_dir.to_owned(), aside, made, owner, is_filled: false, _lock: lock })
    }

    /// The folder in which what is to be put in place is made.
    pub(super) fn aside(&self) -> &Path {
        &self.aside
    }

    /// Puts the root key beside the store to be, unless it is there. It comes first: a host does not serve a store without its
    /// root key, and the next run takes a root key without a store for what it is.
    fn put_root_key(&mut self, place: &Path, root: &RootKey) -> Result<bool, RestoreError> {
        if place.exists() {
            return Ok(false);
        }
        let staged = self.aside.join(root_key::FILE);
        root.write(&staged)?;
        self.made.push(place.to_owned());
        self.put(&staged, place)?;
        Ok(true)
    }

    /// Puts the store in place: from here on the data folder is whole.
    pub(super) fn put_store(mut self, staged: &Path) -> Result<(), RestoreError> {
        let place = self.data_dir.join(embedded::FILE);
        self.made.push(place.clone());
        self.put(staged, &place)?;
        self.is_filled = true;
        self.hand_over(&self.data_dir.join(Lock::FILE))?;
        remove(&self.aside).map_err(|source| unwritten(&self.aside, source))
    }

    fn put(&self, staged: &Path, place: &Path) -> Result<(), RestoreError> {
        self.hand_over(staged)?;
        let put = fs::rename(staged, place).and_then(|()| sync_directory(&self.data_dir));
        put.map_err(|source| unwritten(place, source))
    }

    /// Gives a file to the owner of the data folder, who may be another user than the one that runs this.
    fn hand_over(&self, file: &Path) -> Result<(), RestoreError> {
        let given = || -> io::Result<()> {
            let meta = fs::metadata(file)?;
            let (user, group) = self.owner;
            if (meta.uid(), meta.gid()) == (user, group) { Ok(()) } else { chown(file, Some(user), Some(group)) }
        };
        given().map_err(|source| unwritten(file, source))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_filled {
            return;
        }
        // What can't be removed now, the next run does not mind.
        let _ = remove(&self.aside);
        for made in self.made.iter().rev() {
            let _ = if made.is_dir() { fs::remove_dir(made) } else { fs::remove_file(made) };
        }
    }
}

fn unwritten(path: &Path, source: io::Error) -> RestoreError {
    RestoreError::Write { path: path.to_owned(), source }
}
