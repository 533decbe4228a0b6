//! A member as it is shown: nothing of what it signs in with.

use std::collections::BTreeMap;

use access_model::{Id, IdKind, Member, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// A member as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Member", example = example())]
pub struct MemberView {
    /// Public id.
    pub id: Id,
    /// The organization.
    pub organization: Id,
    /// The e-mail address that it signs in with.
    pub email: String,
    /// A name for people.
    pub name: String,
    /// `active`, `suspended` or `removed`.
    #[schemars(extend("enum" = ["active", "suspended", "removed"]))]
    pub state: &'static str,
    /// Roles in the whole organization.
    pub roles: Vec<String>,
    /// Roles in single workspaces besides, by the workspace's id.
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    pub workspaces: BTreeMap<Id, Vec<String>>,
    /// Whether it has a second factor.
    pub factor_enrolled: bool,
    /// When it came to be.
    pub created_at: Timestamp,
}

impl From<&Member> for MemberView {
    fn from(member: &Member) -> Self {
        Self {
            id: member.id,
            organization: member.organization,
            email: member.email.to_string(),
            name: member.name.clone(),
            state: member.state.name(),
            roles: member.roles.clone(),
            workspaces: member.workspaces.clone(),
            factor_enrolled: member.has_factor(),
            created_at: member.created_at,
        }
    }
}

pub(super) fn example() -> Value {
    json!({
        "id": Id::example(IdKind::Member),
        "organization": Id::example(IdKind::Organization),
        "email": "ada@example.com",
        "name": "Ada",
        "state": "active",
        "roles": ["viewer"],
        "workspaces": { Id::example(IdKind::Workspace): ["developer"] },
        "factor_enrolled": true,
        "created_at": "2026-01-31T12:00:00.000Z",
    })
}
