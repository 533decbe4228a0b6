//! The keys that everything sealed hangs on, and how they are replaced while hosts serve.
//!
//! - [`status`]: which there are, and how much stands under each.
//! - [`rekey`]: another root key, and another data key with it. First both root keys open the keyring; then everything sealed
//!   goes over to the new data key; then hosts are started with the new root key; then the old one opens nothing any more.
//! - [`peppers`]: another pepper, and the end of one. A secret whose digest is under a former pepper is digested anew when
//!   it is next presented ([`rehash`]).
//! - [`follow`]: each host hears of a keyring that changed, and opens it by what it holds.
//! - [`walk`]: everything that is digested or sealed, a bounded part at a time.
//!
//! INVARIANT: no step takes anything from a host that has not heard of it: what a step ends, ends once every host has told
//! that it holds the newest keyring.

mod follow;
mod peppers;
mod rehash;
mod rekey;
mod status;
mod walk;

pub use peppers::{RetireRequest, RetireView};
pub use rekey::{FinishRequest, RekeyRequest, ResealRequest, ResealView};
pub use status::{DataKeyView, PepperView, RekeyView, SecretsUsageRequest, SecretsUsageView, SecretsView};

pub(crate) use follow::may_have_changed;
pub(crate) use rehash::Rehashes;

/// Actions of the catalog that these use cases need a permit for.
pub mod actions {
    /// See which keys there are.
    pub const GET: &str = "secrets.get";
    /// Replace the root key.
    pub const REKEY: &str = "secrets.rekey";
    /// Make another pepper, and end one.
    pub const PEPPERS: &str = "secrets.peppers";
}

use access_model::audit::AuditRecord;
use access_model::{Id, IdKind, Shard};
use access_store::{Commit, CommitError, Committed, Store};
use serde_json::Value;

use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::lifecycle::keyring::SealedKeyring;
use crate::records::{self, CommitExt as _, Versioned};

impl Authority {
    async fn sealed_keyring(&self) -> Result<Versioned<SealedKeyring>, Error> {
        let found = records::read(self.store.as_ref(), Shard::PLATFORM, records::KEYRING.to_owned()).await?;
        found.ok_or_else(|| Error::internal("the store has no keyring"))
    }

    /// Puts the keyring over the one that it was worked out from, with its audit record, and holds it.
    async fn put_keyring(
        &self,
        permit: &Permit,
        found: Versioned<SealedKeyring>,
        after: &SealedKeyring,
        (before, told): (Value, Value),
    ) -> Result<(), Error> {
        let mut commit = Commit::new(Shard::PLATFORM);
        commit.checks.push(found.check);
        commit.put(records::KEYRING.to_owned(), after)?;
        let record = AuditRecord {
            id: Id::draw(IdKind::Audit, Shard::PLATFORM, self.entropy.as_ref())?,
            at: self.clock.now(),
            organization: None,
            workspace: None,
            actor: permit.actor(),
            action: permit.action().to_owned(),
            target: "keyring".to_owned(),
            decision_id: Some(permit.decision_id().to_string()),
            before: Some(before),
            after: Some(told),
        };
        append(&mut commit, &record)?;
        match self.store.commit(commit).await {
            Ok(Committed { .. }) => self.read_keyring().await,
            Err(CommitError::Conflict { .. }) => Err(Error::Contended),
            Err(error) => Err(error.into()),
        }
    }

    /// The demo's secrets hang on its root key, and are the same at every start.
    fn refuse_dev(&self) -> Result<(), Error> {
        if self.is_dev {
            return Err(Error::Conflict(
                "a dev host's secrets are made from its root key, and stay what they are; begin a real installation with \
                 `cronflow-access init`"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}
