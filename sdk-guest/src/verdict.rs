//! What a policy says.
//!
//! ```
//! use cronflow_policy::verdict::{Effect, Obligation, forbid, no_match, permit, step_up};
//!
//! assert_eq!(permit().effect, Effect::Permit);
//! assert_eq!(no_match().effect, Effect::NoMatch);
//! assert_eq!(forbid("weekend", "nothing is deployed at weekends").reasons[0].code, "weekend");
//! assert_eq!(step_up(900).obligations, [Obligation::StepUp(900)]);
//! ```

pub use crate::bindings::cronflow::policy::verdict::{Effect, Obligation, Reason, Verdict};

/// No objection; and where the policy is one that may grant, the action is granted.
pub fn permit() -> Verdict {
    verdict(Effect::Permit)
}

/// Nothing to say.
pub fn no_match() -> Verdict {
    verdict(Effect::NoMatch)
}

/// Forbids, with a machine code (lower case letters, digits, underscores; listed in the manifest) and a sentence for people.
/// Further reasons may be pushed to its `reasons`.
pub fn forbid(code: impl Into<String>, message: impl Into<String>) -> Verdict {
    Verdict { reasons: vec![Reason { code: code.into(), message: message.into() }], ..verdict(Effect::Forbid) }
}

/// No objection, provided that the principal gave a second factor in the last so many seconds; otherwise the decision is
/// deny `step_up_required`.
pub fn step_up(seconds: u32) -> Verdict {
    Verdict { obligations: vec![Obligation::StepUp(seconds)], ..verdict(Effect::NoMatch) }
}

fn verdict(effect: Effect) -> Verdict {
    Verdict { effect, reasons: Vec::new(), obligations: Vec::new() }
}
