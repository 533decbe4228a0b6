//! A key or client that nobody comes with any more: flagged, and people are told.
//!
//! When something was last used is told to the store by the usage flush anyway; that commit takes the flag away ([`used`]),
//! without looking whether there is one. The entry is not moved by use: when its time has come, what was used is looked at
//! again so much later. So use costs no read, and no decision waits for anything.

use access_model::audit::AuditRecord;
use access_model::{
    ApiKey, Client, Credential, Event, EventKind, Id, IdKind, KeyState, Organization, Timestamp, Upkeep, Workspace,
};
use access_store::{Check, Commit, Record, Store as _};
use serde_json::json;

use super::Due;
use crate::audit::append;
use crate::authority::Authority;
use crate::error::Error;
use crate::events::record;
use crate::keys::Snoozes;
use crate::lifecycle::system;
use crate::oauth::ClientView;
use crate::records::{self, CommitExt as _, Versioned};
use crate::usage::last_used;

/// Keeps index and flag in step with a key or client that `commit` puts. What is switched off keeps its flag, which may be why;
/// switching it on gives it its whole time.
pub(super) fn schedule(commit: &mut Commit, credential: &Credential, upkeep: &Upkeep, now: Timestamp) {
    let (id, state, begins) = match credential {
        Credential::ApiKey(key) => (key.id, key.state, key.not_before.unwrap_or(now).max(now)),
        Credential::Client(client) => (client.id, client.state, now),
        _ => return,
    };
    let is_replaced = matches!(credential, Credential::ApiKey(key) if key.successor.is_some());
    let due = Due::Inactivity(id);
    match (state, upkeep.inactive) {
        (KeyState::Active, Some(after)) if !is_replaced => {
            due.put(commit, begins.plus(after));
            commit.deletes.push(records::inactive(&id));
        }
        (KeyState::Disabled { .. }, _) => due.take_out(commit),
        _ => {
            due.take_out(commit);
            commit.deletes.push(records::inactive(&id));
        }
    }
}

/// It was used: not inactive.
pub(crate) fn used(commit: &mut Commit, id: &Id, upkeep: &Upkeep) {
    if upkeep.inactive.is_some() {
        commit.deletes.push(records::inactive(id));
    }
}

/// What the record of the flag says.
pub(crate) fn inactive_since(record: &Record) -> Option<Timestamp> {
    serde_json::from_slice(&record.value).ok()
}

impl Authority {
    pub(super) async fn flag_inactive(&self, id: &Id) -> Result<(), Error> {
        let (home, now) = (id.home(), self.clock.now());
        let mut commit = Commit::new(home);
        let keys = [records::credential(id), records::last_used(id), records::inactive(id), records::snoozes(id)];
        let found = self.store.read(home, &keys).await?;
        let ([key, used_key, flag_key, snoozes_key], [record, used, flag, snoozes]) = (keys, found.as_slice()) else {
            return Err(Error::internal("the store answers what it was not asked"));
        };
        let due = Due::Inactivity(*id);
        let Some(Versioned { value: credential, check }) = Versioned::of(key, record.as_ref())? else {
            due.take_out(&mut commit);
            return self.commit_due(commit).await;
        };
        // INVARIANT: neither changed nor used meanwhile, or it is looked at again.
        commit.checks.push(check);
        commit.checks.push(Check { key: used_key, version: used.as_ref().map(|record| record.version) });
        let watched = match &credential {
            Credential::ApiKey(key) if is_watched(key, now) => {
                Some((&key.kind, EventKind::KeyInactive, (key.organization, Some(key.workspace)), &key.name))
            }
            Credential::Client(client) if client.is_active() => {
                Some((&client.kind, EventKind::ClientInactive, (client.organization, None), &client.terms.name))
            }
            _ => None,
        };
        let after = watched.and_then(|(kind, ..)| self.upkeep(kind).inactive);
        let (Some((kind, event, owners, name)), Some(after)) = (watched, after) else {
            due.take_out(&mut commit);
            return self.commit_due(commit).await;
        };
        let last = used.as_ref().and_then(last_used);
        let since = last.unwrap_or(begins(&credential)).plus(after);
        let waits = Some(since).filter(|since| now < *since);
        // It is looked at again as long as it is there: once it was used, it may be inactive again.
        let flagged = flag.as_ref().map(|_| now.plus(after));
        let snoozed = Snoozes::read(&snoozes_key, snoozes.as_ref())?.until(event, now);
        if let Some(until) = waits.or(flagged).or(snoozed) {
            due.put(&mut commit, until);
            return self.commit_due(commit).await;
        }
        if self.are_archived(&owners).await? {
            due.take_out(&mut commit);
            return self.commit_due(commit).await;
        }
        due.put(&mut commit, now.plus(after));
        // INVARIANT: nobody else flags it, so that people are told once.
        commit.checks.push(Check { key: flag_key.clone(), version: None });
        commit.put(flag_key, &since)?;
        let told = Event::new(event, owners, &id.to_string(), now, self.entropy.as_ref())?;
        let disables = self.disables_inactive(&owners).await?;
        let data =
            json!({ "name": name, "kind": kind, "last_used_at": last, "inactive_since": since, "disabled": disables });
        if disables {
            due.take_out(&mut commit);
            self.disable_inactive(&mut commit, credential.clone(), now)?;
        }
        self.announce(commit, &told.with(data)).await
    }

