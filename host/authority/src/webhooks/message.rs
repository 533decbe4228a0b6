//! Telling: one message, and a delivery to each endpoint that wants it.

use std::time::Duration;

use access_model::audit::AuditRecord;
use access_model::delivery::MOST_BODY;
use access_model::entropy::SeededEntropy;
use access_model::webhook::{MOST_ORGANIZATION_WEBHOOKS, TYPE_LENGTH, is_type};
use access_model::{Delivery, DeliveryState, Event, EventKind, Id, IdKind, Message, Shard, Timestamp, Webhook};
use access_store::{Check, Commit, CommitError, IndexEntry, Put, Range, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::actions;
use super::outgoing::{due_member, wake_in};
use super::view::DeliveryView;
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::idempotency::{Done, Idempotency, Recalled};
use crate::records::{self, CommitExt as _, TRIES};

/// The type of a message for trying out.
const TEST: &str = "webhook.test";

/// What a workspace's endpoints are to be told.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageRequest {
    /// Its type: words of lower case, digits and `_`, with dots between. Not the name of an event, nor `webhook.test`: those are
    /// this host's own.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = TYPE_LENGTH), regex(pattern = r"^[a-z0-9_]+(\.[a-z0-9_]+)*$"), example = &"job.finished")]
    pub kind: String,
    /// What is told: `data` of what is sent.
    #[schemars(example = &json!({ "job": "job_1", "state": "done" }))]
    pub payload: Map<String, Value>,
}

/// A message that was taken.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "WebhookMessage", example = message_example())]
pub struct MessageView {
    /// Public id: what receivers see as `webhook-id`.
    pub id: Id,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Endpoints that want it.
    pub deliveries: usize,
    /// When it was taken.
    pub created_at: Timestamp,
}

/// What is sent (Standard Webhooks' shape).
#[derive(Serialize)]
struct Payload<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: Timestamp,
    data: &'a T,
}

