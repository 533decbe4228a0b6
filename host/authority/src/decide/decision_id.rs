//! Ids of decisions: unique over hosts and restarts, cheap to make, not secret.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes decision ids.
#[derive(Debug)]
pub(crate) struct DecisionIds {
    host: Box<str>,
    next: AtomicU64,
}

impl DecisionIds {
    pub(crate) fn new(host: &str) -> Self {
        Self { host: host.into(), next: AtomicU64::new(1) }
    }

    pub(crate) fn next(&self) -> String {
        use fmt::Write as _;
        let mut id = String::with_capacity(4 + self.host.len() + 12);
        id.push_str("dec_");
        id.push_str(&self.host);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Writing to a string does not fail.
        let _ = write!(id, "{number:x}");
        id
    }
}
