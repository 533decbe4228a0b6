//! Organizations and workspaces: who owns what, and the rules that stand on the owner.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::Id;
use crate::network::AllowList;

/// The customer: owns workspaces; the unit of sharding.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Organization {
    /// Public id.
    pub id: Id,
    /// Unique name.
    pub name: String,
    /// Whether its credentials identify anybody.
    pub state: OwnerState,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// Owns keys, policies, network rules and audit. This record is the *workspace head*, read once per decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Workspace {
    /// Public id.
    pub id: Id,
    /// The owner.
    pub organization: Id,
    /// Name, unique within the organization.
    pub name: String,
    /// Whether its credentials identify anybody.
    pub state: OwnerState,
    /// Network rules.
    pub network: Network,
    /// Revision of its own policy set; 0 while it has none.
    pub policy_revision: u64,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// Network rules of a workspace. Absent means no restriction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Networks that requests may come from.
    pub ip_allow: Option<AllowList>,
    /// Networks that the workspace's jobs may call.
    pub egress_allow: Option<AllowList>,
}

/// Whether an owner is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerState {
    /// Its credentials work.
    Active,
    /// Its credentials don't, for now.
    Suspended,
    /// Its credentials don't, for good.
    Archived,
}

/// A name that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use 1 to 63 lower case letters, digits and hyphens, beginning with a letter or digit")]
pub struct NameError(String);

/// What a name looks like, as a regular expression.
pub const NAME_PATTERN: &str = "^[a-z0-9][a-z0-9-]{0,62}$";

/// Checks the name of an organization, workspace or environment. Names have no underscore, so none is mistaken for an id.
///
/// # Errors
/// Says what a name looks like.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let wellformed = (1..=63).contains(&name.len()) && !name.starts_with('-') && name.bytes().all(legal);
    if wellformed { Ok(()) } else { Err(NameError(name.chars().take(80).flat_map(char::escape_debug).collect())) }
}
