//! A judgement, explained: what was asked on the way, what stood there, and what came of it. One shape for every engine.

use cronflow_policy_cases::{Effect, Obligation, Verdict, VerdictReason};
use serde::Serialize;
use serde_json::Value as Json;

use crate::error::Position;
use crate::module::Fault;

/// How one policy came to its verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// In the order of evaluation. Of a CEL policy: the conditions on the way, then the verdict at the end of the branch.
    /// Of a WASM policy: the lines that it logged.
    pub steps: Vec<Step>,
    /// What came of it.
    pub verdict: Judgement,
}

/// One step on the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Where it stands in the source, where there is one.
    pub span: Option<Span>,
    /// The source there, or the line that was logged.
    pub text: String,
    /// What it came to.
    pub outcome: Outcome,
    /// The facts, attributes and settings that it names, by path.
    pub leaves: Vec<Leaf>,
}

/// A stretch of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Its first character.
    pub start: Position,
    /// The character after its last.
    pub end: Position,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A condition held.
    True,
    /// A condition did not hold.
    False,
    /// This verdict was reached.
    Decided,
    /// A line was logged; nothing hangs on it.
    Noted,
    /// It erred, with this fixed code. What an error says is never told: it holds the facts.
    Error(&'static str),
}

/// Something read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leaf {
    /// For example `principal.scopes`, or `has(request.ip)` where only that was asked.
    pub path: String,
    /// What stood there; `null` where nothing was stated.
    pub value: Json,
}

/// A verdict, or that there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Judgement {
    /// The policy judged.
    Verdict {
        /// What it wants.
        effect: Effect,
        /// Why it forbids; empty otherwise.
        reasons: Vec<VerdictReason>,
        /// What an allow must meet; empty where it forbids.
        obligations: Vec<Obligation>,
    },
    /// The policy erred, which denies.
    Error {
        /// The fixed code.
        error: &'static str,
    },
}

impl From<Result<Verdict, Fault>> for Judgement {
    fn from(said: Result<Verdict, Fault>) -> Self {
        match said {
            Ok(Verdict { effect, reasons, obligations }) => Self::Verdict { effect, reasons, obligations },
            Err(fault) => Self::Error { error: fault.code() },
        }
    }
}
