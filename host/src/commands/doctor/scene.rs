//! What the checks look at. Whatever takes time is looked at when the first check asks for it.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use access_authority::audit::LOGS;
use access_authority::lifecycle::Installation;
use access_model::Shard;
use access_store::StoreError;
use access_store::embedded::{self, Look};

use super::host::Host;
use crate::commands::config::read::Stated;
use crate::config::Settings;
use crate::report::Finding;

pub(super) struct Scene {
    /// With everything filled in that depends on whether it is a dev host's.
    pub(super) settings: Settings,
    /// What can't be read of the config file.
    pub(super) unread: Vec<Finding>,
    runtime: tokio::runtime::Runtime,
    store: OnceCell<Result<Look, String>>,
    host: OnceCell<Host>,
    url: Option<String>,
}

impl Scene {
    pub(super) fn new(stated: Settings, config: Option<&Path>, dev: bool, url: Option<String>) -> anyhow::Result<Self> {
        let file = Stated::of_file(config);
        let mut settings = stated.or(file.file);
        settings.data_dir = Some(settings.data_dir(dev));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { settings, unread: file.findings, runtime, store: OnceCell::new(), host: OnceCell::new(), url })
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.settings.data_dir(false)
    }

    /// The file of the embedded store.
    pub(super) fn store_file(&self) -> PathBuf {
        self.data_dir().join(embedded::FILE)
    }

    /// The store, or why it can't be looked at.
    pub(super) fn store(&self) -> &Result<Look, String> {
        self.store.get_or_init(|| Look::at(&self.store_file()).map_err(|error| error.to_string()))
    }

    /// The store, or the line of a check that needs it: the store's own says why.
    pub(super) fn store_for(&self, name: &str) -> Result<&Look, Finding> {
        self.store().as_ref().map_err(|_| not_looked_at(name))
    }

    /// How the installation began. None: nothing was begun.
    pub(super) fn installation(&self) -> Result<Option<Installation>, String> {
        let look = self.store().as_ref().map_err(Clone::clone)?;
        self.wait(Installation::read(look)).map_err(|error| error.to_string())
    }

    /// The audit logs, and where each is.
    pub(super) fn audit_logs(&self, look: &Look) -> Result<Vec<(Shard, String)>, StoreError> {
        let mut logs = self.wait(look.logs())?;
        logs.retain(|(_, log)| log.starts_with(LOGS));
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

/// The line of a check that needs a store which can't be read.
pub(super) fn not_looked_at(name: &str) -> Finding {
    Finding::warn(name, "not looked at, since the store can't be read", "mend that first; the line `store` says how")
}
