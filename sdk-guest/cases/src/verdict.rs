//! What one policy says.

use serde::{Deserialize, Serialize};

/// The effect of one policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It has no objection, and grants the action where it is one that may grant.
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

/// What must be so for an allow to stand. It can only narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obligation {
    /// The principal gave a second factor, no longer ago than so many seconds.
    StepUp(u32),
}

/// The answer of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it wants.
    pub effect: Effect,
    /// Why it forbids; empty otherwise.
    pub reasons: Vec<VerdictReason>,
    /// What an allow must meet; empty where it forbids.
    pub obligations: Vec<Obligation>,
}

impl Verdict {
    /// No objection; grants, where the policy is one that may.
    pub const fn permit() -> Self {
        Self { effect: Effect::Permit, reasons: Vec::new(), obligations: Vec::new() }
    }

    /// Nothing to say.
    pub const fn no_match() -> Self {
        Self { effect: Effect::NoMatch, reasons: Vec::new(), obligations: Vec::new() }
    }

    /// Forbids, with a machine code and a sentence for people.
    pub fn forbid(code: impl Into<String>, message: impl Into<String>) -> Self {
        let reason = VerdictReason { code: code.into(), message: message.into() };
        Self { effect: Effect::Forbid, reasons: vec![reason], obligations: Vec::new() }
    }

    /// No objection, provided that the principal gave a second factor in the last so many seconds.
    pub fn step_up(seconds: u32) -> Self {
        Self { effect: Effect::NoMatch, reasons: Vec::new(), obligations: vec![Obligation::StepUp(seconds)] }
    }
}

impl Obligation {
    /// Whether it is met at `now` (Unix time in milliseconds) by a principal who gave a second factor at `factor_at`.
    pub fn is_met(self, now: i64, factor_at: Option<i64>) -> bool {
        match self {
            Self::StepUp(seconds) => factor_at
                .is_some_and(|at| at <= now && now.saturating_sub(at) <= i64::from(seconds).saturating_mul(1000)),
        }
    }
}
