//! What the checks look at. Whatever takes time is looked at when the first check asks for it.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use access_authority::audit::LOGS;
use access_authority::lifecycle::Installation;
use access_model::Shard;
use access_model::clock::SystemClock;
use access_store::{Store, StoreError, embedded};

use super::host::Host;
use crate::commands::config::read::Stated;
use crate::config::Settings;
use crate::report::Finding;
use crate::secrets;
use crate::store::redis_options;

/// The store, looked at.
pub(super) enum Books {
    File(embedded::Look),
    Redis(access_store_redis::Look),
}

/// An audit log.
pub(super) struct Log {
    pub(super) shard: Shard,
    pub(super) name: String,
    /// The number of its last record, where the store says so apart from the log itself.
    pub(super) last: Option<u64>,
}

pub(super) struct Scene {
    /// With everything filled in that depends on whether it is a dev host's.
    pub(super) settings: Settings,
    /// What can't be read of the config file.
    pub(super) unread: Vec<Finding>,
    runtime: tokio::runtime::Runtime,
    store: OnceCell<Result<Books, String>>,
    host: OnceCell<Host>,
    url: Option<String>,
}

impl Scene {
    pub(super) fn new(stated: Settings, config: Option<&Path>, dev: bool, url: Option<String>) -> anyhow::Result<Self> {
        let file = Stated::of_file(config);
        let mut settings = stated.and_secrets().or(file.file);
        settings.data_dir = Some(settings.data_dir(dev));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut unread = file.findings;
        match runtime.block_on(secrets::resolved(settings.clone())) {
            Ok(resolved) => settings = resolved,
            Err(error) => unread.push(Finding::fail(
                "secrets",
                format!("{error:#}"),
                "a host can't be started until this is mended; one that runs goes on",
            )),
        }
        Ok(Self { settings, unread, runtime, store: OnceCell::new(), host: OnceCell::new(), url })
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.settings.data_dir(false)
    }

    /// The file of the embedded store.
    pub(super) fn store_file(&self) -> PathBuf {
        self.data_dir().join(embedded::FILE)
    }

    /// The store, or why it can't be looked at.
    pub(super) fn store(&self) -> &Result<Books, String> {
        self.store.get_or_init(|| match &self.settings.redis {
            None => embedded::Look::at(&self.store_file()).map(Books::File).map_err(|error| error.to_string()),
            Some(url) => {
                let options = redis_options(&self.settings, url).map_err(|error| error.to_string())?;
                let looked = self.wait(access_store_redis::Look::at(options, &SystemClock::new()));
                looked.map(Books::Redis).map_err(|error| error.to_string())
            }
        })
    }

    /// The store, or the line of a check that needs it: the store's own says why.
    pub(super) fn store_for(&self, name: &str) -> Result<&dyn Store, Finding> {
        self.store().as_ref().map(Books::store).map_err(|_| not_looked_at(name))
    }

    /// How the installation began. None: nothing was begun.
    pub(super) fn installation(&self) -> Result<Option<Installation>, String> {
        let books = self.store().as_ref().map_err(Clone::clone)?;
        self.wait(Installation::read(books.store())).map_err(|error| error.to_string())
    }

    /// The audit logs.
    pub(super) fn audit_logs(&self) -> Result<Vec<Log>, String> {
        let found: Result<Vec<Log>, StoreError> = match self.store().as_ref().map_err(Clone::clone)? {
            Books::File(look) => self
                .wait(look.logs())
                .map(|logs| logs.into_iter().map(|(shard, name)| Log { shard, name, last: None }).collect()),
            Books::Redis(look) => self.wait(look.logs()).map(|logs| {
                logs.into_iter().map(|(shard, name, last)| Log { shard, name, last: Some(last) }).collect()
            }),
        };
        let mut logs = found.map_err(|error| error.to_string())?;
        logs.retain(|log| log.name.starts_with(LOGS));
        Ok(logs)
    }

    /// The running host, as far as it answers.
    pub(super) fn host(&self) -> &Host {
        self.host.get_or_init(|| Host::ask(self.url.as_deref(), &self.settings))
    }

    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

impl Books {
    pub(super) fn store(&self) -> &dyn Store {
        match self {
            Self::File(look) => look,
            Self::Redis(look) => look,
        }
    }
}

/// The line of a check that needs a store which can't be read.
pub(super) fn not_looked_at(name: &str) -> Finding {
    Finding::warn(name, "not looked at, since the store can't be read", "mend that first; the line `store` says how")
}
