//! Show an endpoint; list a workspace's.

use access_model::webhook::MOST_WEBHOOKS;
use access_model::{Id, IdKind, Webhook};
use access_store::{Range, Store};

use super::actions;
use super::view::{Health, WebhookView};
use crate::authority::Authority;
use crate::current::Current;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::records::{self, Versioned};

impl Authority {
    /// The endpoint `id` of the permit's workspace.
    ///
    /// # Errors
    /// [`Error::NotFound`], for another workspace's too.
    pub async fn get_webhook(&self, permit: &Permit, id: &Id) -> Result<Current<WebhookView>, Error> {
        permit.covers(actions::GET)?;
        let found = self.read_webhook(permit, id).await?;
        let health = records::read::<Health>(self.store.as_ref(), id.home(), records::webhook_health(id)).await?;
        let health = health.map(|health| health.value);
        Ok(Current {
            shown: WebhookView::new(&found.value, health.as_ref(), self.clock.now()),
            version: found.version(),
        })
    }

    /// The endpoints of the permit's workspace, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor.
    pub async fn list_webhooks(&self, permit: &Permit, page: &PageRequest) -> Result<Page<WebhookView>, Error> {
        permit.covers(actions::LIST)?;
        let workspace = permit.workspace_id()?;
        let (home, now) = (workspace.home(), self.clock.now());
        let (ids, next_cursor) = self.newest(home, &records::webhooks_of(&workspace), page).await?;
        let ids: Vec<Id> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let keys: Vec<String> = ids.iter().flat_map(|id| [records::webhook(id), records::webhook_health(id)]).collect();
        let mut items = Vec::with_capacity(ids.len());
        for (keys, read) in keys.chunks_exact(2).zip(self.store.read(home, &keys).await?.chunks_exact(2)) {
            let ([key, health_key], [Some(record), health]) = (keys, read) else { continue };
            let health = health.as_ref().map(|record| records::decode::<Health>(health_key, record)).transpose()?;
            items.push(WebhookView::new(&records::decode(key, record)?, health.as_ref(), now));
        }
        Ok(Page { items, next_cursor })
    }

    /// The ids of a workspace's endpoints: few.
    pub(super) async fn webhook_ids(&self, store: &dyn Store, workspace: &Id) -> Result<Vec<Id>, Error> {
        let index = records::webhooks_of(workspace);
        let range = Range { index, after: None, up_to: None, descending: false, limit: MOST_WEBHOOKS + 1 };
        let found = store.range(workspace.home(), range).await?;
        Ok(found.iter().filter_map(|entry| entry.member.parse().ok()).collect())
    }

    /// Reads an endpoint for changing.
    pub(super) async fn read_webhook(&self, permit: &Permit, id: &Id) -> Result<Versioned<Webhook>, Error> {
        let workspace = permit.workspace_id()?;
        let missing = || Error::NotFound { what: "webhook", id: id.to_string() };
        if id.kind() != IdKind::Webhook || id.home() != workspace.home() {
            return Err(missing());
        }
        let found = records::read::<Webhook>(self.store.as_ref(), id.home(), records::webhook(id)).await?;
        found.filter(|found| found.value.workspace == workspace).ok_or_else(missing)
    }
}
