//! List an organization's invitations.

use access_model::{Id, IdKind, Invitation};
use access_store::Store;

use super::{InvitationView, actions};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::records::{self, Versioned};

impl Authority {
    /// The invitations of the permit's organization, newest first; those that are over too.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor.
    pub async fn list_invitations(&self, permit: &Permit, page: &PageRequest) -> Result<Page<InvitationView>, Error> {
        permit.covers(actions::LIST)?;
        let organization = permit.organization()?.record.id;
        let (home, now) = (organization.home(), self.clock.now());
        let (ids, next_cursor) = self.newest(home, &records::invitations_of(&organization), page).await?;
        let keys: Vec<String> = ids.iter().map(|id| format!("invitation/{id}")).collect();
        let mut items = Vec::with_capacity(keys.len());
        for (key, record) in keys.iter().zip(self.store.read(home, &keys).await?) {
            if let Some(record) = record {
                items.push(InvitationView::new(&records::decode(key, &record)?, now));
            }
        }
        Ok(Page { items, next_cursor })
    }

    /// Reads an invitation for changing.
    pub(super) async fn read_invitation(&self, permit: &Permit, id: &Id) -> Result<Versioned<Invitation>, Error> {
        let organization = permit.organization()?.record.id;
        let missing = || Error::NotFound { what: "invitation", id: id.to_string() };
        if id.kind() != IdKind::Invitation || id.home() != organization.home() {
            return Err(missing());
        }
        let found = records::read::<Invitation>(self.store.as_ref(), id.home(), records::invitation(id)).await?;
        found.filter(|found| found.value.organization == organization).ok_or_else(missing)
    }
}
