//! Show a member; list an organization's.

use access_model::{Id, IdKind, Member};
use access_store::Store;

use super::actions;
use super::beyond::Beyond;
use super::change::MemberChanged;
use super::view::MemberView;
use crate::authority::Authority;
use crate::current::Current;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::records::{self, Versioned};

impl Authority {
    /// The member `id` of the permit's organization, with what it issued beyond what it may now.
    ///
    /// # Errors
    /// [`Error::NotFound`], for another organization's member too.
    pub async fn get_member(&self, permit: &Permit, id: &Id) -> Result<Current<MemberChanged>, Error> {
        permit.covers(actions::GET)?;
        let found = self.read_member(permit, id).await?;
        let beyond: Vec<Beyond> = self.beyond(permit.organization()?, &found.value).await?;
        let locked_out = self.is_locked_out(&found.value).await?;
        let member = MemberView::from(&found.value);
        Ok(Current { shown: MemberChanged { member, beyond, locked_out }, version: found.version() })
    }

    /// The members of the permit's organization, newest first; those that were removed too.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor.
    pub async fn list_members(&self, permit: &Permit, page: &PageRequest) -> Result<Page<MemberView>, Error> {
        permit.covers(actions::LIST)?;
        let organization = permit.organization()?.record.id;
        let (home, index) = (organization.home(), records::members_of(&organization));
        let (ids, next_cursor) = self.newest(home, &index, page).await?;
        let keys: Vec<String> = ids.iter().map(|id| format!("member/{id}")).collect();
        let mut items = Vec::with_capacity(keys.len());
        for (key, record) in keys.iter().zip(self.store.read(home, &keys).await?) {
            if let Some(record) = record {
                items.push(MemberView::from(&records::decode::<Member>(key, &record)?));
            }
        }
        Ok(Page { items, next_cursor })
    }

    /// Reads a member for changing.
    pub(crate) async fn read_member(&self, permit: &Permit, id: &Id) -> Result<Versioned<Member>, Error> {
        let organization = permit.organization()?.record.id;
        let missing = || Error::NotFound { what: "member", id: id.to_string() };
        if id.kind() != IdKind::Member || id.home() != organization.home() {
            return Err(missing());
        }
        let found = records::read::<Member>(self.store.as_ref(), id.home(), records::member(id)).await?;
        found.filter(|found| found.value.organization == organization).ok_or_else(missing)
    }
}
