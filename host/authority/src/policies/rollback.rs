//! Roll back: put in force what was before, in one call. With nothing before, the policy goes out of force.

use access_model::EventKind;

use super::change::told;
use super::{PolicyView, actions};
use crate::authority::Authority;
use crate::current::{Current, IfMatch};
use crate::decide::Permit;
use crate::error::Error;
use crate::records::TRIES;

impl Authority {
    /// Takes back what was published last of the policy `name`. Again, and it goes back further.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::NotPublished`]; [`Error::Stale`].
    pub async fn roll_back_policy(
        &self,
        permit: &Permit,
        name: &str,
        if_match: &IfMatch,
    ) -> Result<Current<PolicyView>, Error> {
        permit.covers(actions::ROLLBACK)?;
        let workspace = permit.workspace_id()?;
        for _ in 0..TRIES {
            let books = self.read_policy_books(&workspace, name).await?;
            let policy = &books.alive(name)?.value;
            books.check(if_match)?;
            let mut changed = books.unchanged(policy.clone());
            changed.policy.roll_back(&mut changed.workspace, self.clock.now())?;
            let (before, after) = (told(policy.published.as_ref())?, told(changed.policy.published.as_ref())?);
            let revision = changed.policy.published.as_ref().map(|published| published.revision);
            self.tell_of_policy(&mut changed.commit, permit, EventKind::PolicyRolledBack, name, revision)?;
            self.record_policy_change(&mut changed.commit, permit, name, before, after)?;
            let shown = PolicyView::from(&changed.policy);
            if let Some(version) = self.land_policy(&books, changed, None).await? {
                return Ok(Current { shown, version });
            }
        }
        Err(Error::Contended)
    }
}
