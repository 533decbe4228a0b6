//! Members: the people of an organization, with what they hold and what they sign in with.
//!
//! accept an invitation → (suspend ⇄ resume) → … → remove. A removed member stays as a record that identifies nobody, so that
//! what it issued and what it did still name it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::audit::sha256_hex;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::secret::SecretDigest;

/// Bytes of an e-mail address at most (RFC 5321 §4.5.3.1.3, less its brackets).
pub const EMAIL_LENGTH: usize = 254;
/// The role that an organization is never without.
pub const OWNER: &str = "owner";

/// A person of one organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    /// Public id.
    pub id: Id,
    /// The organization.
    pub organization: Id,
    /// Where it is written to, as it was typed.
    pub email: Email,
    /// A name for people.
    pub name: String,
    /// Roles in the whole organization. Empty means none.
    pub roles: Vec<String>,
    /// Roles in single workspaces, besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workspaces: BTreeMap<Id, Vec<String>>,
    /// Where it stands.
    pub state: MemberState,
    /// What its password is checked against; without one it can't sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordHash>,
    /// Its second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Totp>,
    /// Digests of the recovery codes that it has left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovery: Vec<SecretDigest>,
    /// Sessions that began before this are dead.
    pub sessions_after: Timestamp,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// Whether a member may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// It may.
    Active,
    /// It may not, for now.
    Suspended,
    /// It may not, for good.
    Removed,
}

/// The hash of a password, as a PHC string: salt and cost stand in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

/// A second factor by time (RFC 6238).
#[derive(Clone, Serialize, Deserialize)]
pub struct Totp {
    /// The shared secret, sealed, in base 64.
    pub sealed: String,
    /// When the first code from it was given; until then it is no factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// The latest time step whose code was taken: no code of it, or of one before it, is taken again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_step: Option<u64>,
}

/// A change that a member can't go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// Removed members stay removed.
    #[error("the member was removed; invite them again")]
    Removed,
    /// Somebody must be left who can make owners.
    #[error("an organization can't be without an active owner; make another member one first")]
    LastOwner,
}

/// What is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as `ada@example.com`, of {EMAIL_LENGTH} ASCII characters at most")]
pub struct EmailError;

/// An e-mail address, as it was typed, without the space around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Takes what can be written to. Whether somebody reads it there is not known.
    ///
    /// # Errors
    /// [`EmailError`].
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError)?;
        // What mail can be written to without quotes (RFC 5322 §3.2.3).
        let is_atom = |atom: &str| {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
            !atom.is_empty() && atom.bytes().all(legal)
        };
        let is_label = |label: &str| {
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
            (1..=63).contains(&label.len())
                && label.chars().all(legal)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // Letters have one form in ASCII, so two spellings of an address are not two addresses.
        let is_whole = text.is_ascii()
            && (1..=64).contains(&local.len())
            && local.split('.').all(is_atom)
            && domain.contains('.')
            && domain.split('.').all(is_label)
            && text.len() <= EMAIL_LENGTH;
        if is_whole { Ok(Self(text.to_owned())) } else { Err(EmailError) }
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What tells addresses apart: letters without case. Nothing else is folded, since what a dot or a plus means is the
    /// business of whoever receives the mail.
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// SHA-256 of the canonical form in hex, by which it is found without being kept in a name.
    pub fn digest(&self) -> String {
        sha256_hex(self.canonical().as_bytes())
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PasswordHash {
    /// Takes over a PHC string.
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Totp(confirmed {:?})", self.confirmed_at)
    }
}

impl MemberState {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Removed => "removed",
        }
    }
}

impl Member {
    /// Whether it may sign in, and its sessions identify it.
    pub fn is_active(&self) -> bool {
        self.state == MemberState::Active
    }

    /// Whether it counts among those that an organization can't be without.
    pub fn is_active_owner(&self) -> bool {
        self.is_active() && self.roles.iter().any(|role| role == OWNER)
    }

    /// Whether it has a second factor that was confirmed.
    pub fn has_factor(&self) -> bool {
        self.totp.as_ref().is_some_and(|totp| totp.confirmed_at.is_some())
    }

    /// The roles that it holds in a workspace: there alone, and everywhere.
    pub fn roles_in(&self, workspace: &Id) -> Vec<String> {
        let there = self.workspaces.get(workspace);
        let held: BTreeSet<&String> = self.roles.iter().chain(there.into_iter().flatten()).collect();
        held.into_iter().cloned().collect()
    }

    /// Every role that it holds somewhere.
    pub fn all_roles(&self) -> BTreeSet<String> {
        self.roles.iter().chain(self.workspaces.values().flatten()).cloned().collect()
    }

    /// Gives it a name and roles in place of those it had.
    ///
    /// # Errors
    /// [`MemberError::Removed`].
    pub fn with(
        self,
        name: String,
        roles: Vec<String>,
        workspaces: BTreeMap<Id, Vec<String>>,
    ) -> Result<Self, MemberError> {
        self.if_there(|member| Self { name, roles, workspaces, ..member })
    }

    /// Keeps it out for now, and ends its sessions. Suspending a suspended member changes nothing.
    ///
    /// # Errors
    /// [`MemberError::Removed`].
    pub fn suspend(self, now: Timestamp) -> Result<Self, MemberError> {
        self.if_there(|member| match member.state {
            MemberState::Suspended => member,
            _ => Self { state: MemberState::Suspended, sessions_after: now, ..member },
        })
    }

