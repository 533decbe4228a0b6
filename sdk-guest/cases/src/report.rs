//! How a run of cases is told, to people and to machines.

use std::fmt;

use serde::Serialize;

use crate::{Case, Effect, Expectation, Obligation, Verdict, VerdictReason};

/// What the policy said to a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Said {
    /// A verdict.
    Verdict {
        /// Its effect.
        effect: Effect,
        /// Its reasons; empty unless it forbids.
        reasons: Vec<VerdictReason>,
        /// What an allow must meet; empty where it forbids.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        obligations: Vec<Obligation>,
    },
    /// It erred: why, as a fixed code.
    Error {
        /// The code.
        error: String,
    },
}

impl From<Verdict> for Said {
    fn from(verdict: Verdict) -> Self {
        let Verdict { effect, reasons, obligations } = verdict;
        Self::Verdict { effect, reasons, obligations }
    }
}

/// One case, run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseOutcome {
    /// The case's name.
    pub name: String,
    /// Whether the policy said what was expected.
    pub passed: bool,
    /// What was expected.
    pub expected: Expectation,
    /// What was said.
    pub got: Said,
}

impl CaseOutcome {
    /// Holds what was said against what the case expects.
    pub fn new(case: &Case, got: Said) -> Self {
        let passed = match (&case.expect, &got) {
            (Expectation::Error { .. }, Said::Error { .. }) => true,
            (Expectation::Verdict { effect, codes, step_up }, Said::Verdict { effect: said, reasons, obligations }) => {
                effect == said
                    && codes.iter().eq(reasons.iter().map(|reason| &reason.code))
                    && step_up.iter().map(|seconds| Obligation::StepUp(*seconds)).eq(obligations.iter().copied())
            }
            _ => false,
        };
        Self { name: case.name.clone(), passed, expected: case.expect.clone(), got }
    }
}

/// The cases of one policy, run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The policy's name.
    pub policy: String,
    /// How many cases passed.
    pub passed: usize,
    /// How many did not.
    pub failed: usize,
    /// In the order of the file.
    pub cases: Vec<CaseOutcome>,
}

impl Report {
    /// Counts.
    pub fn new(policy: impl Into<String>, cases: Vec<CaseOutcome>) -> Self {
        let passed = cases.iter().filter(|case| case.passed).count();
        Self { policy: policy.into(), passed, failed: cases.len() - passed, cases }
    }

    /// Whether every case passed. A report without cases shows nothing, so it is no success.
    pub fn is_success(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// One JSON object: `policy`, `passed`, `failed`, `cases`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// For people: one line per case, and for a failed one what was expected and what was said.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            writeln!(f, "{}  {}: {}", if case.passed { "ok    " } else { "FAILED" }, self.policy, case.name)?;
            if !case.passed {
                writeln!(f, "        expected {}", case.expected)?;
                writeln!(f, "        got      {}", case.got)?;
            }
        }
        match (self.passed, self.failed) {
            (0, 0) => writeln!(f, "{}: no cases", self.policy),
            (passed, failed) => writeln!(f, "{}: {passed} passed, {failed} failed", self.policy),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict { effect, step_up: Some(seconds), .. } => write!(f, "{effect} (step up: {seconds} s)"),
            Self::Verdict { effect, codes, .. } if codes.is_empty() => effect.fmt(f),
            Self::Verdict { effect, codes, .. } => write!(f, "{effect} ({})", codes.join(", ")),
            Self::Error { .. } => f.write_str("an error"),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict { effect, reasons, obligations } if reasons.is_empty() && obligations.is_empty() => {
                effect.fmt(f)
            }
            Self::Verdict { effect, reasons, obligations } => {
                let reasons = reasons.iter().map(|r| format!("{}: {}", r.code, r.message));
                let obligations = obligations.iter().map(|Obligation::StepUp(seconds)| format!("step up: {seconds} s"));
                write!(f, "{effect} ({})", reasons.chain(obligations).collect::<Vec<_>>().join("; "))
            }
            Self::Error { error } => write!(f, "an error ({error})"),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
            Self::NoMatch => "no match",
        })
    }
}
