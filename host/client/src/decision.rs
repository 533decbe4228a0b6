//! Decisions, as the host tells them.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use crate::error::Cause;

/// The code of a denial because nothing could be decided.
pub const UNAVAILABLE: &str = "access_unavailable";
/// The code of a denial that gives no reason: no policy permits it.
const NOT_PERMITTED: &str = "not_permitted";
/// What a client may be told to answer a denial with.
const STATUSES: [u16; 4] = [401, 403, 429, 503];

/// Allow or deny.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a decision that nobody looks at protects nothing"]
pub enum Decision {
    /// Allowed.
    Allow(Arc<Allow>),
    /// Denied, or not decided.
    Deny(Arc<Denial>),
}

/// It is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allow {
    /// Names the decision in logs and audit records. A reused one keeps its name.
    pub decision_id: String,
    /// Who it is.
    pub principal: Principal,
    /// How much of the quota is left, where there is one.
    pub quota: Option<Quota>,
    /// Revision of the workspace's own policies.
    pub policy_revision: u64,
    /// Digest of everything that decided.
    pub set_digest: String,
}

/// It is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The HTTP status to answer your client with: 401, 403, 429 or 503.
    pub status: u16,
    /// Why; the first reason is the foremost. May be empty: no policy permits it.
    pub reasons: Vec<Reason>,
    /// Names the decision; absent when the host made none.
    pub decision_id: Option<String>,
    /// Who it is, where the asker may know.
    pub principal: Option<Principal>,
    /// How much of the quota is left.
    pub quota: Option<Quota>,
    cause: Option<Cause>,
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Reason {
    /// For machines, `missing_scope` say.
    pub code: String,
    /// The policy that says so; absent when it is the host itself.
    #[serde(default)]
    pub policy: Option<String>,
    /// For people.
    #[serde(default)]
    pub message: String,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Principal {
    /// `api_key`, say.
    pub kind: String,
    /// Public id of the credential.
    pub id: String,
    /// The catalog's kind of the credential.
    #[serde(default)]
    pub key_kind: Option<String>,
    /// Public id of the owning organization.
    #[serde(default)]
    pub organization: Option<String>,
    /// Public id of the workspace.
    #[serde(default)]
    pub workspace: Option<String>,
    /// The environment of the request.
    #[serde(default)]
    pub environment: Option<String>,
    /// Granted scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// How much of a quota is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Quota {
    /// Uses in a window.
    pub limit: u64,
    /// How many are left.
    pub remaining: u64,
    /// Seconds until there are more.
    pub reset_seconds: u64,
}

impl Decision {
    /// Whether it is allowed.
    pub const fn is_allow(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    /// The denial that stands for "nothing could be decided".
    pub(crate) fn unavailable(cause: Cause) -> Self {
        let message = "whether this is allowed could not be decided; try again".to_owned();
        let mut denial = Denial::new(503, UNAVAILABLE, message);
        denial.cause = Some(cause);
        Self::Deny(Arc::new(denial))
    }
}

impl Denial {
    /// One that this side makes by itself.
    pub(crate) fn new(status: u16, code: &str, message: String) -> Self {
        let reasons = vec![Reason { code: code.to_owned(), policy: None, message }];
        Self { status, reasons, decision_id: None, principal: None, quota: None, cause: None }
    }

    /// The code of the foremost reason.
    pub fn code(&self) -> &str {
        self.reasons.first().map_or(NOT_PERMITTED, |reason| &reason.code)
    }

    /// What it says to people.
    pub fn message(&self) -> &str {
        self.reasons.first().map_or("no policy permits this", |reason| &reason.message)
    }

    /// Why nothing could be decided, when that is so. `None`: it was decided, by the host.
    pub const fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// Seconds to wait before trying again, where that helps.
    pub fn retry_after(&self) -> Option<u64> {
        match self.status {
            429 => Some(self.quota.map_or(1, |quota| quota.reset_seconds.max(1))),
            503 => Some(1),
            _ => None,
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code(), self.message())
    }
}

/// A decision on the wire. Fields that are not known here are of later releases.
#[derive(Debug, Deserialize)]
pub(crate) struct Wire {
    decision: Outcome,
    status: u16,
    decision_id: String,
    policy_revision: u64,
    set_digest: String,
    reasons: Vec<Reason>,
    #[serde(default)]
    principal: Option<Principal>,
    #[serde(default)]
    quota: Option<Quota>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Allow,
    Deny,
}

/// Several of them.
#[derive(Debug, Deserialize)]
pub(crate) struct WireBatch {
    pub(crate) items: Vec<Wire>,
}

impl Wire {
    /// What it means. What contradicts itself, or names nobody whom it allows, means nothing.
    pub(crate) fn into_decision(self) -> Result<Decision, Cause> {
        let Self { decision, status, decision_id, policy_revision, set_digest, reasons, principal, quota } = self;
        match (decision, status, principal) {
            (Outcome::Allow, 200, Some(principal)) if reasons.is_empty() => {
                Ok(Decision::Allow(Arc::new(Allow { decision_id, principal, quota, policy_revision, set_digest })))
            }
            (Outcome::Deny, _, principal) if STATUSES.contains(&status) => {
                let decision_id = Some(decision_id);
                Ok(Decision::Deny(Arc::new(Denial { status, reasons, decision_id, principal, quota, cause: None })))
            }
            (decision, status, _) => Err(Cause::NotUnderstood(format!("{decision:?} with status {status}"))),
        }
    }
}
