//! A keyring that another host changed is read and opened by what this one holds. Requests never wait for it, but for one
//! case: a record that names a key newer than any known here is no stranger's, so the keyring is read first.

use std::sync::Arc;

use access_model::{Credential, Pepper, SecretDigest, Shard};
use access_store::{Change, in_background};

use crate::authority::Authority;
use crate::error::Error;
use crate::lifecycle::keyring::data_key_of;
use crate::records;

/// Whether the store's keyring may be another one after this change.
pub(crate) fn may_have_changed(change: &Change) -> bool {
    match change {
        Change::Touched { shard, keys } => *shard == Shard::PLATFORM && keys.iter().any(|key| key == records::KEYRING),
        Change::Missed { shard } => *shard == Shard::PLATFORM,
    }
}

impl Authority {
    /// Follows the keyring that other hosts of the store change, for ever.
    pub async fn follow_keyring(&self) {
        loop {
            self.keyring_changed.notified().await;
            if let Err(error) = in_background(self.read_keyring()).await {
                // What is held goes on being used; the next change, or the next record that needs it, tries again.
                tracing::error!(%error, "the keyring could not be read anew");
            }
        }
    }

    /// Reads the keyring, and holds it if it is newer than what is held.
    pub(crate) async fn read_keyring(&self) -> Result<(), Error> {
        let found = self.sealed_keyring().await?;
        let held = self.keyring();
        if found.version() <= held.version() {
            return Ok(());
        }
        let opened = found.value.open_anew(&held, found.version()).map_err(Error::internal)?;
        let opened = Arc::new(opened);
        self.keys.rcu(|held| Arc::clone(if held.version() < opened.version() { &opened } else { held }));
        // The other hosts are told so without delay.
        self.hosts.look_soon();
        Ok(())
    }

    /// Makes sure that the pepper `id`, which a record names, is held, if it is there at all. Ids of peppers that have ended
    /// are lower than that of the current one, so nobody makes a host read by coming with an old secret.
    pub(crate) async fn know_pepper(&self, id: u32) -> Result<(), Error> {
        let newest = self.keys.load().current_pepper().map(Pepper::id);
        if newest.is_some_and(|newest| id <= newest) { Ok(()) } else { self.read_keyring().await }
    }

    /// The same for every digest of a credential.
    pub(crate) async fn know_peppers_of(&self, credential: &Credential) -> Result<(), Error> {
        let newest = match credential {
            Credential::Client(client) => client.secrets.iter().map(|secret| secret.digest.pepper()).max(),
            other => other.secret().map(SecretDigest::pepper),
        };
        match newest {
            Some(id) => self.know_pepper(id).await,
            None => Ok(()),
        }
    }

    /// The same for the data key that something was sealed under.
    pub(crate) async fn know_data_key_of(&self, sealed: &str) -> Result<(), Error> {
        let id = data_key_of(sealed);
        let newest = self.keys.load().data_keys().last().copied();
        if id <= newest { Ok(()) } else { self.read_keyring().await }
    }
}
