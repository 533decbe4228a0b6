//! Opening an installation: which kind it is, and its keys.

use access_model::{Shard, Timestamp};
use access_store::{CommitError, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::keyring::{Keyring, SealedKeyring};
use super::root_key::RootKey;
use crate::error::Error;
use crate::records;

/// How an installation began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// Made by a dev host, whose secrets are derived and whose clock can be moved.
    pub dev: bool,
    /// When.
    pub created_at: Timestamp,
}

/// The installation can't be opened or begun.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// The root key file.
    #[error("root key: {0}")]
    RootKey(String),
    /// Something sealed does not open.
    #[error(
        "the store's keys don't open under this root key: it is another installation's, or it was replaced (`secrets rekey`), or the store was tampered with; put the right root.key in place"
    )]
    Sealed,
    /// Nothing was begun here.
    #[error(
        "nothing has been set up here; run `cronflow-access init --organization NAME --workspace NAME` first, or `serve --dev` for a demo"
    )]
    NotInitialized,
    /// Something was begun here already.
    #[error("this store is set up already; `serve` serves it")]
    AlreadyInitialized,
    /// A dev host on a real store.
    #[error(
        "this store belongs to a real installation; a dev host would open its clock to everybody, so it won't serve it; give --dev a --data-dir of its own"
    )]
    NotForDev,
    /// A real host on a dev store.
    #[error(
        "this store was made by `serve --dev`, so its secrets are not secret; serve it with --dev, or give a --data-dir of its own"
    )]
    OnlyForDev,
    /// A name is not one.
    #[error(transparent)]
    Name(#[from] access_model::organization::NameError),
    /// The catalog lacks what the beginning needs.
    #[error("the catalog has no kind of class `{0}`")]
    NoKind(&'static str),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] access_model::entropy::EntropyError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A first commit did not land.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A use case did not happen.
    #[error(transparent)]
    UseCase(#[from] Error),
}

impl Installation {
    /// Reads how the installation began; `None` when nothing was begun.
    ///
    /// # Errors
    /// When the store can't answer.
    pub async fn read(store: &dyn Store) -> Result<Option<Self>, LifecycleError> {
        let found = records::read(store, Shard::PLATFORM, records::INSTALLATION.to_owned()).await?;
        Ok(found.map(|found| found.value))
    }

    /// Opens the keyring of an installation that this host may serve.
    ///
    /// # Errors
    /// [`LifecycleError::NotInitialized`], [`LifecycleError::NotForDev`], [`LifecycleError::OnlyForDev`],
    /// [`LifecycleError::Sealed`].
    pub async fn open(store: &dyn Store, root: &RootKey, dev: bool) -> Result<Keyring, LifecycleError> {
        let installation = Self::read(store).await?.ok_or(LifecycleError::NotInitialized)?;
        installation.check_dev(dev)?;
        let sealed = records::read::<SealedKeyring>(store, Shard::PLATFORM, records::KEYRING.to_owned()).await?;
        let sealed = sealed.ok_or(LifecycleError::Sealed)?;
        sealed.value.open(root, sealed.version())
    }

    /// Since when its root key is being replaced; `None` when it is not.
    ///
    /// # Errors
    /// When the store can't answer.
    pub async fn rekey_since(store: &dyn Store) -> Result<Option<Timestamp>, LifecycleError> {
        let sealed = records::read::<SealedKeyring>(store, Shard::PLATFORM, records::KEYRING.to_owned()).await?;
        Ok(sealed.and_then(|sealed| sealed.value.rekey).map(|rekey| rekey.since))
    }

    /// Refuses a dev host on a real store, and the other way round.
    ///
    /// # Errors
    /// [`LifecycleError::NotForDev`], [`LifecycleError::OnlyForDev`].
    pub const fn check_dev(&self, dev: bool) -> Result<(), LifecycleError> {
        match (self.dev, dev) {
            (false, true) => Err(LifecycleError::NotForDev),
            (true, false) => Err(LifecycleError::OnlyForDev),
            _ => Ok(()),
        }
    }
}
