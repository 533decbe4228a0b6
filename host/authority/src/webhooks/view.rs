//! Endpoints and deliveries as they are shown: everything but secrets.

use access_model::delivery::MOST_ATTEMPTS;
use access_model::webhook::{MOST_PATTERNS, MOST_SECRETS};
use access_model::{
    Attempt, AttemptOutcome, Delivery, DeliveryState, Id, IdKind, Timestamp, Webhook, WebhookSecret, WebhookState,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How an endpoint fares; a record of its own, so that failures don't change what people edit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// Since when nothing came through; absent: something did last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failing_since: Option<Timestamp>,
}

/// A webhook endpoint as it is shown. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Webhook", example = example())]
pub struct WebhookView {
    /// Public id.
    pub id: Id,
    /// The owner.
    pub workspace: Id,
    /// Where it is told.
    pub url: String,
    /// What of: types, `key.*` for all that begin so, `*` for all.
    #[schemars(length(max = MOST_PATTERNS))]
    pub events: Vec<String>,
    /// Whether it is also told of what happens in its organization and is no workspace's.
    pub organization_events: bool,
    /// For people.
    pub description: Option<String>,
    /// `active` or `disabled`.
    #[schemars(extend("enum" = ["active", "disabled"]))]
    pub state: &'static str,
    /// Why it is disabled: `asked` by somebody, `gone` (its receiver answered 410), or `failing` (a message ran out of attempts,
    /// and none other came through meanwhile).
    #[schemars(extend("enum" = ["asked", "gone", "failing", null]))]
    pub disabled_because: Option<&'static str>,
    /// Since when it is disabled.
    pub disabled_at: Option<Timestamp>,
    /// Since when no attempt came through; null where the last one did, and where it is changed.
    pub failing_since: Option<Timestamp>,
    /// Its secrets that sign, oldest first.
    #[schemars(length(max = MOST_SECRETS))]
    pub secrets: Vec<WebhookSecretView>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// An endpoint's secret as it is shown: not the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "WebhookSecret")]
pub struct WebhookSecretView {
    /// Its number among the endpoint's.
    pub number: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// The end of its overlap, where it was rotated.
    pub expires_at: Option<Timestamp>,
}

impl WebhookView {
    pub(crate) fn new(webhook: &Webhook, health: Option<&Health>, now: Timestamp) -> Self {
        let shown = |secret: &WebhookSecret| WebhookSecretView {
            number: secret.number,
            created_at: secret.created_at,
            expires_at: secret.expires_at,
        };
        let (state, disabled_because, disabled_at) = match webhook.state {
            WebhookState::Active => ("active", None, None),
            WebhookState::Disabled { at, because } => ("disabled", Some(because.name()), Some(at)),
        };
        Self {
            id: webhook.id,
            workspace: webhook.workspace,
            url: webhook.terms.url.clone(),
            events: webhook.terms.events.clone(),
            organization_events: webhook.terms.organization_events,
            description: webhook.terms.description.clone(),
            state,
            disabled_because,
            disabled_at,
            failing_since: health.and_then(|health| health.failing_since),
            secrets: webhook.secrets.iter().filter(|secret| secret.is_live_at(now)).map(shown).collect(),
            created_at: webhook.created_at,
        }
    }
}

/// A message's delivery to an endpoint as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "WebhookDelivery", example = delivery_example())]
pub struct DeliveryView {
    /// Public id.
    pub id: Id,
    /// The endpoint.
    pub webhook: Id,
    /// The message: what the receiver sees as `webhook-id`, in every attempt.
    pub message: Id,
    /// The message's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `pending`, `delivered`, `failed` (not tried again by itself), or `held` (its endpoint is disabled).
    #[schemars(extend("enum" = ["pending", "delivered", "failed", "held"]))]
    pub state: &'static str,
    /// When it is tried next, where it is pending.
    pub next_attempt_at: Option<Timestamp>,
    /// Its attempts, oldest first; the latest alone where there were many.
    #[schemars(length(max = MOST_ATTEMPTS))]
    pub attempts: Vec<AttemptView>,
    /// When it came to be. It is kept for 30 days, where the catalog says nothing else.
    pub created_at: Timestamp,
}

/// An attempt as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "WebhookAttempt")]
pub struct AttemptView {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub duration_ms: u64,
    /// The status that the receiver answered; null: it did not answer.
    pub status: Option<u16>,
    /// How its answer begins.
    pub response: Option<String>,
    /// Why it did not answer: `name_not_resolved`, `address_forbidden`, `outside_egress_allow`, `unreachable`, `timed_out`,
    /// `tls_failed`, `no_answer`, `url_refused` or `not_sendable`.
    pub error: Option<String>,
}

impl From<&Delivery> for DeliveryView {
    fn from(delivery: &Delivery) -> Self {
        let (state, next_attempt_at) = match delivery.state {
            DeliveryState::Pending { next_at } => ("pending", Some(next_at)),
            DeliveryState::Delivered { .. } => ("delivered", None),
            DeliveryState::Failed { .. } => ("failed", None),
            DeliveryState::Held { .. } => ("held", None),
        };
        Self {
            id: delivery.id,
            webhook: delivery.webhook,
            message: delivery.message,
            kind: delivery.kind.clone(),
            state,
            next_attempt_at,
            attempts: delivery.attempts.iter().map(AttemptView::from).collect(),
            created_at: delivery.created_at,
        }
    }
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        let (status, response, error) = match &attempt.outcome {
            AttemptOutcome::Answered { status, begins } => (Some(*status), Some(begins.clone()), None),
            AttemptOutcome::Failed(class) => (None, None, Some(class.clone())),
        };
        Self { at: attempt.at, duration_ms: attempt.duration_ms, status, response, error }
    }
}

fn example() -> Value {
    json!({
        "id": Id::example(IdKind::Webhook),
        "workspace": Id::example(IdKind::Workspace),
        "url": "https://example.com/hooks",
        "events": ["key.*"],
        "organization_events": false,
        "description": null,
        "state": "active",
        "disabled_because": null,
        "disabled_at": null,
        "failing_since": null,
        "secrets": [{ "number": 1, "created_at": "2026-01-31T12:00:00.000Z", "expires_at": null }],
        "created_at": "2026-01-31T12:00:00.000Z",
    })
}

fn delivery_example() -> Value {
    json!({
        "id": Id::example(IdKind::Delivery),
        "webhook": Id::example(IdKind::Webhook),
        "message": Id::example(IdKind::Message),
        "type": "key.inactive",
        "state": "delivered",
        "next_attempt_at": null,
        "attempts": [{
            "at": "2026-01-31T12:00:00.000Z", "duration_ms": 12, "status": 204, "response": "", "error": null,
        }],
        "created_at": "2026-01-31T12:00:00.000Z",
    })
}
