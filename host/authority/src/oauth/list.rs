//! Show a client; list an organization's.

use access_model::{Client, Credential, Id, IdKind};
use access_store::Store;

use super::actions;
use super::view::ClientView;
use crate::authority::Authority;
use crate::current::Current;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::records::{self, Versioned};
use crate::usage::last_used;

impl Authority {
    /// The client `id` of the permit's organization, with when each of its secrets was last used.
    ///
    /// # Errors
    /// [`Error::NotFound`], for another organization's client too.
    pub async fn get_client(&self, permit: &Permit, id: &Id) -> Result<Current<ClientView>, Error> {
        permit.covers(actions::GET)?;
        let found = self.read_client(permit, id).await?;
        let mut shown = ClientView::new(&found.value, self.clock.now());
        let keys: Vec<_> = shown.secrets.iter().map(|of| records::secret_last_used(id, of.number)).collect();
        for (secret, used) in shown.secrets.iter_mut().zip(self.store.read(id.home(), &keys).await?) {
            secret.last_used_at = used.as_ref().and_then(last_used);
        }
        Ok(Current { shown, version: found.version() })
    }

    /// The clients of the permit's organization, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor.
    pub async fn list_clients(&self, permit: &Permit, page: &PageRequest) -> Result<Page<ClientView>, Error> {
        permit.covers(actions::LIST)?;
        let organization = permit.organization()?.record.id;
        let (home, now) = (organization.home(), self.clock.now());
        let (ids, next_cursor) = self.newest(home, &records::clients_of(&organization), page).await?;
        let keys: Vec<String> = ids.iter().map(|id| format!("credential/{id}")).collect();
        let mut items = Vec::with_capacity(keys.len());
        for (key, record) in keys.iter().zip(self.store.read(home, &keys).await?) {
            if let Some(record) = record
                && let Credential::Client(client) = records::decode(key, &record)?
            {
                items.push(ClientView::new(&client, now));
            }
        }
        Ok(Page { items, next_cursor })
    }

    /// Reads a client for changing.
    pub(super) async fn read_client(&self, permit: &Permit, id: &Id) -> Result<Versioned<Client>, Error> {
        let organization = permit.organization()?.record.id;
        let missing = || Error::NotFound { what: "client", id: id.to_string() };
        if id.kind() != IdKind::Client || id.home() != organization.home() {
            return Err(missing());
        }
        let found = records::read::<Credential>(self.store.as_ref(), id.home(), records::credential(id)).await?;
        let Versioned { value, check } = found.ok_or_else(missing)?;
        match value {
            Credential::Client(client) if client.organization == organization => Ok(Versioned { value: client, check }),
            _ => Err(missing()),
        }
    }
}
