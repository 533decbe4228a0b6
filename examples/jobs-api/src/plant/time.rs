//! What time it is, for people: nothing is decided by it.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A moment; RFC 3339 in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(Timestamp);

impl Moment {
    /// Now.
    #[expect(clippy::disallowed_methods, reason = "times are shown and nothing else, and this is where they come from")]
    pub(crate) fn now() -> Self {
        Self(Timestamp::now())
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}
