//! Show an organization; list all of them.

use std::collections::{BTreeMap, HashMap};

use access_model::{Id, Organization, Shard};
use access_store::Store;

use super::{OrganizationView, actions};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::records;

impl Authority {
    /// The permit's organization.
    ///
    /// # Errors
    /// Never but for a defect.
    pub fn get_organization(&self, permit: &Permit) -> Result<OrganizationView, Error> {
        permit.covers(actions::GET)?;
        Ok((&permit.organization()?.record).into())
    }

    /// All organizations, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor.
    pub async fn list_organizations(
        &self,
        permit: &Permit,
        page: &PageRequest,
    ) -> Result<Page<OrganizationView>, Error> {
        permit.covers(actions::LIST)?;
        let (members, next_cursor) = self.newest(Shard::PLATFORM, records::ORGANIZATIONS, page).await?;
        let ids: Vec<Id> = members.iter().filter_map(|member| member.parse().ok()).collect();
        // Their homes differ: one read for each home, not for each organization.
        let mut homes: BTreeMap<Shard, Vec<String>> = BTreeMap::new();
        for id in &ids {
            homes.entry(id.home()).or_default().push(records::organization(id));
        }
        let mut found = HashMap::new();
        for (home, keys) in homes {
            for (key, record) in keys.iter().zip(self.store.read(home, &keys).await?) {
                if let Some(record) = record {
                    let organization: Organization = records::decode(key, &record)?;
                    found.insert(organization.id, organization);
                }
            }
        }
        // One whose creation was cut short has a name and a place, and is not there yet.
        let items = ids.iter().filter_map(|id| found.get(id)).map(OrganizationView::from).collect();
        Ok(Page { items, next_cursor })
    }
}
