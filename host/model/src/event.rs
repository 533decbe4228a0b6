//! Events: what people and their other systems are told of, once each.
//!
//! [`EventKind`] is the whole catalogue: what is not one of its kinds is never created. To add one: a variant, its place in
//! [`EventKind::ALL`] and its row; documents and pages come from there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::entropy::{Entropy, EntropyError, SeededEntropy};
use crate::id::{Id, IdKind};

/// Where it comes from that a secret leaked.
const LEAKS: &str = "a report";

/// Something that happened, as it is kept and delivered. Never holds a secret or its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// Public id: the same with every delivery.
    pub id: Id,
    /// When.
    pub at: Timestamp,
    /// Which, for example `key.inactive`. A text, since a newer host may write what this one doesn't know.
    pub event: String,
    /// Whose.
    pub organization: Id,
    /// Of which workspace; absent where it is the organization's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Id>,
    /// What it is about: a public id, or the name of a policy.
    pub target: String,
    /// Which of several reminders it is, for example `83`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// What else is worth knowing.
    #[serde(default)]
    pub data: Value,
}

/// How much an event asks for attention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something was done.
    #[default]
    Info,
    /// Something ought to be done.
    Warning,
    /// Something is wrong.
    Alert,
}

/// The kinds of event that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is described by its row")]
pub enum EventKind {
    KeyIssued,
    KeyRotated,
    KeyDisabled,
    KeyEnabled,
    KeyRevoked,
    KeyRotationDue,
    KeyExpiring,
    KeyExpired,
    KeyOverlapEnded,
    KeyInactive,
    ClientRegistered,
    ClientSecretRotated,
    ClientDisabled,
    ClientEnabled,
    ClientRevoked,
    ClientInactive,
    PolicyPublished,
    PolicyRolledBack,
    PolicyQuarantined,
    NetworkChanged,
    MemberRoleChanged,
    MemberLockedOut,
    WebhookDisabled,
    KeyLeaked,
    ClientLeaked,
    SessionLeaked,
    InvitationLeaked,
    WebhookLeaked,
}

/// What there is to say of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its name, for example `key.inactive`.
    pub name: &'static str,
    /// How much it asks for attention.
    pub severity: Severity,
    /// What it means.
    pub means: &'static str,
    /// Where it comes from: an action of the catalog, `due work`, what a host notices, or what somebody reported.
    pub arises: &'static str,
}

impl EventKind {
    /// All of them, in the order in which documents show them.
    pub const ALL: [Self; 28] = [
        Self::KeyIssued,
        Self::KeyRotated,
        Self::KeyDisabled,
        Self::KeyEnabled,
        Self::KeyRevoked,
        Self::KeyRotationDue,
        Self::KeyExpiring,
        Self::KeyExpired,
        Self::KeyOverlapEnded,
        Self::KeyInactive,
        Self::ClientRegistered,
        Self::ClientSecretRotated,
        Self::ClientDisabled,
        Self::ClientEnabled,
        Self::ClientRevoked,
        Self::ClientInactive,
        Self::PolicyPublished,
        Self::PolicyRolledBack,
        Self::PolicyQuarantined,
        Self::NetworkChanged,
        Self::MemberRoleChanged,
        Self::MemberLockedOut,
        Self::WebhookDisabled,
        Self::KeyLeaked,
        Self::ClientLeaked,
        Self::SessionLeaked,
        Self::InvitationLeaked,
        Self::WebhookLeaked,
    ];

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The catalogue.
    pub const fn row(self) -> Row {
        use Severity::{Alert, Info, Warning};
        let (name, severity, arises, means) = match self {
            Self::KeyIssued => ("key.issued", Info, "keys.issue", "a key was issued"),
            Self::KeyRotated => ("key.rotated", Info, "keys.rotate", "a key was replaced; its successor has its terms"),
            Self::KeyDisabled => ("key.disabled", Info, "keys.disable", "a key was switched off"),
            Self::KeyEnabled => ("key.enabled", Info, "keys.enable", "a key was switched on again"),
            Self::KeyRevoked => ("key.revoked", Info, "keys.revoke", "a key was ended for good"),
            Self::KeyRotationDue => (
                "key.rotation_due",
                Warning,
                "due work",
                "a key is as old as its kind reminds of; the stage is its age in days",
            ),
            Self::KeyExpiring => {
                ("key.expiring", Warning, "due work", "a key ends soon; the stage says in how many days")
            }
            Self::KeyExpired => ("key.expired", Warning, "due work", "a key ended by itself"),
            Self::KeyOverlapEnded => {
                ("key.overlap_ended", Info, "due work", "the overlap of a rotation is over; the old key ended")
            }
            Self::KeyInactive => {
                ("key.inactive", Warning, "due work", "no request came with a key for as long as its kind allows")
            }
            Self::ClientRegistered => ("client.registered", Info, "clients.register", "a client was registered"),
            Self::ClientSecretRotated => {
                ("client.secret_rotated", Info, "clients.rotate", "a client was given another secret")
            }
            Self::ClientDisabled => ("client.disabled", Info, "clients.disable", "a client was switched off"),
            Self::ClientEnabled => ("client.enabled", Info, "clients.enable", "a client was switched on again"),
            Self::ClientRevoked => ("client.revoked", Info, "clients.revoke", "a client was ended for good"),
            Self::ClientInactive => (
                "client.inactive",
                Warning,
                "due work",
                "neither a client's secret nor a token of it was used for as long as its kind allows",
            ),
            Self::PolicyPublished => {
                ("policy.published", Info, "policies.publish", "a revision of a policy came in force")
            }
            Self::PolicyRolledBack => (
                "policy.rolled_back",
                Warning,
                "policies.rollback",
                "an earlier revision of a policy is in force again",
            ),
            Self::PolicyQuarantined => (
                "policy.quarantined",
                Alert,
                "a host",
                "a policy exceeds its budget again and again, and was slowed down",
            ),
            Self::NetworkChanged => {
                ("network.changed", Info, "network.update", "the workspace's network rules changed")
            }
            Self::MemberRoleChanged => ("member.role_changed", Warning, "members.update", "a member has other roles"),
            Self::MemberLockedOut => {
                ("member.locked_out", Alert, "sign-in", "too many wrong passwords or codes were tried for a member")
            }
            Self::WebhookDisabled => (
                "webhook.disabled",
                Alert,
                "due work",
                "a webhook's receiver is gone, or failed for as long as a message is tried; it is told nothing any more",
            ),
            Self::KeyLeaked => ("key.leaked", Alert, LEAKS, "a key's secret was reported as leaked"),
            Self::ClientLeaked => {
                ("client.leaked", Alert, LEAKS, "a client's secret, or a token of it, was reported as leaked")
            }
            Self::SessionLeaked => {
                ("session.leaked", Alert, LEAKS, "the secret of a member's session was reported as leaked")
            }
            Self::InvitationLeaked => {
                ("invitation.leaked", Alert, LEAKS, "an invitation that was not used yet was reported as leaked")
            }
            Self::WebhookLeaked => (
                "webhook.leaked",
                Alert,
                LEAKS,
                "a secret that signs a webhook's messages was reported as leaked; rotate it",
            ),
        };
        Row { name, severity, means, arises }
    }
}

