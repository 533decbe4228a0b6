//! A key ends: the audit trail says so, and people are told. That it is denied from that instant on needs no work; validity is checked against
//! `now`.

use access_model::audit::AuditRecord;
use access_model::{ApiKey, Credential, Event, EventKind, Id, IdKind};
use access_store::Commit;
use serde_json::json;

use super::Due;
use crate::audit::append;
use crate::authority::Authority;
use crate::error::Error;
use crate::lifecycle::system;
use crate::records::{self, Versioned};

/// What the record is about.
const ACTION: &str = "keys.expire";

/// Keeps the index in step with a key that `commit` puts.
pub(super) fn schedule(commit: &mut Commit, key: &ApiKey) {
    let due = Due::KeyExpiry(key.id);
    match key.expires_at.filter(|_| !key.is_revoked()) {
        Some(at) => due.put(commit, at),
        None => due.take_out(commit),
    }
}

impl Authority {
    pub(super) async fn expire_key(&self, id: &Id) -> Result<(), Error> {
        let now = self.clock.now();
        let mut commit = Commit::new(id.home());
        Due::KeyExpiry(*id).take_out(&mut commit);
        let found = records::read::<Credential>(self.store.as_ref(), id.home(), records::credential(id)).await?;
        if let Some(Versioned { value: Credential::ApiKey(key), check }) = found
            && !key.is_revoked()
            && let Some(expires_at) = key.expires_at
        {
            if now < expires_at {
                let mut commit = Commit { announce: false, ..Commit::new(id.home()) };
                commit.checks.push(check);
                Due::KeyExpiry(*id).put(&mut commit, expires_at);
                return self.commit_due(commit).await;
            }
            // Unchanged, and checked to be: a rotation at the same time may have put its end elsewhere.
            commit.checks.push(check);
            let record = AuditRecord {
                id: Id::draw(IdKind::Audit, key.organization.home(), self.entropy.as_ref())?,
                at: now,
                organization: Some(key.organization),
                workspace: Some(key.workspace),
                actor: system(),
                action: ACTION.to_owned(),
                target: key.id.to_string(),
                decision_id: None,
                before: None,
                after: Some(json!({ "state": key.state_at(now), "expires_at": expires_at })),
            };
            append(&mut commit, &record)?;
            // A rotation brought it about, or nobody did.
            let happened = if key.successor.is_some() { EventKind::KeyOverlapEnded } else { EventKind::KeyExpired };
            let owners = (key.organization, Some(key.workspace));
            let event = Event::once(happened, owners, &id.to_string(), "end", now)?;
            let told = json!({
                "name": key.name, "kind": key.kind, "expires_at": expires_at, "successor": key.successor,
            });
            Due::Inactivity(*id).take_out(&mut commit);
            return self.announce(commit, &event.with(told)).await;
        }
        self.commit_due(commit).await
    }
}