    /// Lets it in again; it has to sign in anew.
    ///
    /// # Errors
    /// [`MemberError::Removed`].
    pub fn resume(self) -> Result<Self, MemberError> {
        self.if_there(|member| Self { state: MemberState::Active, ..member })
    }

    /// Takes its factors away and ends its sessions: for whoever lost them.
    ///
    /// # Errors
    /// [`MemberError::Removed`].
    pub fn reset_factors(self, now: Timestamp) -> Result<Self, MemberError> {
        self.if_there(|member| Self { totp: None, recovery: Vec::new(), sessions_after: now, ..member })
    }

    /// Ends it for good: its roles, what it signs in with and its sessions. Removing a removed member changes nothing.
    #[must_use]
    pub fn remove(self, now: Timestamp) -> Self {
        if self.state == MemberState::Removed {
            return self;
        }
        Self {
            roles: Vec::new(),
            workspaces: BTreeMap::new(),
            state: MemberState::Removed,
            password: None,
            totp: None,
            recovery: Vec::new(),
            sessions_after: now,
            ..self
        }
    }

    fn if_there(self, change: impl FnOnce(Self) -> Self) -> Result<Self, MemberError> {
        if self.state == MemberState::Removed { Err(MemberError::Removed) } else { Ok(change(self)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{Pepper, PlainSecret};

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    const LATER: Timestamp = Timestamp::from_millis(1_767_225_660_000);

    fn member() -> Member {
        let workspace = "ws_00sample0000000000".parse().unwrap();
        Member {
            id: "mem_00sample0000000000".parse().unwrap(),
            organization: "org_00sample0000000000".parse().unwrap(),
            email: Email::parse("Ada@Example.com").unwrap(),
            name: "Ada".into(),
            roles: vec!["owner".into()],
            workspaces: BTreeMap::from([(workspace, vec!["developer".into(), "owner".into()])]),
            state: MemberState::Active,
            password: Some(PasswordHash::new("$argon2id$secret".into())),
            totp: Some(Totp { sealed: "c2VjcmV0".into(), confirmed_at: Some(NOW), last_step: Some(7) }),
            recovery: vec![Pepper::new(1, &[0; 32]).digest(&PlainSecret::new("x".into()))],
            sessions_after: NOW,
            created_at: NOW,
        }
    }

    #[test]
    fn an_address_is_one_whatever_its_case_and_nothing_else_is_folded() {
        let digest = |text: &str| Email::parse(text).unwrap().digest();
        assert_eq!(digest(" ada@example.com\n"), digest("ADA@Example.COM"));
        for other in ["ada+x@example.com", "a.da@example.com", "ada@example.org"] {
            assert_ne!(digest("ada@example.com"), digest(other), "{other}");
        }
        assert_eq!(Email::parse(" Ada@Example.com ").unwrap().as_str(), "Ada@Example.com");
    }

    #[test]
    fn what_can_not_be_written_to_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        let wide = format!("ada@{}.com", "a".repeat(64));
        let longer = format!("a@{}.com", ["a".repeat(60).as_str(); 5].join("."));
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example",
            "a da@example.com",
            "ada@exa mple.com",
            "ada@.com",
            "ada@-x.com",
            "a@b@example.com",
            "a(b)@example.com",
            "a:b@example.com",
            "[a]@example.com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            &wide,
            "<ada@example.com>",
            "ada\r\nBcc:x@example.com",
            "é@example.com",
            &long,
            &longer,
        ] {
            assert_eq!(Email::parse(text).unwrap_err(), EmailError, "{text:?}");
        }
    }

    #[test]
    fn roles_of_a_workspace_are_held_there_alone() {
        let member = Member { roles: vec!["viewer".into()], ..member() };
        let (here, there) = ("ws_00sample0000000000".parse().unwrap(), "ws_00other00000000000".parse().unwrap());
        assert_eq!(member.roles_in(&here), ["developer", "owner", "viewer"]);
        assert_eq!(member.roles_in(&there), ["viewer"]);
        assert!(!member.is_active_owner(), "an owner of one workspace is none of the organization");
    }

    #[test]
    fn a_suspended_member_comes_back_without_its_sessions_and_a_removed_one_never() {
        let suspended = member().suspend(LATER).unwrap();
        assert_eq!((suspended.is_active(), suspended.sessions_after), (false, LATER));
        let again = suspended.suspend(LATER.plus(std::time::Duration::from_secs(1))).unwrap();
        assert_eq!(again.sessions_after, LATER);
        let resumed = again.resume().unwrap();
        assert_eq!((resumed.is_active_owner(), resumed.sessions_after), (true, LATER));
        let removed = resumed.remove(LATER);
        assert!(removed.all_roles().is_empty() && removed.password.is_none() && !removed.has_factor());
        assert_eq!(removed.clone().resume().unwrap_err(), MemberError::Removed);
        assert_eq!(removed.clone().suspend(NOW).unwrap_err(), MemberError::Removed);
        assert_eq!(removed.clone().reset_factors(NOW).unwrap_err(), MemberError::Removed);
        assert_eq!(removed.remove(NOW).sessions_after, LATER, "removing twice changes nothing");
    }

    #[test]
    fn factors_that_are_reset_are_gone_with_the_sessions() {
        let reset = member().reset_factors(LATER).unwrap();
        assert!(!reset.has_factor() && reset.recovery.is_empty() && reset.password.is_some());
        assert_eq!(reset.sessions_after, LATER);
    }

    #[test]
    fn nothing_that_lets_one_in_is_shown() {
        let shown = format!("{:?}", member());
        assert!(!shown.contains("argon2id") && !shown.contains("c2VjcmV0"), "{shown}");
    }
}