impl Event {
    /// An event of this kind about `target`, in the books of an organization and, where it is one's, of a workspace.
    ///
    /// # Errors
    /// When the entropy has nothing to give.
    pub fn new(
        kind: EventKind,
        owners: (Id, Option<Id>),
        target: &str,
        at: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let (organization, workspace) = owners;
        Ok(Self {
            id: Id::draw(IdKind::Event, organization.home(), entropy)?,
            at,
            event: kind.name().to_owned(),
            organization,
            workspace,
            target: target.to_owned(),
            stage: None,
            data: Value::Null,
        })
    }

    /// An event that happens to `target` once for each `once`, from which its id follows: whoever creates it again creates the
    /// same.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn once(
        kind: EventKind,
        owners: (Id, Option<Id>),
        target: &str,
        once: &str,
        at: Timestamp,
    ) -> Result<Self, EntropyError> {
        let seed = format!("{}/{target}/{once}", kind.name());
        Self::new(kind, owners, target, at, &SeededEntropy::new(seed.as_bytes()))
    }

    /// The same, as a stage of several.
    #[must_use]
    pub fn at_stage(self, stage: &str) -> Self {
        Self { stage: Some(stage.to_owned()), ..self }
    }

    /// The same, with what else is worth knowing.
    #[must_use]
    pub fn with(self, data: Value) -> Self {
        Self { data, ..self }
    }

    /// Its kind, if it is one that this host knows.
    pub fn kind(&self) -> Option<EventKind> {
        EventKind::named(&self.event)
    }

    /// Whose list it stands in.
    pub fn owner(&self) -> &Id {
        self.workspace.as_ref().unwrap_or(&self.organization)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::id::Shard;

    #[test]
    fn each_kind_has_a_name_of_its_own_and_is_found_by_it() {
        let names: BTreeSet<_> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), EventKind::ALL.len());
        for kind in EventKind::ALL {
            assert_eq!(EventKind::named(kind.name()), Some(kind));
            let row = kind.row();
            assert!(row.name.split_once('.').is_some() && !row.means.ends_with('.'), "{row:?}");
        }
    }

    #[test]
    fn the_readme_has_the_catalogue() {
        let readme = include_str!("../../../README.md");
        for Row { name, severity, means, arises } in EventKind::ALL.map(EventKind::row) {
            let severity = serde_json::to_value(severity).unwrap();
            let arises = if arises.contains('.') { format!("`{arises}`") } else { arises.to_owned() };
            let line = format!("| `{name}` | {} | {arises} | {means} |", severity.as_str().unwrap());
            assert!(readme.contains(&line), "{line}");
        }
    }

    #[test]
    fn what_happens_once_is_one_event_whoever_creates_it() {
        let organization = Id::draw(IdKind::Organization, Shard::PLATFORM, &SeededEntropy::new(b"o")).unwrap();
        let at = Timestamp::from_millis;
        let event =
            |once, now| Event::once(EventKind::KeyRotationDue, (organization, None), "key", once, at(now)).unwrap();
        assert_eq!(event("76", 1).id, event("76", 2).id);
        assert_ne!(event("76", 1).id, event("83", 1).id);
        assert_eq!(event("76", 1).at_stage("76").kind(), Some(EventKind::KeyRotationDue));
    }
}
