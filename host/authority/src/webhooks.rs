//! Webhooks: endpoints of a workspace, and what they are told.
//!
//! Reading order: `create`, `list`, `change`, `rotate` (an endpoint's life), `message` (what is told: one message, and a
//! delivery to each endpoint that wants it, in the commit of whatever it tells of), `deliveries` (what became of it, and
//! trying again), `outgoing` (which deliveries are tried when, with places for each endpoint), `attempt` (one of them: sign,
//! send, record), `sign`.
//!
//! Nothing here is on the way of a decision. INVARIANT: a delivery stands in the index of what is due until an attempt is
//! recorded, so that one that was cut short is made again, with the same id.

mod attempt;
mod change;
mod create;
mod deliveries;
mod list;
mod message;
mod outgoing;
mod rotate;
mod sign;
mod view;

pub use change::{StateUpdate, WebhookUpdate};
pub use create::WebhookRequest;
pub use deliveries::{RecoverRequest, RecoverView};
pub use message::{MessageRequest, MessageView};
pub use view::{AttemptView, DeliveryView, WebhookSecretView, WebhookView};

pub(crate) use outgoing::Outgoing;

/// Actions of the catalog that these use cases need a permit for. Those that are called `webhooks.…` there are customers': of
/// CronFlow's own API.
pub mod actions {
    /// Create an endpoint.
    pub const CREATE: &str = "webhook_endpoints.create";
    /// List a workspace's.
    pub const LIST: &str = "webhook_endpoints.list";
    /// Show one.
    pub const GET: &str = "webhook_endpoints.get";
    /// Change one: its terms, its state, its secret, its end.
    pub const UPDATE: &str = "webhook_endpoints.update";
    /// Send one a message for trying out.
    pub const TEST: &str = "webhook_endpoints.test";
    /// List what became of its messages.
    pub const LIST_DELIVERIES: &str = "webhook_deliveries.list";
    /// Try one of them again.
    pub const REPLAY: &str = "webhook_deliveries.replay";
    /// Try all again that did not come through since a time.
    pub const RECOVER: &str = "webhook_deliveries.recover";
    /// Tell a workspace's endpoints something.
    pub const SEND: &str = "webhook_messages.send";
}

/// What the trail says of an endpoint that was taken away, and of one that was given another secret; both are
/// [`actions::UPDATE`].
const DELETED: &str = "webhook_endpoints.delete";
const ROTATED: &str = "webhook_endpoints.rotate";

/// What the secret of an endpoint is sealed for.
pub(crate) fn purpose(webhook: &access_model::Id, number: u32) -> String {
    format!("webhook/{webhook}/{number}")
}
