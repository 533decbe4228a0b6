//! One attempt: read what is sent and to whom, sign, send, record.

use std::time::Duration;

use access_model::audit::AuditRecord;
use access_model::{
    Attempt, AttemptOutcome, Delivery, DeliveryState, DisabledBecause, Event, EventKind, Id, IdKind, Message,
    Organization, OwnerState, PlainSecret, Timestamp, Webhook, Workspace,
};
use access_outbound::{Answer, Destination, EgressError, Limits};
use access_store::{Check, Commit, CommitError, Record, Store as _, Survives};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use metrics::counter;
use serde_json::json;

use super::message::put_delivery;
use super::outgoing::{due_member, wake_in};
use super::view::{Health, WebhookView};
use super::{actions, purpose, sign};
use crate::audit::append;
use crate::authority::Authority;
use crate::error::Error;
use crate::events;
use crate::lifecycle::system;
use crate::records::{self, CommitExt as _, TRIES};

/// How patiently a receiver is asked, and how much of its answer is looked at.
const LIMITS: Limits = Limits { connect: Duration::from_secs(5), total: Duration::from_secs(15), body: 1_024 };
/// What waits for an owner that is suspended is looked at again after so long.
const SUSPENDED: Duration = Duration::from_secs(3_600);
/// Characters of the answer that are remembered.
const BEGINS: usize = 512;
/// Who calls.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("CronFlow-Access/", env!("CARGO_PKG_VERSION")));

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const OUR_SIGNATURE: HeaderName = HeaderName::from_static("x-cronflow-signature");

/// What an attempt is made of, as it stands in the store.
struct Found {
    delivery: Delivery,
    version: u64,
    webhook: Option<(Webhook, u64)>,
    health: Option<Health>,
}

impl Authority {
    /// Makes an attempt at a delivery that is due, or does away with one that is over.
    pub(super) async fn attempt(&self, webhook: &Id, delivery: &Id) -> Result<(), Error> {
        let now = self.clock.now();
        let Some(found) = self.read_delivery(webhook, delivery).await? else {
            return self.forget_delivery(webhook, delivery, None).await;
        };
        let Some((webhook_record, _)) = &found.webhook else {
            return self.forget_delivery(webhook, delivery, Some(found.version)).await;
        };
        if found.delivery.is_over_at(now, self.catalog.limits.webhook_kept()) {
            return self.forget_delivery(webhook, delivery, Some(found.version)).await;
        }
        if !found.delivery.is_due_at(now) {
            // Whoever put it later did not know when it is due, and it would be begun until then.
            return self.settle_delivery(&found, found.delivery.clone()).await;
        }
        let keys = [
            records::message(&found.delivery.message),
            records::workspace(&found.delivery.workspace),
            records::organization(&webhook_record.organization),
        ];
        let read = self.store.read(delivery.home(), &keys).await?;
        let message = decoded::<Message>(&keys, &read, 0)?;
        let owners = decoded::<Workspace>(&keys, &read, 1)?.zip(decoded::<Organization>(&keys, &read, 2)?);
        let is_archived = |state: OwnerState| state == OwnerState::Archived;
        let owners = owners.filter(|(workspace, organization)| {
            webhook_record.is_active() && !is_archived(workspace.state) && !is_archived(organization.state)
        });
        let Some((workspace, organization)) = owners else {
            return self.settle_delivery(&found, found.delivery.clone().hold(now)).await;
        };
        if [workspace.state, organization.state] != [OwnerState::Active; 2] {
            let waiting = wait_for_owner(found.delivery.clone(), now, self.catalog.limits.webhook_kept());
            return self.settle_delivery(&found, waiting).await;
        }
        let Some(message) = message else {
            return self.settle_delivery(&found, found.delivery.clone().give_up(now)).await;
        };
        let began = self.clock.monotonic();
        let answered = self.send(webhook_record, &message, &workspace).await;
        self.failpoints.reach("webhooks.sent");
        let duration = self.clock.monotonic().saturating_sub(began);
        let (outcome, retry_after) = self.outcome(answered);
        self.outgoing.remember(webhook, outcome.is_success());
        let result = match &outcome {
            outcome if outcome.is_success() => "delivered",
            AttemptOutcome::Answered { .. } => "refused",
            AttemptOutcome::Failed(_) => "not_answered",
        };
        counter!("access_webhook_attempts_total", "result" => result).increment(1);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let attempt = Attempt { at: now, duration_ms, outcome };
        self.record_attempt(webhook, delivery, &attempt, retry_after).await
    }

