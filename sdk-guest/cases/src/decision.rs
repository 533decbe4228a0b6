//! What a policy set says: the combined answer.

use serde::{Deserialize, Serialize};

/// One reason of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reason {
    /// Machine code.
    pub code: String,
    /// Name of the policy that gave it; absent where the host answered before any policy ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// A sentence for people.
    pub message: String,
}

/// Allow or deny, and why. A denial always has a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A platform module permits and no enforced module objects.
    Allow,
    /// At least one reason, in the order of the set's bindings.
    Deny(Vec<Reason>),
}
