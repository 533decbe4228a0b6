//! Show a key; list a workspace's keys.

use access_model::{ApiKey, Credential, Id, IdKind};
use access_store::Store;

use super::actions;
use super::view::KeyView;
use crate::authority::Authority;
use crate::current::Current;
use crate::decide::Permit;
use crate::due::inactive_since;
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::records::{self, Versioned};
use crate::usage::last_used;

impl Authority {
    /// The key `id` of the permit's workspace.
    ///
    /// # Errors
    /// [`Error::NotFound`], for another workspace's key too.
    pub async fn get_key(&self, permit: &Permit, id: &Id) -> Result<Current<KeyView>, Error> {
        permit.covers(actions::GET)?;
        let found = self.read_key(permit, id).await?;
        let told = self.store.read(id.home(), &[records::last_used(id), records::inactive(id)]).await?;
        let mut told = told.iter().map(Option::as_ref);
        let last_used_at = told.next().flatten().and_then(last_used);
        let inactive_since = told.next().flatten().and_then(inactive_since);
        let shown = KeyView { last_used_at, inactive_since, ..self.view(&found.value) };
        Ok(Current { shown, version: found.version() })
    }

    /// The keys of the permit's workspace, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor.
    pub async fn list_keys(&self, permit: &Permit, page: &PageRequest) -> Result<Page<KeyView>, Error> {
        permit.covers(actions::LIST)?;
        let workspace = permit.workspace_id()?;
        let (ids, next_cursor) = self.newest(workspace.home(), &records::keys_of(&workspace), page).await?;
        let mut keys: Vec<String> = ids.iter().map(|id| format!("credential/{id}")).collect();
        keys.extend(ids.iter().map(|id| format!("last-used/{id}")));
        keys.extend(ids.iter().map(|id| format!("inactive/{id}")));
        let found = self.store.read(workspace.home(), &keys).await?;
        let (credentials, rest) = found.split_at(ids.len().min(found.len()));
        let (used, inactive) = rest.split_at(ids.len().min(rest.len()));
        let mut items = Vec::with_capacity(ids.len());
        for ((key, record), (used, inactive)) in keys.iter().zip(credentials).zip(used.iter().zip(inactive)) {
            if let Some(record) = record
                && let Credential::ApiKey(key) = records::decode(key, record)?
            {
                let last_used_at = used.as_ref().and_then(last_used);
                let inactive_since = inactive.as_ref().and_then(inactive_since);
                items.push(KeyView { last_used_at, inactive_since, ..self.view(&key) });
            }
        }
        Ok(Page { items, next_cursor })
    }

    /// Reads a key for changing.
    pub(crate) async fn read_key(&self, permit: &Permit, id: &Id) -> Result<Versioned<ApiKey>, Error> {
        let workspace = permit.workspace_id()?;
        let missing = || Error::NotFound { what: "key", id: id.to_string() };
        if id.kind() != IdKind::Key || id.home() != workspace.home() {
            return Err(missing());
        }
        let found = records::read::<Credential>(self.store.as_ref(), id.home(), records::credential(id)).await?;
        let Versioned { value, check } = found.ok_or_else(missing)?;
        match value {
            Credential::ApiKey(key) if key.workspace == workspace => Ok(Versioned { value: key, check }),
            _ => Err(missing()),
        }
    }

    pub(crate) fn view(&self, key: &ApiKey) -> KeyView {
        let prefix = self.catalog.kinds.get(&key.kind).map_or("", |kind| kind.prefix.as_str());
        KeyView::new(key, prefix, self.clock.now())
    }
}
