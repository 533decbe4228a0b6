//! Invitations: how somebody becomes a member. Made, listed and taken back here; each lets one person in, once.

mod invite;
mod list;
mod revoke;

use std::collections::BTreeMap;

use access_model::{Id, IdKind, Invitation, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

pub use invite::InvitationRequest;
pub(crate) use invite::{Offer, draw, invitation_kind, put_new_invitation};

/// Actions of the catalog that these use cases need a permit for.
pub mod actions {
    /// Invite.
    pub const CREATE: &str = "invitations.create";
    /// List.
    pub const LIST: &str = "invitations.list";
    /// Take back.
    pub const REVOKE: &str = "invitations.revoke";
}

/// An invitation as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Invitation", example = example())]
pub struct InvitationView {
    /// Public id.
    pub id: Id,
    /// The organization.
    pub organization: Id,
    /// Whom it is for.
    pub email: String,
    /// `open`, `used`, `revoked` or `expired`, now.
    #[schemars(extend("enum" = ["open", "used", "revoked", "expired"]))]
    pub state: &'static str,
    /// Roles in the whole organization that go with it.
    pub roles: Vec<String>,
    /// Roles in single workspaces besides, by the workspace's id.
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    pub workspaces: BTreeMap<Id, Vec<String>>,
    /// Who invites; null: it was made when the installation began.
    pub invited_by: Option<Id>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Not to be accepted from here on.
    pub expires_at: Timestamp,
}

impl InvitationView {
    /// Shows an invitation as it stands at `now`.
    pub(crate) fn new(invitation: &Invitation, now: Timestamp) -> Self {
        Self {
            id: invitation.id,
            organization: invitation.organization,
            email: invitation.email.to_string(),
            state: invitation.state_at(now),
            roles: invitation.roles.clone(),
            workspaces: invitation.workspaces.clone(),
            invited_by: invitation.invited_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}

fn example() -> Value {
    json!({
        "id": Id::example(IdKind::Invitation),
        "organization": Id::example(IdKind::Organization),
        "email": "ada@example.com",
        "state": "open",
        "roles": ["developer"],
        "workspaces": {},
        "invited_by": Id::example(IdKind::Member),
        "created_at": "2026-01-31T12:00:00.000Z",
        "expires_at": "2026-02-07T12:00:00.000Z",
    })
}
