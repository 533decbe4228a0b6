//! Invitations: what lets somebody become a member, once, for a while.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::Id;
use crate::member::Email;
use crate::secret::SecretDigest;

/// An invitation into an organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitation {
    /// Public id.
    pub id: Id,
    /// The organization.
    pub organization: Id,
    /// Whom it is for.
    pub email: Email,
    /// Roles in the whole organization that go with it.
    pub roles: Vec<String>,
    /// Roles in single workspaces, besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workspaces: BTreeMap<Id, Vec<String>>,
    /// The credential or member that invites; absent where an installation begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited_by: Option<Id>,
    /// Digest of its secret.
    pub secret: SecretDigest,
    /// When it was made.
    pub created_at: Timestamp,
    /// Not to be accepted from here on.
    pub expires_at: Timestamp,
    /// When it was accepted, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// When it was taken back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// An invitation that is none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// It lets one person in, once.
    #[error("the invitation was used; sign in, or ask for another")]
    Used,
    /// It was taken back.
    #[error("the invitation was taken back; ask for another")]
    Revoked,
    /// It was left too long.
    #[error("the invitation has expired; ask for another")]
    Expired,
    /// Whoever invited may not any more.
    #[error("whoever sent the invitation may not give these roles any more; ask somebody who may for another")]
    Void,
}

impl InvitationError {
    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Void => "void",
        }
    }
}

impl Invitation {
    /// One word for where it stands at this instant.
    pub fn state_at(&self, now: Timestamp) -> &'static str {
        match self.check(now) {
            Ok(()) => "open",
            Err(error) => error.name(),
        }
    }

    /// Whether it may be accepted at this instant.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, now: Timestamp) -> Result<(), InvitationError> {
        match (self.used_at, self.revoked_at) {
            (Some(_), _) => Err(InvitationError::Used),
            (None, Some(_)) => Err(InvitationError::Revoked),
            (None, None) if self.expires_at <= now => Err(InvitationError::Expired),
            (None, None) => Ok(()),
        }
    }

    /// Accepts it.
    ///
    /// # Errors
    /// Why it can't be.
    pub fn accept(self, now: Timestamp) -> Result<Self, InvitationError> {
        self.check(now)?;
        Ok(Self { used_at: Some(now), ..self })
    }

    /// Takes it back. Taking it back twice changes nothing.
    ///
    /// # Errors
    /// [`InvitationError::Used`].
    pub fn revoke(self, now: Timestamp) -> Result<Self, InvitationError> {
        match (self.used_at, self.revoked_at) {
            (Some(_), _) => Err(InvitationError::Used),
            (None, Some(_)) => Ok(self),
            (None, None) => Ok(Self { revoked_at: Some(now), ..self }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::secret::{Pepper, PlainSecret};

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn invitation() -> Invitation {
        Invitation {
            id: "inv_00sample0000000000".parse().unwrap(),
            organization: "org_00sample0000000000".parse().unwrap(),
            email: Email::parse("ada@example.com").unwrap(),
            roles: vec!["developer".into()],
            workspaces: BTreeMap::new(),
            invited_by: None,
            secret: Pepper::new(1, &[0; 32]).digest(&PlainSecret::new("x".into())),
            created_at: NOW,
            expires_at: NOW.plus(7 * DAY),
            used_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn an_invitation_is_accepted_once() {
        let used = invitation().accept(NOW).unwrap();
        assert_eq!(used.state_at(NOW), "used");
        assert_eq!(used.clone().accept(NOW).unwrap_err(), InvitationError::Used);
        assert_eq!(used.revoke(NOW).unwrap_err(), InvitationError::Used, "what it made stays");
    }

    #[test]
    fn it_ends_by_itself_or_by_being_taken_back() {
        assert_eq!(invitation().state_at(NOW.plus(6 * DAY)), "open");
        assert_eq!(invitation().accept(NOW.plus(7 * DAY)).unwrap_err(), InvitationError::Expired);
        let revoked = invitation().revoke(NOW).unwrap();
        assert_eq!(revoked.clone().accept(NOW).unwrap_err(), InvitationError::Revoked);
        assert_eq!(revoked.revoke(NOW.plus(DAY)).unwrap().revoked_at, Some(NOW));
    }
}
