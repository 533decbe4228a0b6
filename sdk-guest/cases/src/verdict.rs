//! What one policy says.

use serde::{Deserialize, Serialize};

/// The effect of one policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It grants the action, where it is one that may grant.
    Permit,
    /// It forbids the action.
    Forbid,
    /// It has nothing to say.
    NoMatch,
}

/// Why a policy forbids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictReason {
    /// Machine code: lower case letters, digits, underscores.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// The answer of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// See [`Effect::Permit`].
    Permit,
    /// See [`Effect::Forbid`]; at least one reason.
    Forbid(Vec<VerdictReason>),
    /// See [`Effect::NoMatch`].
    NoMatch,
}

impl Verdict {
    /// The effect, without its reasons.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Permit => Effect::Permit,
            Self::Forbid(_) => Effect::Forbid,
            Self::NoMatch => Effect::NoMatch,
        }
    }
}
