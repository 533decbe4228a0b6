//! What the host answers by itself, before or after the policies: authentication, quotas, questions that can't be asked.

use cronflow_policy_cases::Reason;

/// A denial that no policy gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Unknown, malformed, wrong, expired, revoked, disabled, not yet valid, dead parent: one code, one text.
    Unauthenticated,
    /// A subject of a type that the host identifies itself, and no secret of its.
    NotPresented,
    /// A quota or throttle is exhausted.
    RateLimited(&'static str),
    /// The store could not answer.
    StoreUnavailable,
    /// The workspace's own policies can't be asked, or not those that are meant.
    PolicyUnavailable(String),
    /// The workspace's own policies take more of the machine than they may.
    PolicyOverloaded,
    /// The catalog knows no such action.
    UnknownAction(String),
    /// A gateway left open what its client asked.
    NotStated(String),
    /// What a gateway's client asked holds a secret where logs keep it.
    SecretInQuery,
    /// The asker's permit is not for asking: a defect, so nothing is decided.
    NotAsked,
    /// The facts exceed the published cap.
    FactsTooLarge(String),
}

impl Refusal {
    /// Whether nobody was identified, and that is known.
    pub(crate) const fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::Unauthenticated)
    }

    pub(crate) fn reason(self) -> Reason {
        let (code, message) = match self {
            Self::Unauthenticated => ("unauthenticated", "the credential identifies nobody".to_owned()),
            Self::NotPresented => {
                let message = "subjects of that type are believed by their secret alone: state the type `credential`, and \
                               the secret in `subject.properties.secret`";
                ("subject_not_presented", message.to_owned())
            }
            Self::RateLimited(message) => ("rate_limited", message.to_owned()),
            Self::StoreUnavailable => ("store_unavailable", "the store is out of reach; try again".to_owned()),
            Self::PolicyUnavailable(message) => ("policy_unavailable", message),
            Self::PolicyOverloaded => {
                let message = "the workspace's policies take longer than they may; try again, and see their status";
                ("policy_overloaded", message.to_owned())
            }
            Self::UnknownAction(message) => ("unknown_action", message),
            Self::NotStated(message) => ("request_not_stated", message),
            Self::SecretInQuery => {
                let message =
                    "secrets don't belong into the query, where logs keep them; use the header `Authorization`";
                ("secret_in_query", message.to_owned())
            }
            Self::NotAsked => ("not_permitted", "the asker may not ask for decisions".to_owned()),
            Self::FactsTooLarge(message) => ("facts_too_large", message),
        };
        Reason { code: code.to_owned(), policy: None, message }
    }
}

/// HTTP status of a denial, by the code of its first reason.
pub(crate) fn status_of(reasons: &[Reason]) -> u16 {
    match reasons.first().map(|reason| reason.code.as_str()) {
        Some("unauthenticated") => 401,
        Some("rate_limited") => 429,
        Some("store_unavailable" | "policy_unavailable" | "policy_overloaded") => 503,
        _ => 403,
    }
}
