//! The combining rule: one table that makes a decision of what the enforced modules say.
//!
//! | any errs | any forbids | a granting one permits | decision |
//! |---|---|---|---|
//! | yes | – | – | deny `policy_error` |
//! | no | yes | – | deny, with every forbid's reasons |
//! | no | no | yes | allow |
//! | no | no | no | deny `not_permitted` |

use cronflow_policy_cases::{Decision, Reason, Verdict};

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
pub fn combine<'a>(said: impl IntoIterator<Item = Said<'a>>) -> Decision {
    let mut errors: Vec<Reason> = Vec::new();
    let mut forbids: Vec<Reason> = Vec::new();
    let mut permitted = false;
    for Said { policy, grants, verdict } in said {
        match verdict {
            Err(_) => errors.push(Reason {
                code: "policy_error".to_owned(),
                policy: Some(policy.to_owned()),
                message: format!("policy `{policy}` could not be evaluated, so the request is denied"),
            }),
            Ok(Verdict::Forbid(reasons)) if reasons.is_empty() => forbids.push(unexplained(policy)),
            Ok(Verdict::Forbid(reasons)) => forbids.extend(reasons.into_iter().map(|reason| Reason {
                code: reason.code,
                policy: Some(policy.to_owned()),
                message: if reason.message.is_empty() { forbids_this(policy) } else { reason.message },
            })),
            Ok(Verdict::Permit) => permitted |= grants,
            Ok(Verdict::NoMatch) => {}
        }
    }
    match (errors.is_empty(), forbids.is_empty(), permitted) {
        (false, _, _) => Decision::Deny(errors),
        (true, false, _) => Decision::Deny(forbids),
        (true, true, true) => Decision::Allow,
        (true, true, false) => Decision::Deny(vec![Reason {
            code: "not_permitted".to_owned(),
            policy: None,
            message: "no policy permits this action".to_owned(),
        }]),
    }
}

/// A denial always has a reason, whatever a module says.
fn unexplained(policy: &str) -> Reason {
    Reason { code: "forbidden".to_owned(), policy: Some(policy.to_owned()), message: forbids_this(policy) }
}

fn forbids_this(policy: &str) -> String {
    format!("policy `{policy}` forbids this action")
}

#[cfg(test)]
mod tests;
