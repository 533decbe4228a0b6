//! Ids of decisions: unique over hosts and restarts, cheap to make, not secret.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// Names a decision: `dec_`, the host's random name, and a number in hexadecimal. Its text is only made where it is shown.
#[derive(Debug, Clone)]
pub struct DecisionId {
    host: Arc<str>,
    number: u64,
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dec_{}{:x}", self.host, self.number)
    }
}

impl Serialize for DecisionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for DecisionId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DecisionId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^dec_[0-9A-Za-z]+$" })
    }
}

/// Makes decision ids.
#[derive(Debug)]
pub(crate) struct DecisionIds {
    host: Arc<str>,
    next: AtomicU64,
}

impl DecisionIds {
    pub(crate) fn new(host: &str) -> Self {
        Self { host: host.into(), next: AtomicU64::new(1) }
    }

    pub(crate) fn next(&self) -> DecisionId {
        DecisionId { host: Arc::clone(&self.host), number: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}