impl Authority {
    /// Tells the endpoints of the permit's workspace something, on behalf of another service.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::IdempotencyKeyReused`].
    pub async fn send_message(
        &self,
        permit: &Permit,
        request: MessageRequest,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done<MessageView>, Error> {
        permit.covers(actions::SEND)?;
        if !is_type(&request.kind) {
            return Err(Error::invalid("type", "must be words of lower case, digits and `_`, with dots between"));
        }
        // INVARIANT: what arrives signed as an event of ours is one.
        if request.kind == TEST || EventKind::named(&request.kind).is_some() {
            return Err(Error::invalid(
                "type",
                format!(
                    "`{}` is told by this host alone; choose a type of your own, such as `job.finished`",
                    request.kind
                ),
            ));
        }
        let workspace = permit.workspace_id()?;
        let attempt = permit.attempt(&workspace.to_string(), idempotency);
        for _ in 0..TRIES {
            let (home, now) = (workspace.home(), self.clock.now());
            let slot = match attempt.recall(self.store.as_ref(), home, now).await? {
                Recalled::Answer(answer) => return Ok(Done::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            let mut commit = Commit { announce: false, ..Commit::new(home) };
            let webhooks = self.webhooks_of(self.store.as_ref(), &workspace).await?;
            let id = Id::draw(IdKind::Message, home, self.entropy.as_ref())?;
            let body = body(&request.kind, now, &request.payload)?;
            let message = Message { id, workspace, kind: request.kind.clone(), body, created_at: now };
            let wanting = webhooks.iter().filter(|webhook| webhook.wants(&message.kind));
            let deliveries =
                put_message(&mut commit, &message, wanting, self.catalog.limits.webhook_kept(), now)?.len();
            let shown = MessageView { id, kind: message.kind, deliveries, created_at: now };
            slot.remember(&mut commit, &shown, None)?;
            match self.store.commit(commit).await {
                Ok(_) => {
                    self.outgoing.wake(home);
                    return Ok(Done::Now(shown));
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Sends the endpoint `id` of the permit's workspace a message for trying out.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] where it is disabled.
    pub async fn test_webhook(&self, permit: &Permit, id: &Id) -> Result<DeliveryView, Error> {
        permit.covers(actions::TEST)?;
        let webhook = self.read_webhook(permit, id).await?.value;
        if !webhook.is_active() {
            return Err(Error::Conflict("it is disabled; enable it first".to_owned()));
        }
        let mut commit = Commit::new(id.home());
        let now = self.clock.now();
        let message = Message {
            id: Id::draw(IdKind::Message, id.home(), self.entropy.as_ref())?,
            workspace: webhook.workspace,
            kind: TEST.to_owned(),
            body: body(TEST, now, &json!({ "webhook": id }))?,
            created_at: now,
        };
        let kept = self.catalog.limits.webhook_kept();
        let delivery = put_message(&mut commit, &message, std::iter::once(&webhook), kept, now)?.pop();
        let delivery = delivery.ok_or_else(|| Error::internal("a test without a delivery"))?;
        append(&mut commit, &self.delivery_record(permit, &webhook, json!({ "message": delivery.message }), now)?)?;
        self.store.commit(commit).await?;
        self.outgoing.wake(id.home());
        Ok(DeliveryView::from(&delivery))
    }

    /// Tells the endpoints that want it of an event, inside `commit`, and says how many; an endpoint is not told of what was before
    /// it. The message's id follows from the event's, so that one that is dispatched twice at a time is one message.
    pub(crate) async fn tell_webhooks(&self, commit: &mut Commit, event: &Event) -> Result<usize, Error> {
        let store = self.store.as_ref();
        let webhooks = match &event.workspace {
            Some(workspace) => self.webhooks_of(store, workspace).await?,
            None => self.organization_webhooks(store, &event.organization).await?,
        };
        let is_for = |webhook: &&Webhook| webhook.created_at <= event.at && webhook.wants(&event.event);
        let wanting: Vec<&Webhook> = webhooks.iter().filter(is_for).collect();
        let Some(first) = wanting.first() else { return Ok(0) };
        let message = Message {
            id: Id::from_body(IdKind::Message, event.id.body()).map_err(Error::internal)?,
            workspace: event.workspace.unwrap_or(first.workspace),
            kind: event.event.clone(),
            body: event_body(event)?,
            created_at: event.at,
        };
        let kept = self.catalog.limits.webhook_kept();
        Ok(put_message(commit, &message, wanting.into_iter(), kept, self.clock.now())?.len())
    }

    /// A workspace's endpoints.
    pub(crate) async fn webhooks_of(&self, store: &dyn Store, workspace: &Id) -> Result<Vec<Webhook>, Error> {
        let ids = self.webhook_ids(store, workspace).await?;
        self.read_webhooks(store, workspace.home(), &ids).await
    }

    /// The endpoints that are told of an organization's own events.
    pub(super) async fn organization_webhooks(
        &self,
        store: &dyn Store,
        organization: &Id,
    ) -> Result<Vec<Webhook>, Error> {
        let index = records::organization_webhooks(organization);
        let range = Range { index, after: None, up_to: None, descending: false, limit: MOST_ORGANIZATION_WEBHOOKS + 1 };
        let found = store.range(organization.home(), range).await?;
        let ids: Vec<Id> = found.iter().filter_map(|entry| entry.member.parse().ok()).collect();
        self.read_webhooks(store, organization.home(), &ids).await
    }

    async fn read_webhooks(&self, store: &dyn Store, home: Shard, ids: &[Id]) -> Result<Vec<Webhook>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = ids.iter().map(records::webhook).collect();
        let read = store.read(home, &keys).await?;
        let found = keys.iter().zip(&read).filter_map(|(key, record)| Some((key, record.as_ref()?)));
        found.map(|(key, record)| records::decode(key, record)).collect()
    }

    pub(super) fn delivery_record(
        &self,
        permit: &Permit,
        webhook: &Webhook,
        after: Value,
        now: Timestamp,
    ) -> Result<AuditRecord, Error> {
        Ok(AuditRecord {
            id: Id::draw(IdKind::Audit, webhook.id.home(), self.entropy.as_ref())?,
            at: now,
            organization: Some(webhook.organization),
            workspace: Some(webhook.workspace),
            actor: permit.actor(),
            action: permit.action().to_owned(),
            target: webhook.id.to_string(),
            decision_id: Some(permit.decision_id().to_string()),
            before: None,
            after: Some(after),
        })
    }
}

/// What is sent of an event. One that is too large goes without its data: that it happened is told all the same.
fn event_body(event: &Event) -> Result<String, Error> {
    let whole = written(&event.event, event.at, event)?;
    if whole.len() <= MOST_BODY {
        return Ok(whole);
    }
    written(&event.event, event.at, &event.clone().with(json!({ "truncated": true })))
}

fn written<T: Serialize>(kind: &str, timestamp: Timestamp, data: &T) -> Result<String, Error> {
    serde_json::to_string(&Payload { kind, timestamp, data }).map_err(Error::internal)
}

/// What is sent of a message.
fn body<T: Serialize>(kind: &str, timestamp: Timestamp, data: &T) -> Result<String, Error> {
    let body = written(kind, timestamp, data)?;
    if body.len() > MOST_BODY {
        return Err(Error::invalid("payload", format!("makes a message of more than {MOST_BODY} bytes")));
    }
    Ok(body)
}

/// Puts a message and its delivery to each of `webhooks` into `commit`. To nobody, it is not kept.
fn put_message<'w>(
    commit: &mut Commit,
    message: &Message,
    webhooks: impl Iterator<Item = &'w Webhook>,
    kept: Duration,
    now: Timestamp,
) -> Result<Vec<Delivery>, Error> {
    let mut deliveries = Vec::new();
    for webhook in webhooks {
        let seed = format!("{}/{}", message.id, webhook.id);
        let delivery = Delivery {
            id: Id::draw(IdKind::Delivery, webhook.id.home(), &SeededEntropy::new(seed.as_bytes()))?,
            webhook: webhook.id,
            workspace: webhook.workspace,
            message: message.id,
            kind: message.kind.clone(),
            state: DeliveryState::Pending { next_at: now },
            tries: 0,
            first_try_at: None,
            attempts: Vec::new(),
            created_at: now,
        };
        let delivery = if webhook.is_active() { delivery } else { delivery.hold(now) };
        let entry = IndexEntry { score: now.as_millis(), member: delivery.id.to_string() };
        commit.index_puts.push((records::deliveries_of(&webhook.id), entry));
        put_delivery(commit, &delivery, kept)?;
        deliveries.push(delivery);
    }
    if !deliveries.is_empty() {
        // Longer than its deliveries, so that one which is replayed late still finds it.
        let forget_after = Some(now.plus(kept * 2));
        let (key, json) = (records::message(&message.id), serde_json::to_vec(message).map_err(Error::internal)?);
        commit.checks.push(Check { key: key.clone(), version: None });
        commit.puts.push(Put { forget_after, ..Put::new(key, json.into()) });
        wake_in(commit, now);
    }
    Ok(deliveries)
}

/// Puts a delivery that is kept for so long, and when something is to be done about it, into `commit`.
pub(super) fn put_delivery(commit: &mut Commit, delivery: &Delivery, kept: Duration) -> Result<(), Error> {
    commit.put(records::delivery(&delivery.id), delivery)?;
    let member = due_member(&delivery.webhook, &delivery.id);
    let entry = IndexEntry { score: delivery.due_at(kept).as_millis(), member };
    commit.index_puts.push((records::DELIVERIES_DUE.to_owned(), entry));
    Ok(())
}

fn message_example() -> Value {
    json!({
        "id": Id::example(IdKind::Message), "type": "job.finished", "deliveries": 1,
        "created_at": "2026-01-31T12:00:00.000Z",
    })
}