    /// Whether the owner wants what is inactive switched off.
    async fn disables_inactive(&self, (organization, workspace): &(Id, Option<Id>)) -> Result<bool, Error> {
        let store = self.store.as_ref();
        Ok(match workspace {
            Some(id) => records::read::<Workspace>(store, id.home(), records::workspace(id))
                .await?
                .is_some_and(|found| found.value.settings.disable_inactive_keys),
            None => records::read::<Organization>(store, organization.home(), records::organization(organization))
                .await?
                .is_some_and(|found| found.value.settings.disable_inactive_clients),
        })
    }

    fn disable_inactive(&self, commit: &mut Commit, credential: Credential, now: Timestamp) -> Result<(), Error> {
        let shown = |of: &Credential| match of {
            Credential::ApiKey(key) => serde_json::to_value(self.view(key)),
            Credential::Client(client) => serde_json::to_value(ClientView::new(client, now)),
            _ => Ok(json!(null)),
        };
        let before = shown(&credential).map_err(Error::internal)?;
        let (after, action, event, owners) = match credential {
            Credential::ApiKey(key) => {
                let owners = (key.organization, Some(key.workspace));
                (Credential::ApiKey(key.disable(now)?), "keys.disable", EventKind::KeyDisabled, owners)
            }
            Credential::Client(client) => {
                let owners = (client.organization, None);
                (Credential::Client(client.disable(now)?), "clients.disable", EventKind::ClientDisabled, owners)
            }
            _ => return Ok(()),
        };
        commit.put_credential(&after)?;
        let target = after.id().to_string();
        let happened = Event::new(event, owners, &target, now, self.entropy.as_ref())?;
        record(commit, &happened.with(json!({ "by": system(), "why": "inactive" })))?;
        let record = AuditRecord {
            id: Id::draw(IdKind::Audit, after.id().home(), self.entropy.as_ref())?,
            at: now,
            organization: Some(owners.0),
            workspace: owners.1,
            actor: system(),
            action: action.to_owned(),
            target,
            decision_id: None,
            before: Some(before),
            after: Some(shown(&after).map_err(Error::internal)?),
        };
        append(commit, &record)
    }
}

fn is_watched(key: &ApiKey, now: Timestamp) -> bool {
    key.state == KeyState::Active && key.successor.is_none() && key.expires_at.is_none_or(|end| now < end)
}

/// From when on it can be used.
fn begins(credential: &Credential) -> Timestamp {
    match credential {
        Credential::ApiKey(ApiKey { created_at, not_before, .. }) => not_before.unwrap_or(*created_at).max(*created_at),
        Credential::Client(Client { created_at, .. }) => *created_at,
        _ => Timestamp::from_millis(0),
    }
}
