//! Snooze: no reminder of an event about a key or client until some instant, for a reason that is recorded.

use std::collections::BTreeMap;
use std::time::Duration;

use access_model::audit::{Actor, AuditRecord};
use access_model::{EventKind, Id, IdKind, Timestamp};
use access_store::{Check, Commit, CommitError, Put, Record, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{actions, is_disguising};
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::oauth;
use crate::records::{self, TRIES, Versioned};

/// The longest snooze, in days.
const MOST_DAYS: u32 = 90;
/// Characters of a reason at most.
const REASON_LENGTH: usize = 500;
/// What comes again and again, or ahead of time, about a key: nothing else can be snoozed.
const OF_KEYS: [EventKind; 3] = [EventKind::KeyRotationDue, EventKind::KeyExpiring, EventKind::KeyInactive];
/// The same of a client.
const OF_CLIENTS: [EventKind; 1] = [EventKind::ClientInactive];

/// What is asked for, about a key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeRequest {
    /// The event that no reminder is to be created of.
    #[schemars(extend("enum" = OF_KEYS.map(EventKind::name)))]
    pub event: String,
    /// For so many days, 1 to 90; in place of `until`.
    #[serde(default)]
    #[schemars(range(min = 1, max = MOST_DAYS), example = &14)]
    pub days: Option<u32>,
    /// Until then (RFC 3339), in 90 days at the latest; in place of `days`.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub until: Option<String>,
    /// Why, for whoever asks later.
    #[schemars(length(min = 1, max = REASON_LENGTH), extend("x-catalog" = "name"), example = &"moves away in March")]
    pub reason: String,
}

/// What is asked for, about a client: that nobody uses it is all that is reminded of.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClientSnoozeRequest")]
pub struct ClientSnoozeRequest {
    /// For so many days, 1 to 90; in place of `until`.
    #[serde(default)]
    #[schemars(range(min = 1, max = MOST_DAYS), example = &14)]
    pub days: Option<u32>,
    /// Until then (RFC 3339), in 90 days at the latest; in place of `days`.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub until: Option<String>,
    /// Why, for whoever asks later.
    #[schemars(length(min = 1, max = REASON_LENGTH), extend("x-catalog" = "name"), example = &"runs once a quarter")]
    pub reason: String,
}

impl From<ClientSnoozeRequest> for SnoozeRequest {
    fn from(request: ClientSnoozeRequest) -> Self {
        let ClientSnoozeRequest { days, until, reason } = request;
        Self { event: EventKind::ClientInactive.name().to_owned(), days, until, reason }
    }
}

impl SnoozeRequest {
    /// Until when, where all of it is as it should be.
    fn until(&self, known: &[EventKind], now: Timestamp) -> Result<Timestamp, Error> {
        if !known.iter().any(|kind| kind.name() == self.event) {
            let names: Vec<_> = known.iter().map(|kind| format!("`{}`", kind.name())).collect();
            return Err(Error::invalid("event", format!("must be one of {}", names.join(", "))));
        }
        let is_said = (1..=REASON_LENGTH).contains(&self.reason.chars().count()) && !self.reason.trim().is_empty();
        if !is_said || self.reason.chars().any(is_disguising) {
            let message = format!("must have 1 to {REASON_LENGTH} characters, and none that control or hide others");
            return Err(Error::invalid("reason", message));
        }
        let after = |days: u32| now.plus(Duration::from_secs(u64::from(days) * 86_400));
        match (self.days, &self.until) {
            (Some(days), None) if (1..=MOST_DAYS).contains(&days) => Ok(after(days)),
            (Some(_), None) => Err(Error::invalid("days", format!("must be 1 to {MOST_DAYS}"))),
            (None, Some(until)) => {
                let until: Timestamp = until.parse().map_err(|error| Error::invalid("until", error))?;
                let is_near = now < until && until <= after(MOST_DAYS);
                let message = || Error::invalid("until", format!("must be in the next {MOST_DAYS} days"));
                is_near.then_some(until).ok_or_else(message)
            }
            _ => Err(Error::invalid("days", "must be stated, or `until`, and not both")),
        }
    }
}

