//! Webhooks: where a workspace wants to be told of what. Kept and shown; this example sends nothing anywhere.

use serde::{Deserialize, Serialize, Serializer};

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// A job is done.
    #[serde(rename = "job.succeeded")]
    Succeeded,
    /// A job's last attempt failed.
    #[serde(rename = "job.failed")]
    Failed,
    /// A job was cancelled.
    #[serde(rename = "job.cancelled")]
    Cancelled,
}

/// An endpoint.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Webhook {
    #[serde(serialize_with = "id")]
    pub(crate) id: u64,
    pub(crate) url: String,
    pub(crate) events: Vec<Event>,
    pub(crate) enabled: bool,
}

fn id<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("whk_{number}"))
}
