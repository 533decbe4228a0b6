//! Queues.

use serde::Serialize;

/// The one that is always there at the beginning.
pub(crate) const DEFAULT: &str = "default";

/// Where jobs wait.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Queue {
    /// Its name.
    pub(crate) id: String,
    /// Whether nothing of it begins.
    pub(crate) paused: bool,
    /// Attempts of a job that states none.
    pub(crate) max_attempts: u32,
}

impl Queue {
    pub(crate) const fn new(id: String) -> Self {
        Self { id, paused: false, max_attempts: 3 }
    }
}
