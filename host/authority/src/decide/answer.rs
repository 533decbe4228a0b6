//! What a decision tells its asker.

use std::borrow::Cow;
use std::sync::Arc;

use access_model::meter::QuotaView;
use access_model::{Id, IdKind};
use cronflow_policy_cases::{Principal, Reason};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::decide::cache::CredentialEntry;
use crate::decide::decision_id::DecisionId;

/// Allow or deny, and everything that goes with it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Decision", example = example())]
pub struct Answer {
    /// `allow` or `deny`.
    pub decision: Outcome,
    /// The HTTP status that an enforcement point answers with: 200, 401, 403, 429 or 503.
    #[schemars(with = "u16", extend("enum" = [200, 401, 403, 429, 503]))]
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

fn example() -> Value {
    json!({
        "decision": "deny",
        "status": 403,
        "decision_id": "dec_5fXq2a1",
        "policy_revision": 0,
        "set_digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "reasons": [{
            "code": "missing_scope",
            "policy": "scopes",
            "message": "`jobs.create` needs the scope jobs:write",
        }],
        "principal": {
            "kind": "api_key",
            "id": Id::example(IdKind::Key),
            "key_kind": "production",
            "organization": Id::example(IdKind::Organization),
            "workspace": Id::example(IdKind::Workspace),
            "environment": "production",
            "scopes": ["jobs:read"],
        },
        "quota": { "limit": 10_000, "remaining": 9_731, "reset_seconds": 42 },
    })
}

/// The outcome of a decision, after settling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
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

/// The principal, as an asker sees it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Principal")]
struct View<'a> {
    /// `api_key`, `access_token`, `client`, `member`, `gateway` or `operator`.
    kind: &'a str,
    /// Public id of the credential.
    id: &'a str,
    /// The catalog's kind of the credential.
    key_kind: &'a str,
    /// The OAuth2 client that an access token was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    /// Public id of the owning organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
    /// Public id of the owning workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<&'a str>,
    /// The environment of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a str>,
    /// Granted scopes.
    #[schemars(with = "Vec<String>")]
    scopes: &'a RawValue,
}

impl PrincipalView {
    /// What policies know of it.
    pub fn facts(&self) -> &Principal {
        &self.entry.principal
    }

    /// The environment that it acts in, where one was stated.
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }
}

impl Serialize for PrincipalView {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let facts = &self.entry.principal;
        View {
            kind: &facts.kind,
            id: &facts.id,
            key_kind: &facts.key_kind,
            client: facts.client.as_deref(),
            organization: facts.organization.as_deref(),
            workspace: facts.workspace.as_deref(),
            environment: self.environment.as_deref(),
            scopes: &self.entry.scopes_json,
        }
        .serialize(serializer)
    }
}

impl JsonSchema for PrincipalView {
    fn schema_name() -> Cow<'static, str> {
        View::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        View::json_schema(generator)
    }
}
