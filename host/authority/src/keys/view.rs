//! A key as it is shown: everything but its secret.

use std::collections::BTreeMap;

use access_model::{ApiKey, Id, IdKind, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// A key as it is shown. Times are RFC 3339.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Key", example = example())]
pub struct KeyView {
    /// Public id.
    pub id: Id,
    /// The catalog's kind.
    pub kind: String,
    /// A name for people.
    pub name: String,
    /// `active`, `not_yet_valid`, `disabled`, `expired` or `revoked`, now.
    #[schemars(extend("enum" = ["active", "not_yet_valid", "disabled", "expired", "revoked"]))]
    pub state: &'static str,
    /// Granted scopes.
    pub scopes: Vec<String>,
    /// What its secret begins with.
    pub prefix: String,
    /// The owner.
    pub workspace: Id,
    /// The line of rotations that its quota belongs to.
    pub lineage: Id,
    /// Networks that it may be used from; null means no restriction.
    pub ip_allow: Option<Vec<String>>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// Not valid before.
    pub not_before: Option<Timestamp>,
    /// Not valid from here on.
    pub expires_at: Option<Timestamp>,
    /// When it ought to be rotated.
    pub rotation_due_at: Option<Timestamp>,
    /// When it last identified somebody, to about a minute; absent where it never did, and where a key is changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// Since when it is inactive: no request came with it for as long as its kind allows. Absent where it is not, and where a key
    /// is changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactive_since: Option<Timestamp>,
    /// The key that it replaced.
    pub predecessor: Option<Id>,
    /// The key that replaced it.
    pub successor: Option<Id>,
    /// The member that issued it, or that issued what did; null: it was no member.
    pub issued_by: Option<Id>,
    /// Free text by name.
    pub metadata: BTreeMap<String, String>,
}

impl KeyView {
    /// Shows a key of a kind whose secrets begin with `prefix`, as it stands at `now`.
    pub(crate) fn new(key: &ApiKey, prefix: &str, now: Timestamp) -> Self {
        Self {
            id: key.id,
            kind: key.kind.clone(),
            name: key.name.clone(),
            state: key.state_at(now),
            scopes: key.scopes.clone(),
            prefix: prefix.to_owned(),
            workspace: key.workspace,
            lineage: key.lineage,
            ip_allow: key.ip_allow.as_ref().map(access_model::AllowList::to_strings),
            created_at: key.created_at,
            not_before: key.not_before,
            expires_at: key.expires_at,
            rotation_due_at: key.rotation_due_at,
            last_used_at: None,
            inactive_since: None,
            predecessor: key.predecessor,
            successor: key.successor,
            issued_by: key.issued_by,
            metadata: key.metadata.clone(),
        }
    }
}

fn example() -> Value {
    json!({
        "id": Id::example(IdKind::Key),
        "kind": "production",
        "name": "ci",
        "state": "active",
        "scopes": ["jobs:read", "jobs:write"],
        "prefix": "cf_prod_",
        "workspace": Id::example(IdKind::Workspace),
        "lineage": Id::example(IdKind::Lineage),
        "ip_allow": ["203.0.113.0/24"],
        "created_at": "2026-01-31T12:00:00.000Z",
        "not_before": null,
        "expires_at": null,
        "rotation_due_at": "2026-05-01T12:00:00.000Z",
        "predecessor": null,
        "successor": null,
        "issued_by": null,
        "metadata": { "team": "payments" },
    })
}
