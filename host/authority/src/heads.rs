//! Changing the head of an organization or workspace: one record, one check, one audit record.

use access_model::audit::AuditRecord;
use access_model::{AuditDecisions, Event, EventKind, Id, IdKind, Organization, OwnerState, Workspace};
use access_store::{Commit, CommitError, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::audit::{append, schedule_retention};
use crate::authority::Authority;
use crate::current::{Current, IfMatch};
use crate::decide::Permit;
use crate::error::Error;
use crate::events;
use crate::records::{self, CommitExt as _, TRIES, Versioned};

/// The record of an owner, which is cached and read for every decision.
pub(crate) trait Head: Serialize + DeserializeOwned + Clone + Send + Sync {
    /// What it is called.
    const WHAT: &'static str;

    fn key(id: &Id) -> String;
    fn state(&mut self) -> &mut OwnerState;
    /// What is kept of its audit trail: for how many days, and which decisions.
    fn audit_kept(&self) -> (Option<u32>, AuditDecisions);
    /// Whose books it is in: an organization's, and a workspace's where it is one.
    fn owners(&self) -> (Id, Option<Id>);
}

impl Head for Organization {
    const WHAT: &'static str = "organization";

    fn key(id: &Id) -> String {
        records::organization(id)
    }

    fn state(&mut self) -> &mut OwnerState {
        &mut self.state
    }

    fn audit_kept(&self) -> (Option<u32>, AuditDecisions) {
        (self.settings.audit_retention_days, AuditDecisions::None)
    }

    fn owners(&self) -> (Id, Option<Id>) {
        (self.id, None)
    }
}

impl Head for Workspace {
    const WHAT: &'static str = "workspace";

    fn key(id: &Id) -> String {
        records::workspace(id)
    }

    fn state(&mut self) -> &mut OwnerState {
        &mut self.state
    }

    fn audit_kept(&self) -> (Option<u32>, AuditDecisions) {
        (self.settings.audit_retention_days, self.settings.audit_decisions)
    }

    fn owners(&self) -> (Id, Option<Id>) {
        (self.organization, Some(self.id))
    }
}

impl Authority {
    /// A head as it is in the store, which is what a version is told of.
    pub(crate) async fn read_head<H: Head>(&self, id: &Id) -> Result<Versioned<H>, Error> {
        let found = records::read(self.store.as_ref(), id.home(), H::key(id)).await?;
        found.ok_or_else(|| Error::NotFound { what: H::WHAT, id: id.to_string() })
    }

    /// Changes a head. `shown` is what is told of it, in the answer and in the audit trail; where that stays the same, nothing
    /// is done. When this returns, decisions on this host follow the change.
    pub(crate) async fn change_head<H: Head, V: Serialize + PartialEq>(
        &self,
        permit: &Permit,
        id: &Id,
        if_match: &IfMatch,
        change: impl Fn(&mut H) -> Result<(), Error>,
        shown: impl Fn(&H) -> V,
    ) -> Result<Current<V>, Error> {
        for _ in 0..TRIES {
            let found = self.read_head::<H>(id).await?;
            if_match.check(found.version())?;
            let (before, mut after) = (shown(&found.value), found.value.clone());
            change(&mut after)?;
            let after_shown = shown(&after);
            if after_shown == before {
                let version = found.version();
                if self.is_still_so(permit.action(), id.home(), found.check).await? {
                    return Ok(Current { shown: before, version });
                }
                continue;
            }
            let (organization, workspace) = after.owners();
            let mut commit = Commit::new(id.home());
            commit.checks.push(found.check);
            commit.put(H::key(id), &after)?;
            let record = AuditRecord {
                id: Id::draw(IdKind::Audit, id.home(), self.entropy.as_ref())?,
                at: self.clock.now(),
                organization: Some(organization),
                workspace,
                actor: permit.actor(),
                action: permit.action().to_owned(),
                target: id.to_string(),
                decision_id: Some(permit.decision_id().to_string()),
                before: Some(serde_json::to_value(&before).map_err(Error::internal)?),
                after: Some(serde_json::to_value(&after_shown).map_err(Error::internal)?),
            };
            append(&mut commit, &record)?;
            if permit.action() == crate::network::ACTION_UPDATE {
                let owners = after.owners();
                let now = self.clock.now();
                let event = Event::new(EventKind::NetworkChanged, owners, &id.to_string(), now, self.entropy.as_ref())?;
                let told = json!({ "before": before, "after": after_shown, "by": permit.actor() });
                events::record(&mut commit, &event.with(told))?;
                // A list that is put may let in less than the one before.
                commit.narrows = true;
            }
            if after.audit_kept() != found.value.audit_kept() {
                schedule_retention(&mut commit, id, self.clock.now());
            }
            match self.store.commit(commit).await {
                Ok(committed) => return Ok(Current { shown: after_shown, version: committed.sequence }),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Suspends, resumes or archives.
    pub(crate) async fn change_owner<H: Head, V: Serialize + PartialEq>(
        &self,
        permit: &Permit,
        id: &Id,
        change: OwnerChange,
        shown: impl Fn(&H) -> V,
    ) -> Result<V, Error> {
        let change = |head: &mut H| {
            let state = head.state();
            *state = change.apply(*state)?;
            Ok(())
        };
        Ok(self.change_head(permit, id, &IfMatch::Any, change, shown).await?.shown)
    }
}

/// A change of an owner's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerChange {
    /// End its credentials for now.
    Suspend,
    /// Let them work again.
    Resume,
    /// End them for good.
    Archive,
}

impl OwnerChange {
    fn apply(self, state: OwnerState) -> Result<OwnerState, Error> {
        Ok(match self {
            Self::Suspend => state.suspend()?,
            Self::Resume => state.resume()?,
            Self::Archive => state.archive(),
        })
    }
}
