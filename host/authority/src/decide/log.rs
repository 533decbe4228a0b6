//! The decision log: denials, aggregated by principal, action, code and minute. Bounded; what does not fit is counted as
//! lost. Never a write inside a decision: a tick each second writes it out.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::authority::lock;

/// Lines at most between two ticks.
const CAPACITY: usize = 4_096;

/// Denials since the last tick.
#[derive(Debug, Default)]
pub(crate) struct DecisionLog {
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    lines: HashMap<Line, u64>,
    lost: u64,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Line {
    principal: Option<String>,
    action: String,
    why: Why,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Why {
    /// Denied, with this code first.
    Code(String),
    /// Allowed, and this policy in monitor mode would have denied it.
    Monitor(String),
}

impl DecisionLog {
    /// Counts a denial.
    pub(crate) fn denied(&self, principal: Option<&str>, action: &str, code: &str) {
        self.count(principal, action, Why::Code(code.to_owned()));
    }

    /// Counts what a policy in monitor mode would have denied.
    pub(crate) fn would_deny(&self, principal: &str, action: &str, policy: &str) {
        self.count(Some(principal), action, Why::Monitor(policy.to_owned()));
    }

    fn count(&self, principal: Option<&str>, action: &str, why: Why) {
        let line = Line { principal: principal.map(str::to_owned), action: action.to_owned(), why };
        let mut pending = lock(&self.pending);
        if let Some(count) = pending.lines.get_mut(&line) {
            *count += 1;
        } else if pending.lines.len() < CAPACITY {
            pending.lines.insert(line, 1);
        } else {
            pending.lost += 1;
        }
    }

    /// Writes out what came together.
    pub(crate) fn flush(&self) {
        let Pending { lines, lost } = std::mem::take(&mut *lock(&self.pending));
        for (line, count) in lines {
            let principal = line.principal.as_deref().unwrap_or("");
            let action = line.action;
            match line.why {
                Why::Code(code) => {
                    tracing::info!(target: "access::decisions", principal, action, code, count, "denied");
                }
                Why::Monitor(policy) => {
                    tracing::info!(target: "access::decisions", principal, action, policy, count, "would have been denied");
                }
            }
        }
        if lost > 0 {
            tracing::warn!(target: "access::decisions", lost, "the decision log was full");
        }
    }
}