    async fn send(&self, webhook: &Webhook, message: &Message, workspace: &Workspace) -> Result<Answer, EgressError> {
        let destination = self.egress.destination(&webhook.terms.url)?;
        let wrong = |what: &str| EgressError::Request(what.to_owned());
        let mut secrets = Vec::new();
        let now = self.clock.now();
        for secret in webhook.secrets.iter().filter(|secret| secret.is_live_at(now)) {
            let known = self.know_data_key_of(&secret.sealed).await;
            known.map_err(|error| wrong(&error.to_string()))?;
            let opened = self.keyring().open(&purpose(&webhook.id, secret.number), &secret.sealed);
            let opened = opened.map_err(|error| wrong(&error.to_string()))?;
            let text = std::str::from_utf8(&opened).map_err(|_| wrong("a secret is no text"))?;
            secrets.push(PlainSecret::new(text.to_owned()));
        }
        // By the machine's clock, which is what the receiver compares with its own.
        let unix = self.clock.machine_now().as_millis().div_euclid(1_000);
        let signed = sign::sign(&secrets, &message.id, unix, message.body.as_bytes());
        let (standard, ours) = signed.ok_or_else(|| wrong("it has no secret to sign with"))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, AGENT);
        let texts =
            [(ID, message.id.to_string()), (TIMESTAMP, unix.to_string()), (SIGNATURE, standard), (OUR_SIGNATURE, ours)];
        for (name, text) in texts {
            headers.insert(name, HeaderValue::from_str(&text).map_err(|error| wrong(&error.to_string()))?);
        }
        let body = Bytes::copy_from_slice(message.body.as_bytes());
        self.egress.post(&destination, headers, body, workspace.network.egress_allow.as_ref(), LIMITS).await
    }

    fn outcome(&self, answered: Result<Answer, EgressError>) -> (AttemptOutcome, Option<Duration>) {
        match answered {
            Ok(answer) => {
                let asked = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let retry_after = asked.and_then(|text| retry_after(text, self.clock.machine_now()));
                let begins: String = String::from_utf8_lossy(&answer.body).chars().take(BEGINS).collect();
                let begins = begins.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
                (AttemptOutcome::Answered { status: answer.status.as_u16(), begins }, retry_after)
            }
            Err(error) => {
                tracing::debug!(%error, "a webhook was not answered");
                (AttemptOutcome::Failed(error.class().to_owned()), None)
            }
        }
    }

    /// Records what came of an attempt, whatever happened to the delivery meanwhile.
    async fn record_attempt(
        &self,
        webhook: &Id,
        delivery: &Id,
        attempt: &Attempt,
        retry_after: Option<Duration>,
    ) -> Result<(), Error> {
        let mut spread = [0_u8; 4];
        self.entropy.fill(&mut spread)?;
        let spread = u32::from_be_bytes(spread) % 1_001;
        for _ in 0..TRIES {
            let Some(found) = self.read_delivery(webhook, delivery).await? else { return Ok(()) };
            if !matches!(found.delivery.state, DeliveryState::Pending { .. }) {
                return Ok(());
            }
            let after = found.delivery.clone().after(attempt.clone(), retry_after, spread, self.clock.now());
            match self.settle_delivery(&found, after).await {
                Err(Error::Contended) => {}
                done => return done,
            }
        }
        Err(Error::Contended)
    }

    /// Puts what became of a delivery, and what follows for its endpoint.
    async fn settle_delivery(&self, found: &Found, after: Delivery) -> Result<(), Error> {
        let (now, home) = (self.clock.now(), after.id.home());
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(home) };
        commit.checks.push(Check { key: records::delivery(&after.id), version: Some(found.version) });
        put_delivery(&mut commit, &after, self.catalog.limits.webhook_kept())?;
        wake_in(&mut commit, now);
        if after.attempts.len() != found.delivery.attempts.len() || after.tries != found.delivery.tries {
            self.follow_up(&mut commit, found, &after, now)?;
        }
        match self.store.commit(commit).await {
            Ok(_) => Ok(()),
            Err(CommitError::Conflict { .. }) => Err(Error::Contended),
            Err(error) => Err(error.into()),
        }
    }

    /// How the endpoint fares after an attempt; it is disabled when its receiver is gone, or nothing came through for as long as
    /// a message is tried.
    fn follow_up(&self, commit: &mut Commit, found: &Found, after: &Delivery, now: Timestamp) -> Result<(), Error> {
        let (Some((webhook, version)), Some(attempt)) = (&found.webhook, after.attempts.last()) else { return Ok(()) };
        let failing_since = found.health.as_ref().and_then(|health| health.failing_since);
        let health_key = records::webhook_health(&webhook.id);
        if attempt.outcome.is_success() {
            if failing_since.is_some() {
                commit.deletes.push(health_key);
            }
            return Ok(());
        }
        let failing_since = failing_since.unwrap_or(attempt.at);
        commit.put(health_key, &Health { failing_since: Some(failing_since) })?;
        let is_over = matches!(after.state, DeliveryState::Failed { .. });
        let because = if attempt.outcome.is_gone() {
            DisabledBecause::Gone
        } else if is_over && after.first_try_at.is_some_and(|first| failing_since <= first) {
            DisabledBecause::Failing
        } else {
            return Ok(());
        };
        if !webhook.is_active() {
            return Ok(());
        }
        let disabled = webhook.clone().disable(because, now);
        commit.checks.push(Check { key: records::webhook(&webhook.id), version: Some(*version) });
        commit.put(records::webhook(&webhook.id), &disabled)?;
        let shown = |webhook: &Webhook| serde_json::to_value(WebhookView::new(webhook, None, now));
        let record = AuditRecord {
            id: Id::draw(IdKind::Audit, webhook.id.home(), self.entropy.as_ref())?,
            at: now,
            organization: Some(webhook.organization),
            workspace: Some(webhook.workspace),
            actor: system(),
            action: actions::UPDATE.to_owned(),
            target: webhook.id.to_string(),
            decision_id: None,
            before: Some(shown(webhook).map_err(Error::internal)?),
            after: Some(shown(&disabled).map_err(Error::internal)?),
        };
        append(commit, &record)?;
        // Its own endpoint is told nothing any more; the others are, and whoever else hears of events.
        let (owners, target) = ((webhook.organization, Some(webhook.workspace)), webhook.id.to_string());
        let event = Event::new(EventKind::WebhookDisabled, owners, &target, now, self.entropy.as_ref())?;
        let data = json!({
            "name": webhook.terms.description, "url": place(&webhook.terms.url), "because": because.name(),
            "failing_since": failing_since,
        });
        events::record(commit, &event.with(data))?;
        counter!("access_webhooks_disabled_total", "because" => because.name()).increment(1);
        tracing::warn!(webhook = %webhook.id, because = because.name(), "a webhook is disabled");
        Ok(())
    }

    /// Takes a delivery away, wherever it stands.
    async fn forget_delivery(&self, webhook: &Id, delivery: &Id, version: Option<u64>) -> Result<(), Error> {
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(delivery.home()) };
        commit.checks.push(Check { key: records::delivery(delivery), version });
        commit.deletes.push(records::delivery(delivery));
        commit.index_deletes.push((records::deliveries_of(webhook), delivery.to_string()));
        commit.index_deletes.push((records::DELIVERIES_DUE.to_owned(), due_member(webhook, delivery)));
        self.commit_due(commit).await
    }

    async fn read_delivery(&self, webhook: &Id, delivery: &Id) -> Result<Option<Found>, Error> {
        let keys = [records::delivery(delivery), records::webhook(webhook), records::webhook_health(webhook)];
        let read = self.store.read(delivery.home(), &keys).await?;
        let version = |index: usize| read.get(index).and_then(Option::as_ref).map(|record| record.version);
        let (Some(delivery), Some(of)) = (decoded::<Delivery>(&keys, &read, 0)?, version(0)) else { return Ok(None) };
        let webhook = decoded::<Webhook>(&keys, &read, 1)?.zip(version(1));
        Ok(Some(Found { delivery, version: of, webhook, health: decoded(&keys, &read, 2)? }))
    }
}

