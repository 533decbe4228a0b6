//! Filling an empty store from an export: the whole file is checked first, then it is put in place whole or not at all.
//!
//! What is put in place says so in its own audit trail. Everything else stays as it was, numbers of versions, commits and records
//! included.

use std::path::{Path, PathBuf};

use access_model::audit::AuditRecord;
use access_model::{Clock, Entropy, Id, IdKind, Shard};
use access_store::embedded::{self, Embedded, Loading, OpenError, Options};
use access_store::{Commit, Item, Memory, Page, Store, StoreError};
use serde_json::json;

use super::dev_clock;
use super::init::system;
use super::installation::{Installation, LifecycleError};
use super::portable::{Counts, End, Fault, Header, Reading};
use super::restore::{self, Place, RestoreError, refuse_served, refuse_taken};
use super::root_key::RootKey;
use crate::audit::append;
use crate::records;

/// What an imported installation's audit trail says.
pub const ACTION: &str = "installation.import";
/// What a store is opened by.
const OPENED_BY: [&str; 2] = [records::INSTALLATION, records::KEYRING];

/// Nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not an export.
    #[error("`{}` is not an export: {detail}; name the file that `cronflow-access export` made", from.display())]
    NotAnExport {
        /// The file.
        from: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer release has made it.
    #[error("release {version} made this export, in a form that this one does not know; import it with that release")]
    Newer {
        /// Which.
        version: String,
    },
    /// It is not what was exported.
    #[error("`{}` is not what was exported: {detail}; it was cut short or changed since, so make another export", from.display())]
    Damaged {
        /// The file.
        from: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Its seal is none of the root key's.
    #[error("`{}` was changed after the export was made: its seal is broken; make another export", .0.display())]
    Unsealed(PathBuf),
    /// The wrong root key.
    #[error(
        "the export does not open under the root key `{0}`: it is another installation's, or it was replaced since; put the root key \
         in place under which it was made"
    )]
    WrongKey(String),
    /// The data folder.
    #[error(transparent)]
    Place(#[from] RestoreError),
    /// The store in it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The root key, or the installation.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
}

/// An export that was checked from its first line to its last.
#[derive(Debug)]
pub struct Import {
    from: PathBuf,
    header: Header,
    end: End,
}

impl Import {
    /// Goes through the file. `shown` is where the root key is. Blocks the thread.
    ///
    /// # Errors
    /// When it is not an export, not whole, or changed since; when the root key does not open it.
    pub async fn check(from: &Path, root: &RootKey, shown: &str) -> Result<Self, ImportError> {
        let told = |fault| of_fault(from, fault);
        let mut reading = Reading::open(from).map_err(told)?;
        let (header, small) = (reading.header.clone(), Memory::new(1));
        while let Some(page) = reading.page().map_err(told)? {
            small.load(opening(page));
        }
        let end = reading.end.ok_or_else(|| told(Fault::Damaged("it has no end".to_owned())))?;
        if header.root_key != root.id() {
            return Err(ImportError::WrongKey(shown.to_owned()));
        }
        if !end.is_sealed_under(root) {
            return Err(ImportError::Unsealed(from.to_owned()));
        }
        if Installation::read(&small).await?.as_ref() != Some(&header.installation) {
            return Err(told(Fault::Damaged("it is not of the installation that its header names".to_owned())));
        }
        match Installation::open(&small, root, header.installation.dev).await {
            Err(LifecycleError::Sealed) => Err(ImportError::WrongKey(shown.to_owned())),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(Self { from: from.to_owned(), header, end }),
        }
    }

    /// Its first line.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// How much it holds.
    pub const fn counts(&self) -> &Counts {
        &self.end.counts
    }

    /// What it holds. The last thing that comes may be that the file is not any more what was checked.
    ///
    /// # Errors
    /// When the file can't be read any more.
    pub fn pages(&self) -> Result<Pages<'_>, ImportError> {
        let reading = Reading::open(&self.from).map_err(|fault| of_fault(&self.from, fault))?;
        Ok(Pages { import: self, reading, is_over: false })
    }

    /// Writes down in the filled store that it is an imported one.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn record(&self, store: &dyn Store, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<(), ImportError> {
        dev_clock::restore(store, clock).await.map_err(LifecycleError::from)?;
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
            after: Some(json!({ "export_created_at": self.header.created_at, "export_sha256": self.end.sha256 })),
        };
        append(&mut commit, &record).map_err(LifecycleError::from)?;
        store.commit(commit).await.map_err(LifecycleError::from)?;
        Ok(())
    }

    /// Makes it the embedded store of a data folder that has none. Blocks the thread.
    ///
    /// Cut short at any moment, it leaves a data folder without a store or with a whole one, but for a folder `restoring` that the
    /// next run removes.
    ///
    /// # Errors
    /// When there is more in the data folder than its root key, when a host serves from it, when the disk is full.
    pub async fn into_folder(
        &self,
        order: &restore::Order<'_>,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<(), ImportError> {
        let place = Place::make(order)?;
        let mut loading = Loading::begin(place.aside(), self.header.shards)?;
        for page in self.pages()? {
            loading.put(&page?)?;
        }
        loading.end()?;
        let store = Embedded::open(place.aside(), Options::default())?;
        self.record(&store, clock, entropy).await?;
        store.close().await?;
        drop(store);
        let staged = place.aside().join(embedded::FILE);
        place.put_store(&staged)?;
        Ok(())
    }
}

/// Refuses a data folder that [`Import::into_folder`] would refuse, before the file is gone through.
///
/// # Errors
/// When there is more in it than its root key, or a host serves from it.
pub fn refuse_folder(order: &restore::Order<'_>) -> Result<(), ImportError> {
    refuse_served(order.data_dir)?;
    Ok(refuse_taken(order)?)
}

/// What an export holds, page by page.
#[derive(Debug)]
pub struct Pages<'a> {
    import: &'a Import,
    reading: Reading,
    is_over: bool,
}

impl Iterator for Pages<'_> {
    type Item = Result<Page, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let page = self.reading.page();
        self.is_over = !matches!(page, Ok(Some(_)));
        let from = &self.import.from;
        match page {
            Ok(Some(page)) => Some(Ok(page)),
            Ok(None) if self.reading.end.as_ref() == Some(&self.import.end) => None,
            Ok(None) => Some(Err(of_fault(from, Fault::Damaged("it was changed while it was read".to_owned())))),
            Err(fault) => Some(Err(of_fault(from, fault))),
        }
    }
}

/// Of a page, what a store is opened by.
fn opening(mut page: Page) -> Page {
    let is_platform = page.shard == Shard::PLATFORM;
    page.items.retain(|item| match item {
        Item::Record { key, .. } => is_platform && OPENED_BY.contains(&key.as_str()),
        _ => false,
    });
    page
}

fn of_fault(from: &Path, fault: Fault) -> ImportError {
    let from = from.to_owned();
    match fault {
        Fault::NotAnExport(detail) => ImportError::NotAnExport { from, detail },
        Fault::Newer(version) => ImportError::Newer { version },
        Fault::Damaged(detail) => ImportError::Damaged { from, detail },
    }
}
