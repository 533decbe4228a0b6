//! Writing all that a store holds into one file, which any store can be filled from. It is written aside and gets its name when it
//! is whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use access_model::Clock;
use access_store::embedded::{self, Look, OpenError, sync_directory};
use access_store::{Page, Store};

use super::dev_clock;
use super::installation::{Installation, LifecycleError};
use super::portable::{Counts, Header, Reading, Wording};
use super::root_key::RootKey;

/// No export was made. What was at its place is there still.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is something already.
    #[error("`{}` exists already; name a file that does not, or replace the export in it with --force", .0.display())]
    Exists(PathBuf),
    /// There is something else already.
    #[error("`{}` is not an export, so it is not replaced; name another file", .0.display())]
    NotAnExport(PathBuf),
    /// Another one is being made there.
    #[error("another export to `{}` is under way; wait for it, or name another file", .0.display())]
    UnderWay(PathBuf),
    /// The target has no name.
    #[error("`{}` can't be the file of an export; name a new file, such as `access-2026-01-31.jsonl`", .0.display())]
    NoName(PathBuf),
    /// A file or folder.
    #[error("can't write `{}`: {source}; no export was made", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// What is in the store can't be worded.
    #[error("the store holds something that can't be written down: {0}; see `cronflow-access doctor`")]
    Unsound(#[from] serde_json::Error),
    /// There is nothing to look at.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The embedded store could not be copied.
    #[error(transparent)]
    Copy(#[from] embedded::BackupError),
    /// The root key, or the installation.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
}

/// What was exported.
#[derive(Debug)]
pub struct Exported {
    /// Its first line.
    pub header: Header,
    /// How much it holds.
    pub counts: Counts,
    /// SHA-256 of all its lines but the last, in hex.
    pub sha256: String,
}

/// An export that has no name yet. Dropped, it is gone.
#[derive(Debug)]
pub struct Export {
    aside: Aside,
    file: BufWriter<File>,
    wording: Wording,
}

/// An export whose header is written.
#[derive(Debug)]
pub struct Begun {
    export: Export,
    header: Header,
    root: RootKey,
}

impl Export {
    /// Takes the place `target`. Blocks the thread, as all of this does.
    ///
    /// # Errors
    /// When it is taken, unless it is an export and to be replaced; when nothing can be written there.
    pub fn begin(target: &Path, replace: bool) -> Result<Self, ExportError> {
        refuse_taken(target, replace)?;
        let (aside, file) = Aside::make(target)?;
        Ok(Self { aside, file: BufWriter::new(file), wording: Wording::default() })
    }

    /// A copy of the embedded store in `data_dir`, as it is at one instant, whether or not a host serves from it. It goes with the
    /// export.
    ///
    /// # Errors
    /// When there is no store, or no room for the copy beside the export.
    pub fn copy(&self, data_dir: &Path) -> Result<Look, ExportError> {
        embedded::backup(data_dir, &self.aside.copy)?;
        Ok(Look::at(&self.aside.copy)?)
    }

    /// Writes whose the export is: what `store` says. The root key must open it, so that what can't be imported is not taken for
    /// an export.
    ///
    /// # Errors
    /// When nothing was begun in the store, when the root key is not its own, when the disk is full.
    pub async fn head(
        mut self,
        store: &dyn Store,
        root: &RootKey,
        version: &str,
        clock: &dyn Clock,
    ) -> Result<Begun, ExportError> {
        let installation = Installation::read(store).await?.ok_or(LifecycleError::NotInitialized)?;
        Installation::open(store, root, installation.dev).await?;
        dev_clock::restore(store, clock).await.map_err(LifecycleError::from)?;
        let (format, version, shards) = (Header::FORMAT, version.to_owned(), store.shards());
        let header = Header { format, version, created_at: clock.now(), shards, installation, root_key: root.id() };
        let line = self.wording.header(&header)?;
        self.write(&line)?;
        Ok(Begun { export: self, header, root: root.clone() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.file.write_all(bytes).map_err(|source| unwritten(&self.aside.path, source))
    }
}

impl Begun {
    /// Its first line.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Writes what a page of the store's dump holds.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn take(&mut self, page: &Page) -> Result<(), ExportError> {
        let lines = self.export.wording.page(page)?;
        self.export.write(&lines)
    }

    /// Seals it, and gives it its name, for good.
    ///
    /// # Errors
    /// When the disk is full, or the place can't be had any more.
    pub fn end(self) -> Result<Exported, ExportError> {
        let Self { export, header, root } = self;
        let Export { aside, mut file, wording } = export;
        let (line, counts, sha256) = wording.trailer(&root)?;
        let written = file.write_all(&line).and_then(|()| file.flush()).and_then(|()| file.get_ref().sync_all());
        written.map_err(|source| unwritten(&aside.path, source))?;
        aside.place()?;
        Ok(Exported { header, counts, sha256 })
    }
}

fn refuse_taken(target: &Path, replace: bool) -> Result<(), ExportError> {
    // A link that leads nowhere is something as well.
    if target.symlink_metadata().is_err() {
        return Ok(());
    }
    if !replace {
        return Err(ExportError::Exists(target.to_owned()));
    }
    Reading::open(target).map(drop).map_err(|_| ExportError::NotAnExport(target.to_owned()))
}

/// The file while it has no name yet, and the copy of the store that it is made from. Dropped, they are gone.
#[derive(Debug)]
struct Aside {
    target: PathBuf,
    parent: PathBuf,
    path: PathBuf,
    copy: PathBuf,
    is_placed: bool,
}

impl Aside {
    fn make(target: &Path) -> Result<(Self, File), ExportError> {
        let name = target.file_name().ok_or_else(|| ExportError::NoName(target.to_owned()))?.to_string_lossy();
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (path, copy) = (parent.join(format!("{name}.partial")), parent.join(format!("{name}.partial.db")));
        let failed = |source| unwritten(&path, source);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(failed)?;
        // Held until the end, so that no other run mistakes it for a left-over.
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ExportError::UnderWay(target.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let (target, parent) = (target.to_owned(), parent.to_owned());
        let this = Self { target, parent, path: path.clone(), copy, is_placed: false };
        // What a run that was killed left behind.
        file.set_len(0).and_then(|()| remove(&this.copy)).map_err(failed)?;
        Ok((this, file))
    }

    fn place(mut self) -> Result<(), ExportError> {
        fs::rename(&self.path, &self.target).map_err(|source| unwritten(&self.target, source))?;
        self.is_placed = true;
        sync_directory(&self.parent).map_err(|source| unwritten(&self.target, source))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // What can't be removed now is overwritten by the next run.
        let _ = remove(&self.copy);
        if !self.is_placed {
            let _ = remove(&self.path);
        }
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn unwritten(path: &Path, source: io::Error) -> ExportError {
    ExportError::Write { path: path.to_owned(), source }
}
