//! Delete a policy: out of force and off the list. Its revisions are kept, and their numbers go on if it comes again.

use access_store::Check;

use super::actions;
use super::change::told;
use crate::authority::Authority;
use crate::current::IfMatch;
use crate::decide::Permit;
use crate::error::Error;
use crate::records::{self, CommitExt as _, TRIES};

impl Authority {
    /// Deletes the policy `name`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Stale`].
    pub async fn delete_policy(&self, permit: &Permit, name: &str, if_match: &IfMatch) -> Result<(), Error> {
        permit.covers(actions::DELETE)?;
        let workspace = permit.workspace_id()?;
        for _ in 0..TRIES {
            let books = self.read_policy_books(&workspace, name).await?;
            let policy = &books.alive(name)?.value;
            books.check(if_match)?;
            let mut changed = books.unchanged(policy.clone());
            changed.policy.delete(&mut changed.workspace, self.clock.now());
            let commit = &mut changed.commit;
            commit.index_deletes.push((records::policies_of(&workspace), name.to_owned()));
            let mut totals = books.totals.value.clone();
            totals.policies = totals.policies.saturating_sub(1);
            let Check { key, version } = books.totals.check.clone();
            commit.checks.push(Check { key: key.clone(), version });
            commit.put(key, &totals)?;
            self.record_policy_change(commit, permit, name, told(policy.published.as_ref())?, told(None)?)?;
            if self.land_policy(&books, changed, None).await?.is_some() {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }
}
