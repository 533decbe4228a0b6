//! What became of messages, and trying again.

use access_model::{Delivery, DeliveryState, Id, IdKind, Timestamp};
use access_store::{Check, Commit, CommitError, IndexEntry, Range, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::actions;
use super::message::put_delivery;
use super::outgoing::wake_in;
use super::view::DeliveryView;
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::records::{self, TRIES, Versioned};

/// Deliveries that one commit begins anew.
const AT_A_TIME: usize = 100;
/// Deliveries that one recovery looks at.
const MOST_RECOVERED: usize = 5_000;

/// Since when to try again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverRequest {
    /// Messages that came to be from here on; RFC 3339. They are kept for 30 days, where the catalog says nothing else.
    #[schemars(extend("format" = "date-time"), example = &"2026-01-31T12:00:00.000Z")]
    pub since: String,
}

/// What a recovery began anew.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "WebhookRecovery", example = json!({ "replayed": 12, "next_since": null }))]
pub struct RecoverView {
    /// Deliveries that are tried again.
    pub replayed: usize,
    /// Where to go on, where there were more than one request looks at.
    pub next_since: Option<Timestamp>,
}

impl Authority {
    /// What became of the messages to the endpoint `id` of the permit's workspace, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a limit or cursor.
    pub async fn list_deliveries(
        &self,
        permit: &Permit,
        id: &Id,
        page: &PageRequest,
    ) -> Result<Page<DeliveryView>, Error> {
        permit.covers(actions::LIST_DELIVERIES)?;
        self.read_webhook(permit, id).await?;
        let (ids, next_cursor) = self.newest(id.home(), &records::deliveries_of(id), page).await?;
        let keys: Vec<String> = ids.iter().filter_map(|id| id.parse().ok()).map(|id| records::delivery(&id)).collect();
        let mut items = Vec::with_capacity(keys.len());
        for (key, record) in keys.iter().zip(self.store.read(id.home(), &keys).await?) {
            if let Some(record) = record {
                items.push(DeliveryView::from(&records::decode::<Delivery>(key, &record)?));
            }
        }
        Ok(Page { items, next_cursor })
    }

    /// Tries a delivery to the endpoint `id` of the permit's workspace again, at once, with the message's id as it was.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] where the endpoint is disabled.
    pub async fn replay_delivery(&self, permit: &Permit, id: &Id, delivery: &Id) -> Result<DeliveryView, Error> {
        permit.covers(actions::REPLAY)?;
        for _ in 0..TRIES {
            let webhook = self.read_webhook(permit, id).await?.value;
            if !webhook.is_active() {
                return Err(Error::Conflict("the webhook is disabled; enable it first".to_owned()));
            }
            let missing = || Error::NotFound { what: "delivery", id: delivery.to_string() };
            if delivery.kind() != IdKind::Delivery || delivery.home() != id.home() {
                return Err(missing());
            }
            let key = records::delivery(delivery);
            let found = records::read::<Delivery>(self.store.as_ref(), id.home(), key).await?;
            let Versioned { value, check } = found.filter(|found| found.value.webhook == *id).ok_or_else(missing)?;
            let now = self.clock.now();
            let after = value.replay(now);
            let mut commit = Commit::new(id.home());
            commit.checks.push(check);
            put_delivery(&mut commit, &after, self.catalog.limits.webhook_kept())?;
            wake_in(&mut commit, now);
            append(&mut commit, &self.delivery_record(permit, &webhook, json!({ "delivery": delivery }), now)?)?;
            match self.store.commit(commit).await {
                Ok(_) => {
                    self.outgoing.wake(id.home());
                    return Ok(DeliveryView::from(&after));
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Tries all again that did not come through to the endpoint `id` of the permit's workspace since a time: what failed, and
    /// what was held while it was disabled.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for the time; [`Error::Conflict`] where the endpoint is disabled.
    pub async fn recover_deliveries(
        &self,
        permit: &Permit,
        id: &Id,
        request: &RecoverRequest,
    ) -> Result<RecoverView, Error> {
        permit.covers(actions::RECOVER)?;
        let since: Timestamp = request.since.parse().map_err(|error| Error::invalid("since", error))?;
        let webhook = self.read_webhook(permit, id).await?.value;
        if !webhook.is_active() {
            return Err(Error::Conflict("it is disabled; enable it first".to_owned()));
        }
        let now = self.clock.now();
        let kept = self.catalog.limits.webhook_kept();
        let oldest = now.as_millis().saturating_sub(Timestamp::from_millis(0).plus(kept).as_millis());
        // Before every member with that score.
        let mut after = Some(IndexEntry { score: since.as_millis().max(oldest), member: String::new() });
        let mut recovery = RecoverView { replayed: 0, next_since: None };
        for _ in 0..MOST_RECOVERED / AT_A_TIME {
            let index = records::deliveries_of(id);
            let range = Range { index, after: after.clone(), up_to: None, descending: false, limit: AT_A_TIME };
            let page = self.store.range(id.home(), range).await?;
            let (is_last, last) = (page.len() < AT_A_TIME, page.last().cloned());
            recovery.replayed += self.recover_page(permit, id, &webhook, &page).await?;
            let Some(last) = last.filter(|_| !is_last) else {
                recovery.next_since = None;
                break;
            };
            recovery.next_since = Some(Timestamp::from_millis(last.score));
            after = Some(last);
        }
        self.outgoing.wake(id.home());
        Ok(recovery)
    }

    async fn recover_page(
        &self,
        permit: &Permit,
        id: &Id,
        webhook: &access_model::Webhook,
        page: &[IndexEntry],
    ) -> Result<usize, Error> {
        let ids = page.iter().filter_map(|entry| entry.member.parse().ok());
        let keys: Vec<String> = ids.map(|id| records::delivery(&id)).collect();
        for _ in 0..TRIES {
            let (mut commit, now) = (Commit::new(id.home()), self.clock.now());
            let mut replayed = Vec::new();
            for (key, record) in keys.iter().zip(self.store.read(id.home(), &keys).await?) {
                let Some(record) = record else { continue };
                let delivery: Delivery = records::decode(key, &record)?;
                if matches!(delivery.state, DeliveryState::Failed { .. } | DeliveryState::Held { .. }) {
                    commit.checks.push(Check { key: key.clone(), version: Some(record.version) });
                    put_delivery(&mut commit, &delivery.clone().replay(now), self.catalog.limits.webhook_kept())?;
                    replayed.push(delivery.id);
                }
            }
            if replayed.is_empty() {
                return Ok(0);
            }
            wake_in(&mut commit, now);
            append(&mut commit, &self.delivery_record(permit, webhook, json!({ "deliveries": replayed }), now)?)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(replayed.len()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}
