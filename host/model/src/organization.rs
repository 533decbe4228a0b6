//! Organizations and workspaces: who owns what, and the rules that stand on the owner.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::Id;
use crate::network::AllowList;
use crate::policy::{PolicyBinding, RevisionRef};

/// The customer: owns workspaces; the unit of sharding.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Organization {
    /// Public id.
    pub id: Id,
    /// Unique name.
    pub name: String,
    /// Whether its credentials identify anybody.
    pub state: OwnerState,
    /// What may be set.
    #[serde(default)]
    pub settings: OrganizationSettings,
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
    /// What else may be set.
    #[serde(default)]
    pub settings: WorkspaceSettings,
    /// Revision of its own policy set: grows with whatever changes what is in force; 0 while nothing ever was.
    pub policy_revision: u64,
    /// Its own policies in force, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyBinding>,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// What may be set of an organization. Absent means none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationSettings {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether all of its members need a second factor. Those of admin roles do in any case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mfa_required: bool,
    /// Whether clients that are inactive are switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disable_inactive_clients: bool,
    /// Days that its audit records are kept which are of none of its workspaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_retention_days: Option<u32>,
    /// What its members are written to about: kinds of event, `key.*` for all that begin so. Absent means what asks for something to
    /// be done; empty, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_events: Option<Vec<String>>,
}

/// What may be set of a workspace. Absent means none. Part of the head, so it is kept small.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceSettings {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How long a rotated key goes on where the rotation doesn't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_overlap_seconds: Option<u64>,
    /// Days after which keys issued or rotated from now on end at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_lifetime_days: Option<u32>,
    /// Which of its customers' decisions its audit trail tells of.
    #[serde(default, skip_serializing_if = "AuditDecisions::is_none")]
    pub audit_decisions: AuditDecisions,
    /// Whether keys that are inactive are switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disable_inactive_keys: bool,
    /// Days that its audit records are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_retention_days: Option<u32>,
}

/// Which decisions an audit trail tells of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditDecisions {
    /// None of them.
    #[default]
    None,
    /// Denials.
    Denials,
    /// All of them.
    All,
}

impl AuditDecisions {
    const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether it tells of an allow, or of a denial.
    pub const fn tells_of(self, is_allow: bool) -> bool {
        match self {
            Self::None => false,
            Self::Denials => !is_allow,
            Self::All => true,
        }
    }
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

/// Archived things stay archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is archived, for good; create another")]
pub struct Archived;

impl Organization {
    /// A new one.
    pub fn new(id: Id, name: &str, now: Timestamp) -> Self {
        let settings = OrganizationSettings::default();
        Self { id, name: name.to_owned(), state: OwnerState::Active, settings, created_at: now }
    }
}

impl Workspace {
    /// A new one, without rules of its own.
    pub fn new(id: Id, organization: Id, name: &str, now: Timestamp) -> Self {
        Self {
            id,
            organization,
            name: name.to_owned(),
            state: OwnerState::Active,
            network: Network::default(),
            settings: WorkspaceSettings::default(),
            policy_revision: 0,
            policies: Vec::new(),
            created_at: now,
        }
    }

    /// Puts a revision of a policy in force, or takes the policy out, and counts the set's revision on.
    pub(crate) fn bind(&mut self, name: &str, revision: Option<RevisionRef>) {
        self.policies.retain(|bound| bound.name != name);
        self.policies.extend(revision.map(|revision| PolicyBinding { name: name.to_owned(), revision }));
        self.policies.sort_by(|a, b| a.name.cmp(&b.name));
        self.policy_revision += 1;
    }
}

impl WorkspaceSettings {
    /// The longest life of a key that is issued or rotated now.
    pub fn key_lifetime(&self) -> Option<Duration> {
        self.key_lifetime_days.map(|days| Duration::from_secs(u64::from(days) * 86_400))
    }
}

impl OwnerState {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Archived => "archived",
        }
    }

    /// Ends its credentials for now. Suspending what is suspended changes nothing.
    ///
    /// # Errors
    /// [`Archived`].
    pub const fn suspend(self) -> Result<Self, Archived> {
        self.to(Self::Suspended)
    }

    /// Lets its credentials work again, those that would without it. Resuming what is active changes nothing.
    ///
    /// # Errors
    /// [`Archived`].
    pub const fn resume(self) -> Result<Self, Archived> {
        self.to(Self::Active)
    }

    /// Ends its credentials for good. Archiving what is archived changes nothing.
    #[must_use]
    pub const fn archive(self) -> Self {
        Self::Archived
    }

    const fn to(self, other: Self) -> Result<Self, Archived> {
        match self {
            Self::Archived => Err(Archived),
            Self::Active | Self::Suspended => Ok(other),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::OwnerState::{Active, Archived as Ended, Suspended};
    use super::*;

    #[test]
    fn states_go_to_and_fro_until_the_end() {
        for state in [Active, Suspended] {
            assert_eq!((state.suspend(), state.resume(), state.archive()), (Ok(Suspended), Ok(Active), Ended));
        }
        assert_eq!((Ended.suspend(), Ended.resume(), Ended.archive()), (Err(Archived), Err(Archived), Ended));
    }

    #[test]
    fn records_from_before_there_were_settings_are_read() {
        let id: Id = "ws_00sample0000000000".parse().unwrap();
        let now = Timestamp::from_millis(0);
        let mut workspace = serde_json::to_value(Workspace::new(id, id, "main", now)).unwrap();
        workspace.as_object_mut().unwrap().remove("settings").unwrap();
        let read: Workspace = serde_json::from_value(workspace).unwrap();
        assert_eq!(read.settings, WorkspaceSettings::default());
        let mut organization = serde_json::to_value(Organization::new(id, "acme", now)).unwrap();
        organization.as_object_mut().unwrap().remove("settings").unwrap();
        let read: Organization = serde_json::from_value(organization).unwrap();
        assert_eq!(read.settings, OrganizationSettings::default());
    }
}
