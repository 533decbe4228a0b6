//! Show a workspace; list an organization's.

use access_model::Workspace;
use access_store::Store;

use super::{WorkspaceView, actions};
use crate::authority::Authority;
use crate::decide::{Caller, Permit};
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::records;

impl Authority {
    /// The permit's workspace.
    ///
    /// # Errors
    /// Never but for a defect.
    pub fn get_workspace(&self, permit: &Permit) -> Result<WorkspaceView, Error> {
        permit.covers(actions::GET)?;
        Ok((&permit.workspace()?.record).into())
    }

    /// The workspaces in which a member holds roles beside those of the whole organization, by name. It needs no permit: whoever
    /// is a member of a workspace may know that it is there.
    ///
    /// # Errors
    /// Never but for the store's.
    pub async fn workspaces_of(&self, caller: &Caller) -> Result<Vec<WorkspaceView>, Error> {
        let Some(member) = &caller.entry.member else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (id, _) in member.record.workspaces.iter().filter(|(_, roles)| !roles.is_empty()) {
            found.extend(self.workspace(id).await?.map(|workspace| WorkspaceView::from(&workspace.record)));
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// The workspaces of the permit's organization, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor.
    pub async fn list_workspaces(&self, permit: &Permit, page: &PageRequest) -> Result<Page<WorkspaceView>, Error> {
        permit.covers(actions::LIST)?;
        let organization = permit.organization()?.record.id;
        let home = organization.home();
        let (ids, next_cursor) = self.newest(home, &records::workspaces_of(&organization), page).await?;
        let keys: Vec<String> = ids.iter().map(|id| format!("workspace/{id}")).collect();
        let mut items = Vec::with_capacity(keys.len());
        for (key, record) in keys.iter().zip(self.store.read(home, &keys).await?) {
            if let Some(record) = record {
                items.push((&records::decode::<Workspace>(key, &record)?).into());
            }
        }
        Ok(Page { items, next_cursor })
    }
}
