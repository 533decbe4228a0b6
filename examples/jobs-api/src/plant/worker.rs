//! Workers.

use serde::{Serialize, Serializer};

/// The most that one does at a time.
pub(crate) const MOST: u32 = 16;

/// Does jobs, several at a time.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Worker {
    #[serde(serialize_with = "id")]
    pub(crate) id: u64,
    /// Whether it begins nothing more.
    pub(crate) paused: bool,
    /// How many jobs it does at a time.
    pub(crate) concurrency: u32,
    /// How many it is at.
    pub(crate) busy: u32,
    /// Executions that ended well.
    pub(crate) succeeded: u64,
    /// Executions that did not.
    pub(crate) failed: u64,
}

impl Worker {
    pub(crate) const fn new(id: u64) -> Self {
        Self { id, paused: false, concurrency: 2, busy: 0, succeeded: 0, failed: 0 }
    }
}

fn id<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("wrk_{number}"))
}
