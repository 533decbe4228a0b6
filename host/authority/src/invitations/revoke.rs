//! Take an invitation back.

use access_model::audit::AuditRecord;
use access_model::{Id, IdKind};
use access_store::{Commit, CommitError, Store};

use super::{InvitationView, actions};
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::records::{self, CommitExt as _, TRIES};

impl Authority {
    /// Takes the invitation `id` of the permit's organization back.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invitation`] where it was used.
    pub async fn revoke_invitation(&self, permit: &Permit, id: &Id) -> Result<InvitationView, Error> {
        permit.covers(actions::REVOKE)?;
        for _ in 0..TRIES {
            let found = self.read_invitation(permit, id).await?;
            let now = self.clock.now();
            let before = InvitationView::new(&found.value, now);
            let is_over = found.value.revoked_at.is_some();
            let after = found.value.revoke(now)?;
            if is_over {
                return Ok(before);
            }
            let shown = InvitationView::new(&after, now);
            let told = |view: &InvitationView| serde_json::to_value(view).map_err(Error::internal);
            let mut commit = Commit::new(id.home());
            commit.checks.push(found.check);
            commit.put(records::invitation(id), &after)?;
            let record = AuditRecord {
                id: Id::draw(IdKind::Audit, id.home(), self.entropy.as_ref())?,
                at: now,
                organization: Some(after.organization),
                workspace: None,
                actor: permit.actor(),
                action: permit.action().to_owned(),
                target: id.to_string(),
                decision_id: Some(permit.decision_id().to_string()),
                before: Some(told(&before)?),
                after: Some(told(&shown)?),
            };
            append(&mut commit, &record)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(shown),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}
