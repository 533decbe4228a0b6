//! Show a client; list an organization's.

use access_model::{Client, Credential, Id, IdKind};
use access_store::Store;

use super::actions;
use super::view::ClientView;
use crate::authority::Authority;
use crate::current::Current;
use crate::decide::Permit;
use crate::due::inactive_since;
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
        let of_secrets = shown.secrets.iter().map(|of| records::secret_last_used(id, of.number));
        let keys: Vec<_> = std::iter::once(records::inactive(id)).chain(of_secrets).collect();
        let mut told = self.store.read(id.home(), &keys).await?.into_iter();
        shown.inactive_since = told.next().flatten().as_ref().and_then(inactive_since);
        for (secret, used) in shown.secrets.iter_mut().zip(told) {
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
        let mut keys: Vec<String> = ids.iter().map(|id| format!("credential/{id}")).collect();
        keys.extend(ids.iter().map(|id| format!("inactive/{id}")));
        let found = self.store.read(home, &keys).await?;
        let (credentials, inactive) = found.split_at(ids.len().min(found.len()));
        let mut items = Vec::with_capacity(ids.len());
        for (key, (record, inactive)) in keys.iter().zip(credentials.iter().zip(inactive)) {
            if let Some(record) = record
                && let Credential::Client(client) = records::decode(key, record)?
            {
                let inactive_since = inactive.as_ref().and_then(inactive_since);
                items.push(ClientView { inactive_since, ..ClientView::new(&client, now) });
            }
        }
        Ok(Page { items, next_cursor })
    }

    /// Reads a client for changing.
    pub(crate) async fn read_client(&self, permit: &Permit, id: &Id) -> Result<Versioned<Client>, Error> {
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