/// Its owner is suspended: it is tried once that is resumed, unless that takes longer than it is kept.
fn wait_for_owner(delivery: Delivery, now: Timestamp, kept: Duration) -> Delivery {
    if delivery.created_at.plus(kept) <= now {
        return delivery.hold(now);
    }
    Delivery { state: DeliveryState::Pending { next_at: now.plus(SUSPENDED) }, ..delivery }
}

/// Scheme and host of a URL: whoever has the rest of it may be let in by that alone.
fn place(url: &str) -> Option<String> {
    let destination = Destination::parse(url, true).ok()?;
    let scheme = if destination.is_https() { "https" } else { "http" };
    Some(format!("{scheme}://{}", destination.host()))
}

fn decoded<T: serde::de::DeserializeOwned>(
    keys: &[String],
    read: &[Option<Record>],
    index: usize,
) -> Result<Option<T>, Error> {
    match (keys.get(index), read.get(index)) {
        (Some(key), Some(Some(record))) => records::decode(key, record).map(Some),
        _ => Ok(None),
    }
}

/// What `Retry-After` asks for (RFC 9110 §10.2.3): seconds, or a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let until = Timestamp::parse_http_date(text.trim())?;
    u64::try_from(until.as_millis().saturating_sub(now.as_millis())).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_others_are_told_where_it_leads_and_not_what_lets_one_in() {
        for (url, expected) in [
            ("https://hooks.example.com/T0/B0?token=x", Some("https://hooks.example.com")),
            ("http://hooks.example.com:8443?token=x", Some("http://hooks.example.com")),
            ("https://hooks.example.com", Some("https://hooks.example.com")),
            ("nothing", None),
        ] {
            assert_eq!(place(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn what_waits_for_an_owner_waits_no_longer_than_it_is_kept() {
        let (at, kept) = (Timestamp::from_millis, Duration::from_secs(30 * 86_400));
        let delivery = Delivery {
            id: "del_000000000000000000".parse().unwrap(),
            webhook: "wh_000000000000000000".parse().unwrap(),
            workspace: "ws_000000000000000000".parse().unwrap(),
            message: "msg_000000000000000000".parse().unwrap(),
            kind: "job.done".to_owned(),
            state: DeliveryState::Pending { next_at: at(0) },
            tries: 3,
            first_try_at: None,
            attempts: Vec::new(),
            created_at: at(0),
        };
        let waits = wait_for_owner(delivery.clone(), at(1_000), kept);
        assert_eq!((waits.state, waits.tries), (DeliveryState::Pending { next_at: at(3_601_000) }, 3));
        let now = at(0).plus(kept);
        assert_eq!(wait_for_owner(delivery, now, kept).state, DeliveryState::Held { at: now });
    }

    #[test]
    fn a_receiver_says_when_in_seconds_or_by_date() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        for (text, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", None),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
