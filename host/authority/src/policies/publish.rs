//! Publish: put a kept revision in force.

use access_model::{EventKind, PolicyBinding, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::change::{Changed, told};
use super::kept::Revision;
use super::{PolicyView, actions};
use crate::authority::Authority;
use crate::current::{Current, IfMatch};
use crate::decide::Permit;
use crate::error::Error;
use crate::records::TRIES;

/// What is to be put in force.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PolicyPublication")]
pub struct Publication {
    /// The revision; left out, the latest. The same one again changes nothing.
    #[serde(default)]
    #[schemars(range(min = 1), example = &1)]
    pub revision: Option<u64>,
}

impl Authority {
    /// Puts a revision of the policy `name` in force. When this returns, decisions on this host follow it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Stale`]; [`Error::Conflict`] when it can't be loaded.
    pub async fn publish_policy(
        &self,
        permit: &Permit,
        name: &str,
        publication: &Publication,
        if_match: &IfMatch,
    ) -> Result<Current<PolicyView>, Error> {
        permit.covers(actions::PUBLISH)?;
        let workspace = permit.workspace_id()?;
        for _ in 0..TRIES {
            let books = self.read_policy_books(&workspace, name).await?;
            let policy = books.alive(name)?;
            books.check(if_match)?;
            let number = publication.revision.unwrap_or(policy.value.latest.revision);
            let revision = self.get_revision(&workspace, name, number).await?;
            if policy.value.published.as_ref() == Some(&revision.reference()) {
                return Ok(Current { shown: (&policy.value).into(), version: policy.version() });
            }
            let binding = PolicyBinding { name: name.to_owned(), revision: revision.reference() };
            let unloadable = |error| match error {
                Error::Internal => Error::Conflict(format!(
                    "revision {number} can't be loaded any more; publish another, or upload it anew with a change"
                )),
                error => error,
            };
            let package = self.load_packages(&workspace, &[&binding]).await.map_err(unloadable)?.pop();
            let mut changed = books.unchanged(policy.value.clone());
            self.put_in_force(&mut changed, permit, &revision, self.clock.now())?;
            let shown = PolicyView::from(&changed.policy);
            if let Some(version) = self.land_policy(&books, changed, package.as_ref()).await? {
                return Ok(Current { shown, version });
            }
        }
        Err(Error::Contended)
    }

    /// Puts a revision in force, in what a change makes of the books.
    pub(super) fn put_in_force(
        &self,
        changed: &mut Changed,
        permit: &Permit,
        revision: &Revision,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Changed { policy, workspace, commit } = changed;
        let before = told(policy.published.as_ref())?;
        policy.publish(revision.reference(), workspace, now);
        let name = policy.name.clone();
        self.tell_of_policy(commit, permit, EventKind::PolicyPublished, &name, Some(revision.reference().revision))?;
        self.record_policy_change(commit, permit, &name, before, told(policy.published.as_ref())?)
    }
}