/// A snooze as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Snooze", example = example())]
pub struct SnoozeView {
    /// The event that no reminder is created of.
    pub event: String,
    /// Until then.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: Actor,
}

fn example() -> Value {
    json!({
        "event": "key.rotation_due", "until": "2026-02-14T12:00:00.000Z", "reason": "moves away in March",
        "by": { "kind": "operator", "id": Id::example(IdKind::Operator) },
    })
}

/// Snoozes of a key or client, by event.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Snoozes(BTreeMap<String, SnoozeView>);

impl Snoozes {
    pub(crate) fn read(key: &str, record: Option<&Record>) -> Result<Self, Error> {
        Ok(record.map(|record| records::decode(key, record)).transpose()?.unwrap_or_default())
    }

    /// Until when an event is snoozed.
    pub(crate) fn until(&self, event: EventKind, now: Timestamp) -> Option<Timestamp> {
        self.0.get(event.name()).map(|snooze| snooze.until).filter(|until| now < *until)
    }
}

impl Authority {
    /// Has no reminder created of an event about the key `id` of the permit's workspace for some time.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] names the field.
    pub async fn snooze_key(&self, permit: &Permit, id: &Id, request: &SnoozeRequest) -> Result<SnoozeView, Error> {
        permit.covers(actions::SNOOZE)?;
        let key = self.read_key(permit, id).await?.value;
        self.snooze(permit, id, (key.organization, Some(key.workspace)), &OF_KEYS, request).await
    }

    /// Does not flag the client `id` of the permit's organization as inactive for some time.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] names the field.
    pub async fn snooze_client(
        &self,
        permit: &Permit,
        id: &Id,
        request: ClientSnoozeRequest,
    ) -> Result<SnoozeView, Error> {
        permit.covers(oauth::actions::SNOOZE)?;
        let client = self.read_client(permit, id).await?.value;
        self.snooze(permit, id, (client.organization, None), &OF_CLIENTS, &request.into()).await
    }

    async fn snooze(
        &self,
        permit: &Permit,
        id: &Id,
        (organization, workspace): (Id, Option<Id>),
        known: &[EventKind],
        request: &SnoozeRequest,
    ) -> Result<SnoozeView, Error> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let until = request.until(known, now)?;
            let key = records::snoozes(id);
            let before = records::read::<Snoozes>(self.store.as_ref(), id.home(), key.clone()).await?;
            let (mut snoozes, check) = match before {
                Some(Versioned { value, check }) => (value, check),
                None => (Snoozes::default(), Check { key: key.clone(), version: None }),
            };
            snoozes.0.retain(|_, snooze| now < snooze.until);
            let SnoozeRequest { event, reason, .. } = request.clone();
            let snooze = SnoozeView { event: event.clone(), until, reason, by: permit.actor() };
            let earlier = snoozes.0.insert(event, snooze.clone());
            let mut commit = Commit::new(id.home());
            commit.checks.push(check);
            let forget_after = snoozes.0.values().map(|snooze| snooze.until).max();
            let json = serde_json::to_vec(&snoozes).map_err(Error::internal)?;
            commit.puts.push(Put { forget_after, ..Put::new(key, json.into()) });
            let shown = |of| serde_json::to_value(of).map_err(Error::internal);
            let record = AuditRecord {
                id: Id::draw(IdKind::Audit, id.home(), self.entropy.as_ref())?,
                at: now,
                organization: Some(organization),
                workspace,
                actor: permit.actor(),
                action: permit.action().to_owned(),
                target: id.to_string(),
                decision_id: Some(permit.decision_id().to_string()),
                before: earlier.as_ref().map(shown).transpose()?,
                after: Some(shown(&snooze)?),
            };
            append(&mut commit, &record)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(snooze),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}
