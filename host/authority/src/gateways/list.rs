//! Show a gateway credential; list all of them.

use access_model::{Credential, Id, IdKind, Shard};
use access_store::Store;

use super::GatewayView;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::records;

/// The action of listing them.
pub const ACTION_LIST: &str = "gateways.list";
/// The action of showing one.
pub const ACTION_GET: &str = "gateways.get";

impl Authority {
    /// The gateway credential `id`.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_gateway(&self, permit: &Permit, id: &Id) -> Result<GatewayView, Error> {
        permit.covers(ACTION_GET)?;
        let found = match id.kind() {
            IdKind::Gateway => records::read(self.store.as_ref(), id.home(), records::credential(id)).await?,
            _ => None,
        };
        match found.map(|found| found.value) {
            Some(Credential::Gateway(gateway)) => Ok((&gateway).into()),
            _ => Err(Error::NotFound { what: "gateway", id: id.to_string() }),
        }
    }

    /// All gateway credentials, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor.
    pub async fn list_gateways(&self, permit: &Permit, page: &PageRequest) -> Result<Page<GatewayView>, Error> {
        permit.covers(ACTION_LIST)?;
        let (ids, next_cursor) = self.newest(Shard::PLATFORM, records::GATEWAYS, page).await?;
        let keys: Vec<String> = ids.iter().map(|id| format!("credential/{id}")).collect();
        let mut items = Vec::with_capacity(keys.len());
        for (key, record) in keys.iter().zip(self.store.read(Shard::PLATFORM, &keys).await?) {
            if let Some(record) = record
                && let Credential::Gateway(gateway) = records::decode(key, &record)?
            {
                items.push((&gateway).into());
            }
        }
        Ok(Page { items, next_cursor })
    }
}
