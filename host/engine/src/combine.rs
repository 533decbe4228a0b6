//! The combining rule: one table that makes a decision of what the enforced modules say.
//!
//! | any errs | any forbids | a granting one permits | decision |
//! |---|---|---|---|
//! | yes | – | – | deny `policy_error`; `policy_overloaded` where the machine, not the policy, was at fault |
//! | no | yes | – | deny, with every forbid's reasons |
//! | no | no | yes | allow, unless an obligation is not met: deny `step_up_required` |
//! | no | no | no | deny `not_permitted` |

use cronflow_policy_cases::{Decision, Effect, FactsRef, Obligation, Reason, Verdict};

use crate::module::Fault;

/// What one enforced module said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said<'a> {
    /// The policy's name.
    pub policy: &'a str,
    /// Whether its permit counts: a platform policy whose manifest says `grants`.
    ///
    /// INVARIANT: never true for a tenant's module, so a tenant can narrow and never widen.
    pub grants: bool,
    /// Its verdict, or why there is none.
    pub verdict: Result<Verdict, Fault>,
}

/// Makes the decision. The order of what was said is the order of the reasons and changes nothing else.
pub fn combine<'a>(facts: FactsRef<'_>, said: impl IntoIterator<Item = Said<'a>>) -> Decision {
    let mut errors: Vec<Reason> = Vec::new();
    let mut forbids: Vec<Reason> = Vec::new();
    let mut unmet: Vec<Reason> = Vec::new();
    let mut permitted = false;
    for Said { policy, grants, verdict } in said {
        let Verdict { effect, reasons, obligations } = match verdict {
            Ok(verdict) => verdict,
            Err(fault) if fault.is_overload() => {
                let message = format!("policy `{policy}` could not be evaluated in time; try again");
                errors.push(reason("policy_overloaded", policy, message));
                continue;
            }
            Err(_) => {
                let message = format!("policy `{policy}` could not be evaluated, so the request is denied");
                errors.push(reason("policy_error", policy, message));
                continue;
            }
        };
        match effect {
            Effect::Forbid if reasons.is_empty() => forbids.push(reason("forbidden", policy, forbids_this(policy))),
            Effect::Forbid => forbids.extend(reasons.into_iter().map(|given| Reason {
                code: given.code,
                policy: Some(policy.to_owned()),
                message: if given.message.is_empty() { forbids_this(policy) } else { given.message },
            })),
            Effect::Permit => permitted |= grants,
            Effect::NoMatch => {}
        }
        for obligation in obligations {
            if !obligation.is_met(facts.now, facts.principal.factor_at) {
                let Obligation::StepUp(seconds) = obligation;
                let message = format!("needs a second factor given in the last {seconds} seconds");
                unmet.push(reason("step_up_required", policy, message));
            }
        }
    }
    match (errors.is_empty(), forbids.is_empty(), permitted) {
        (false, _, _) => Decision::Deny(errors),
        (true, false, _) => Decision::Deny(forbids),
        (true, true, true) if unmet.is_empty() => Decision::Allow,
        (true, true, true) => Decision::Deny(unmet),
        (true, true, false) => Decision::Deny(vec![Reason {
            code: "not_permitted".to_owned(),
            policy: None,
            message: "no policy permits this action".to_owned(),
        }]),
    }
}

fn reason(code: &str, policy: &str, message: String) -> Reason {
    Reason { code: code.to_owned(), policy: Some(policy.to_owned()), message }
}

fn forbids_this(policy: &str) -> String {
    format!("policy `{policy}` forbids this action")
}

#[cfg(test)]
mod tests;
