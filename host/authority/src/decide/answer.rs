//! What a decision tells its asker.

use std::sync::Arc;

use access_model::meter::QuotaView;
use cronflow_policy_cases::Reason;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::decide::cache::CredentialEntry;
use crate::decide::decision_id::DecisionId;

/// Allow or deny, and everything that goes with it. Serializes to the body of `POST /v1/authorize`.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// `allow` or `deny`.
    pub decision: Outcome,
    /// The HTTP status that an enforcement point answers with: 200, 401, 403, 429 or 503.
    pub status: u16,
    /// Names this decision in logs and audit records.
    pub decision_id: DecisionId,
    /// Revision of the workspace's own policy set.
    pub policy_revision: u64,
    /// Digest of everything that decided: platform set, catalog, tenant set.
    pub set_digest: Arc<str>,
    /// Why. Empty when allowed.
    pub reasons: Vec<Reason>,
    /// Who asked, where the asker may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalView>,
    /// How much of the quota is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaView>,
    /// Seconds to wait before trying again, where that helps.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

/// The outcome of a decision, after settling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Allowed.
    Allow,
    /// Denied.
    Deny,
}

/// The principal, as an asker sees it. Shares the cached entry: nothing is copied until it is written out.
#[derive(Debug, Clone)]
pub struct PrincipalView {
    pub(crate) entry: Arc<CredentialEntry>,
    pub(crate) environment: Option<String>,
}

impl Serialize for PrincipalView {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            kind: &'a str,
            id: &'a str,
            key_kind: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            organization: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            workspace: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            environment: Option<&'a str>,
            scopes: &'a RawValue,
        }
        let facts = &self.entry.principal;
        View {
            kind: &facts.kind,
            id: &facts.id,
            key_kind: &facts.key_kind,
            organization: facts.organization.as_deref(),
            workspace: facts.workspace.as_deref(),
            environment: self.environment.as_deref(),
            scopes: &self.entry.scopes_json,
        }
        .serialize(serializer)
    }
}
