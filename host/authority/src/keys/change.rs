//! Disable, enable and revoke a key: one record, one check, one audit record.

use access_model::audit::AuditRecord;
use access_model::key::KeyError;
use access_model::{ApiKey, Credential, EventKind, Id, IdKind, KeyState, Timestamp};
use access_store::{Check, Commit, CommitError, Store};
use serde_json::json;

use super::actions;
use super::view::KeyView;
use crate::audit::append;
use crate::authority::Authority;
use crate::current::{Current, IfMatch};
use crate::decide::Permit;
use crate::due::schedule_key;
use crate::error::Error;
use crate::events::{key_event, record};
use crate::records::{CommitExt as _, TRIES, Versioned};

/// A change of a key's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Switch it off.
    Disable,
    /// Switch it on again.
    Enable,
    /// End it for good.
    Revoke,
}

impl Change {
    /// The action that it needs a permit for.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Disable => actions::DISABLE,
            Self::Enable => actions::ENABLE,
            Self::Revoke => actions::REVOKE,
        }
    }

    fn apply(self, key: ApiKey, now: Timestamp) -> Result<ApiKey, KeyError> {
        match self {
            Self::Disable => key.disable(now),
            Self::Enable => key.enable(),
            Self::Revoke => Ok(key.revoke(now)),
        }
    }
}

impl Authority {
    /// Changes the key `id` of the permit's workspace. When this returns, the key decides as changed, on this host.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Transition`]; [`Error::Stale`]; [`Error::Denied`] for enabling what the caller may not hand
    /// out.
    pub async fn change_key(
        &self,
        permit: &Permit,
        id: &Id,
        change: Change,
        if_match: &IfMatch,
    ) -> Result<Current<KeyView>, Error> {
        permit.covers(change.action())?;
        for _ in 0..TRIES {
            let found = self.read_key(permit, id).await?;
            let version = found.version();
            if_match.check(version)?;
            let Versioned { value: before, check } = found;
            let after = change.apply(before.clone(), self.clock.now())?;
            if after.state == before.state {
                if self.is_still_so(change.action(), id.home(), check).await? {
                    return Ok(Current { shown: self.view(&after), version });
                }
                continue;
            }
            let granted = match change {
                // It hands out all that the key holds, as issuing it would.
                Change::Enable => Some(self.permit_enabling(permit, &after).await?),
                Change::Disable | Change::Revoke => None,
            };
            let mut commit = Commit::new(id.home());
            self.put_changed_key(&mut commit, granted.as_ref().unwrap_or(permit), &before, &after, check)?;
            match self.store.commit(commit).await {
                Ok(committed) => return Ok(Current { shown: self.view(&after), version: committed.sequence }),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    async fn permit_enabling(&self, permit: &Permit, key: &ApiKey) -> Result<Permit, Error> {
        let kind = self.catalog.kinds.get(&key.kind);
        let kind = kind.ok_or_else(|| Error::internal(format!("kind `{}` is not in the catalog", key.kind)))?;
        self.permit_grant(permit, key, kind, Some(&key.id)).await
    }

    /// Puts a changed key and its audit record into `commit`.
    pub(super) fn put_changed_key(
        &self,
        commit: &mut Commit,
        permit: &Permit,
        before: &ApiKey,
        after: &ApiKey,
        check: Check,
    ) -> Result<(), Error> {
        let shown = |key| serde_json::to_value(self.view(key)).map_err(Error::internal);
        commit.checks.push(check);
        commit.put_credential(&Credential::ApiKey(after.clone()))?;
        schedule_key(commit, after, &self.upkeep(&after.kind), self.clock.now());
        let happened = match after.state {
            _ if after.successor != before.successor => EventKind::KeyRotated,
            KeyState::Active => EventKind::KeyEnabled,
            KeyState::Disabled { .. } => EventKind::KeyDisabled,
            KeyState::Revoked { .. } => EventKind::KeyRevoked,
        };
        let told =
            json!({ "name": after.name, "kind": after.kind, "successor": after.successor, "by": permit.actor() });
        record(commit, &key_event(happened, after, self.clock.now(), self.entropy.as_ref())?.with(told))?;
        append(
            commit,
            &AuditRecord {
                id: Id::draw(IdKind::Audit, after.organization.home(), self.entropy.as_ref())?,
                at: self.clock.now(),
                organization: Some(after.organization),
                workspace: Some(after.workspace),
                actor: permit.actor(),
                action: permit.action().to_owned(),
                target: after.id.to_string(),
                decision_id: Some(permit.decision_id().to_string()),
                before: Some(shown(before)?),
                after: Some(shown(after)?),
            },
        )
    }
}
