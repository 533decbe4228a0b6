//! Lists of policies, by name, and of a policy's revisions, the latest first.

use access_model::{Id, Policy};
use access_store::{IndexEntry, Range, Store};

use super::change::missing;
use super::{PolicyView, RevisionView, actions};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{Page, PageRequest, cursor};
use crate::records::{self, Versioned};

impl Authority {
    /// The policies of the permit's workspace, by name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor.
    pub async fn list_policies(&self, permit: &Permit, page: &PageRequest) -> Result<Page<PolicyView>, Error> {
        permit.covers(actions::LIST)?;
        let workspace = permit.workspace_id()?;
        let (index, limit) = (records::policies_of(&workspace), page.limit()?);
        let after = page.position::<String>(&self.keyring(), &index)?.map(|member| IndexEntry { score: 0, member });
        let range = Range { index: index.clone(), after, up_to: None, descending: false, limit: limit + 1 };
        let mut names: Vec<_> =
            self.store.range(workspace.home(), range).await?.into_iter().map(|entry| entry.member).collect();
        let more = names.len() > limit;
        names.truncate(limit);
        let keys: Vec<_> = names.iter().map(|name| records::policy(&workspace, name)).collect();
        let found = self.store.read(workspace.home(), &keys).await?;
        let mut items = Vec::new();
        for (key, record) in keys.into_iter().zip(&found) {
            // One that is deleted just now is there no more.
            let policy = Versioned::<Policy>::of(key, record.as_ref())?.map(|policy| policy.value);
            items.extend(policy.filter(|policy| policy.deleted_at.is_none()).map(|policy| PolicyView::from(&policy)));
        }
        let last = names.last().filter(|_| more);
        let next_cursor = last.map(|last| cursor(&self.keyring(), &index, last)).transpose()?;
        Ok(Page { items, next_cursor })
    }

    /// The revisions of the policy `name`, the latest first, without their modules and cases.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a limit or cursor.
    pub async fn list_policy_revisions(
        &self,
        permit: &Permit,
        name: &str,
        page: &PageRequest,
    ) -> Result<Page<RevisionView>, Error> {
        permit.covers(actions::LIST)?;
        let workspace = permit.workspace_id()?;
        let policy = self.read_policy(&workspace, name).await?.value;
        let (list, limit) = (records::policy_revision(&workspace, name, 0), page.limit()?);
        let below = page.position::<u64>(&self.keyring(), &list)?.unwrap_or_else(|| policy.next());
        let numbers: Vec<u64> = (1..below.min(policy.next())).rev().take(limit).collect();
        let wanted: Vec<_> = numbers.iter().map(|number| (name, *number)).collect();
        let found = self.read_revisions(&workspace, &wanted).await?;
        let items = found.into_iter().flatten().map(|revision| RevisionView::new(revision, None)).collect();
        let last = numbers.last().filter(|last| **last > 1);
        let next_cursor = last.map(|last| cursor(&self.keyring(), &list, last)).transpose()?;
        Ok(Page { items, next_cursor })
    }

    /// A policy that must be there, as it is in the store.
    pub(super) async fn read_policy(&self, workspace: &Id, name: &str) -> Result<Versioned<Policy>, Error> {
        let found = records::read::<Policy>(self.store.as_ref(), workspace.home(), records::policy(workspace, name));
        found.await?.filter(|policy| policy.value.deleted_at.is_none()).ok_or_else(|| missing(name))
    }
}
