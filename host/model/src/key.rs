//! API keys: what is stored of one, and the transitions that it may go through.
//!
//! issue → (disable ⇄ enable) → rotate → … → revoke. A rotated key stays as it is but for its end, which the overlap may
//! bring nearer and never put off; its successor carries on its lineage, to which the quota belongs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalog::Kind;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::network::AllowList;
use crate::secret::SecretDigest;

/// A customer's API key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKey {
    /// Public id.
    pub id: Id,
    /// The line of keys that succeed each other by rotation; the quota is its.
    pub lineage: Id,
    /// The owner's owner.
    pub organization: Id,
    /// The owner.
    pub workspace: Id,
    /// The catalog's kind.
    pub kind: String,
    /// A name for people.
    pub name: String,
    /// Granted scopes. Empty means none.
    pub scopes: Vec<String>,
    /// Networks that it may be used from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_allow: Option<AllowList>,
    /// Not valid before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The end that its issuer asked for; rotation keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Not valid from here on: the earliest of `until`, the kind's life time, the workspace's and the end of an overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it ought to be rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_due_at: Option<Timestamp>,
    /// Free text by name, for its owner.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Where it stands.
    pub state: KeyState,
    /// The key that it replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<Id>,
    /// The key that replaced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<Id>,
    /// The member that issued it, or that issued what did; absent: it was no member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_by: Option<Id>,
    /// When whoever issued it had given a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_at: Option<Timestamp>,
    /// Digest of its secret.
    pub secret: SecretDigest,
    /// When it was issued.
    pub created_at: Timestamp,
}

/// Where a key stands. Expiry is not a state: it is checked against the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum KeyState {
    /// Usable, inside its validity window.
    Active,
    /// Switched off, until it is enabled again.
    Disabled {
        /// Since when.
        at: Timestamp,
    },
    /// Ended for good.
    Revoked {
        /// Since when.
        at: Timestamp,
    },
}

/// What is asked for when a key is issued.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Public id, drawn in the organization's home.
    pub id: Id,
    /// Its lineage.
    pub lineage: Id,
    /// The owner's owner.
    pub organization: Id,
    /// The owner.
    pub workspace: Id,
    /// A name for people.
    pub name: String,
    /// Scopes to grant.
    pub scopes: Vec<String>,
    /// Networks that it may be used from.
    pub ip_allow: Option<AllowList>,
    /// Not valid before.
    pub not_before: Option<Timestamp>,
    /// The end asked for.
    pub until: Option<Timestamp>,
    /// The longest life that its workspace allows, whatever the kind does.
    pub lifetime: Option<Duration>,
    /// Free text by name.
    pub metadata: BTreeMap<String, String>,
    /// Who issues it.
    pub issuer: Issuer,
    /// Digest of its secret.
    pub secret: SecretDigest,
}

/// Who issues something, where that is a member or what a member issued.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Issuer {
    /// The member.
    pub member: Option<Id>,
    /// When it had given a second factor.
    pub factor_at: Option<Timestamp>,
}

/// What replaces a key.
#[derive(Debug, Clone)]
pub struct Successor {
    /// Public id.
    pub id: Id,
    /// Digest of its secret.
    pub secret: SecretDigest,
    /// Who rotates.
    pub issuer: Issuer,
}

/// A transition that a key can't go through, or can't be issued with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Revoked keys stay revoked.
    #[error("the key is revoked; issue a new one")]
    Revoked,
    /// No disabled key goes on beside its successor: it may have been disabled because its secret is known.
    #[error("the key is disabled; rotate it with an overlap of 0, or enable it first")]
    Disabled,
    /// An ended key has no successor.
    #[error("the key has expired; issue a new one")]
    Expired,
    /// One successor at most.
    #[error("the key has been rotated already; rotate its successor `{0}`")]
    Rotated(Id),
    /// A scope that the kind can't hold, or that the catalog doesn't know.
    #[error("keys of kind `{kind}` can't hold the scope `{scope}`")]
    ScopeNotGrantable {
        /// The kind.
        kind: String,
        /// The scope.
        scope: String,
    },
    /// It would never be valid.
    #[error("the key would end before it begins, or has ended already; its kind may end it earlier than asked")]
    NeverValid,
}

impl ApiKey {
    /// Issues a key of `kind`.
    ///
    /// # Errors
    /// [`KeyError::ScopeNotGrantable`], [`KeyError::NeverValid`].
    pub fn issue(new: NewKey, kind: &Kind, now: Timestamp) -> Result<Self, KeyError> {
        if let Some(scope) = new.scopes.iter().find(|scope| !kind.scopes.contains(scope)) {
            return Err(KeyError::ScopeNotGrantable { kind: kind.name.clone(), scope: scope.clone() });
        }
        let expires_at = end(kind, new.lifetime, new.until, now);
        if expires_at.is_some_and(|end| end <= now.max(new.not_before.unwrap_or(now))) {
            return Err(KeyError::NeverValid);
        }
        Ok(Self {
            id: new.id,
            lineage: new.lineage,
            organization: new.organization,
            workspace: new.workspace,
            kind: kind.name.clone(),
            name: new.name,
            scopes: new.scopes,
            ip_allow: new.ip_allow,
            not_before: new.not_before,
            until: new.until,
            expires_at,
            rotation_due_at: kind.rotation_due.map(|after| now.plus(after)),
            metadata: new.metadata,
            state: KeyState::Active,
            predecessor: None,
            successor: None,
            issued_by: new.issuer.member,
            factor_at: new.issuer.factor_at,
            secret: new.secret,
            created_at: now,
        })
    }

    /// Whether it identifies its workspace at this instant.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.state == KeyState::Active
            && self.not_before.is_none_or(|from| from <= now)
            && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it was ended for good.
    pub const fn is_revoked(&self) -> bool {
        matches!(self.state, KeyState::Revoked { .. })
    }

    /// One word for where it stands at this instant.
    pub fn state_at(&self, now: Timestamp) -> &'static str {
        match self.state {
            KeyState::Revoked { .. } => "revoked",
            KeyState::Disabled { .. } => "disabled",
            KeyState::Active if self.expires_at.is_some_and(|end| end <= now) => "expired",
            KeyState::Active if self.not_before.is_some_and(|from| now < from) => "not_yet_valid",
            KeyState::Active => "active",
        }
    }

    /// Replaces it: the old key, ending after `overlap` at the latest, and its successor. Kind, scopes and settings carry
    /// over, its issuer is whoever rotates, as does the end that the issuer asked for; the kind's life time starts anew, and so does the workspace's
    /// `lifetime`, as it is now. The successor of a disabled key is disabled, and the key itself over, whoever enables it.
    ///
    /// # Errors
    /// When it is revoked, disabled and there is to be an overlap, expired, or rotated already.
    pub fn rotate(
        mut self,
        new: Successor,
        overlap: Duration,
        lifetime: Option<Duration>,
        kind: &Kind,
        now: Timestamp,
    ) -> Result<(Self, Self), KeyError> {
        match self.state {
            KeyState::Revoked { .. } => return Err(KeyError::Revoked),
            KeyState::Disabled { .. } if !overlap.is_zero() => return Err(KeyError::Disabled),
            KeyState::Disabled { .. } | KeyState::Active => {}
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(KeyError::Expired);
        }
        if let Some(successor) = self.successor {
            return Err(KeyError::Rotated(successor));
        }
        let Successor { id, secret, issuer } = new;
        let successor = Self {
            id,
            expires_at: end(kind, lifetime, self.until, now),
            rotation_due_at: kind.rotation_due.map(|after| now.plus(after)),
            predecessor: Some(self.id),
            issued_by: issuer.member,
            factor_at: issuer.factor_at,
            secret,
            created_at: now,
            ..self.clone()
        };
        let overlap_ends = now.plus(overlap);
        self.expires_at = Some(self.expires_at.map_or(overlap_ends, |end| end.min(overlap_ends)));
        self.rotation_due_at = None;
        self.successor = Some(id);
        Ok((self, successor))
    }

    /// Ends it for good. Revoking a revoked key changes nothing.
    #[must_use]
    pub fn revoke(mut self, now: Timestamp) -> Self {
        if !matches!(self.state, KeyState::Revoked { .. }) {
            self.state = KeyState::Revoked { at: now };
        }
        self
    }

    /// Switches it off. Disabling a disabled key changes nothing.
    ///
    /// # Errors
    /// [`KeyError::Revoked`].
    pub fn disable(mut self, now: Timestamp) -> Result<Self, KeyError> {
        match self.state {
            KeyState::Revoked { .. } => return Err(KeyError::Revoked),
            KeyState::Active => self.state = KeyState::Disabled { at: now },
            KeyState::Disabled { .. } => {}
        }
        Ok(self)
    }

    /// Switches it on again. Its validity window stands as it was.
    ///
    /// # Errors
    /// [`KeyError::Revoked`].
    pub fn enable(mut self) -> Result<Self, KeyError> {
        if matches!(self.state, KeyState::Revoked { .. }) {
            return Err(KeyError::Revoked);
        }
        self.state = KeyState::Active;
        Ok(self)
    }
}

/// The earliest of what the issuer asked for and what the kind and the workspace allow.
fn end(kind: &Kind, lifetime: Option<Duration>, until: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let lifetimes = [kind.lifetime, lifetime].into_iter().flatten().map(|length| now.plus(length));
    lifetimes.chain(until).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::entropy::SeededEntropy;
    use crate::id::{IdKind, Shard};
    use crate::secret::{Pepper, PlainSecret};

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn kind(name: &str) -> std::sync::Arc<Kind> {
        Catalog::parse(include_str!("../../../policies/catalog.toml")).unwrap().kinds[name].clone()
    }

    fn digest() -> SecretDigest {
        Pepper::new(1, &[0; 32]).digest(&PlainSecret::new("x".into()))
    }

    fn draw(kind: IdKind) -> Id {
        Id::draw(kind, Shard::PLATFORM, &crate::entropy::SystemEntropy).unwrap()
    }

    fn new() -> NewKey {
        let entropy = SeededEntropy::new(b"key");
        let draw = |kind| Id::draw(kind, Shard::PLATFORM, &entropy).unwrap();
        NewKey {
            id: draw(IdKind::Key),
            lineage: draw(IdKind::Lineage),
            organization: draw(IdKind::Organization),
            workspace: draw(IdKind::Workspace),
            name: "ci".into(),
            scopes: vec!["jobs:read".into()],
            ip_allow: None,
            not_before: None,
            until: None,
            lifetime: None,
            metadata: BTreeMap::new(),
            issuer: Issuer::default(),
            secret: digest(),
        }
    }

    fn new_successor() -> Successor {
        Successor { id: draw(IdKind::Key), secret: digest(), issuer: Issuer::default() }
    }

    fn rotate(key: ApiKey, overlap: Duration, now: Timestamp) -> Result<(ApiKey, ApiKey), KeyError> {
        let kind = kind(&key.kind);
        key.rotate(new_successor(), overlap, None, &kind, now)
    }

    #[test]
    fn kinds_give_life_times() {
        let staging = ApiKey::issue(new(), &kind("staging"), NOW).unwrap();
        assert_eq!(staging.expires_at, Some(NOW.plus(90 * DAY)));
        assert!(staging.is_valid_at(NOW.plus(89 * DAY)) && !staging.is_valid_at(NOW.plus(90 * DAY)));
        let production = ApiKey::issue(new(), &kind("production"), NOW).unwrap();
        assert_eq!((production.expires_at, production.rotation_due_at), (None, Some(NOW.plus(90 * DAY))));
        let early = NewKey { until: Some(NOW.plus(DAY)), ..new() };
        assert_eq!(ApiKey::issue(early, &kind("staging"), NOW).unwrap().expires_at, Some(NOW.plus(DAY)));
        let late = NewKey { until: Some(NOW.plus(900 * DAY)), ..new() };
        assert_eq!(ApiKey::issue(late, &kind("staging"), NOW).unwrap().expires_at, Some(NOW.plus(90 * DAY)));
    }

    #[test]
    fn a_key_is_issued_only_with_what_its_kind_may_hold() {
        let wide = NewKey { scopes: vec!["jobs:write".into()], ..new() };
        assert!(matches!(ApiKey::issue(wide, &kind("read_only"), NOW), Err(KeyError::ScopeNotGrantable { .. })));
        let over = NewKey { until: Some(NOW), ..new() };
        assert_eq!(ApiKey::issue(over, &kind("production"), NOW).unwrap_err(), KeyError::NeverValid);
        let inverted = NewKey { not_before: Some(NOW.plus(2 * DAY)), until: Some(NOW.plus(DAY)), ..new() };
        assert_eq!(ApiKey::issue(inverted, &kind("production"), NOW).unwrap_err(), KeyError::NeverValid);
    }

    #[test]
    fn rotation_carries_everything_over_and_never_puts_an_end_off() {
        let old = ApiKey::issue(new(), &kind("staging"), NOW).unwrap();
        let later = NOW.plus(89 * DAY);
        let (old, successor) = rotate(old, 7 * DAY, later).unwrap();
        assert_eq!(old.expires_at, Some(NOW.plus(90 * DAY)), "the overlap is cut at the old end");
        assert_eq!(successor.expires_at, Some(later.plus(90 * DAY)));
        assert_eq!((&successor.kind, &successor.scopes, successor.lineage), (&old.kind, &old.scopes, old.lineage));
        assert_eq!((successor.predecessor, old.successor), (Some(old.id), Some(successor.id)));

        let asked = ApiKey::issue(NewKey { until: Some(NOW.plus(30 * DAY)), ..new() }, &kind("staging"), NOW).unwrap();
        let (_, successor) = rotate(asked, DAY, NOW.plus(DAY)).unwrap();
        assert_eq!(successor.expires_at, Some(NOW.plus(30 * DAY)), "what the issuer asked for stands");
    }

    #[test]
    fn the_workspaces_life_time_caps_the_kinds_and_starts_anew() {
        let capped = |days: u32| NewKey { lifetime: Some(days * DAY), ..new() };
        let production = ApiKey::issue(capped(30), &kind("production"), NOW).unwrap();
        assert_eq!(production.expires_at, Some(NOW.plus(30 * DAY)));
        for (days, expected) in [(30, 30), (900, 90)] {
            let staging = ApiKey::issue(capped(days), &kind("staging"), NOW).unwrap();
            assert_eq!(staging.expires_at, Some(NOW.plus(expected * DAY)), "{days}");
        }
        let later = NOW.plus(10 * DAY);
        let rotated = |lifetime| {
            let key = production.clone();
            key.rotate(new_successor(), DAY, lifetime, &kind("production"), later).unwrap().1.expires_at
        };
        assert_eq!((rotated(Some(7 * DAY)), rotated(None)), (Some(later.plus(7 * DAY)), None));
    }

    #[test]
    fn an_overlap_of_zero_ends_the_old_key_now() {
        let (old, successor) =
            rotate(ApiKey::issue(new(), &kind("production"), NOW).unwrap(), Duration::ZERO, NOW).unwrap();
        assert!(!old.is_valid_at(NOW) && successor.is_valid_at(NOW));
    }

    #[test]
    fn only_a_living_key_without_successor_is_rotated() {
        let key = || ApiKey::issue(new(), &kind("staging"), NOW).unwrap();
        let (old, successor) = rotate(key(), DAY, NOW).unwrap();
        assert_eq!(rotate(old, DAY, NOW).unwrap_err(), KeyError::Rotated(successor.id));
        assert_eq!(rotate(key().revoke(NOW), DAY, NOW).unwrap_err(), KeyError::Revoked);
        assert_eq!(rotate(key().disable(NOW).unwrap(), DAY, NOW).unwrap_err(), KeyError::Disabled);
        assert_eq!(rotate(key(), DAY, NOW.plus(90 * DAY)).unwrap_err(), KeyError::Expired);
        let late = rotate(key().disable(NOW).unwrap(), Duration::ZERO, NOW.plus(90 * DAY));
        assert_eq!(late.unwrap_err(), KeyError::Expired);
    }

    #[test]
    fn a_disabled_key_is_replaced_and_does_not_come_back() {
        let disabled = ApiKey::issue(new(), &kind("production"), NOW).unwrap().disable(NOW).unwrap();
        let (old, successor) = rotate(disabled, Duration::ZERO, NOW).unwrap();
        assert_eq!(successor.state_at(NOW), "disabled", "whoever may enable it does");
        assert!(!old.enable().unwrap().is_valid_at(NOW), "it ended");
        assert!(successor.enable().unwrap().is_valid_at(NOW));
    }

    #[test]
    fn disabling_is_undone_and_revoking_is_not() {
        let key = ApiKey::issue(new(), &kind("production"), NOW).unwrap().disable(NOW).unwrap();
        assert_eq!((key.state_at(NOW), key.is_valid_at(NOW)), ("disabled", false));
        let key = key.enable().unwrap();
        assert!(key.is_valid_at(NOW));
        let key = key.revoke(NOW);
        assert_eq!((key.state_at(NOW), key.clone().enable().unwrap_err()), ("revoked", KeyError::Revoked));
        assert_eq!(key.disable(NOW).unwrap_err(), KeyError::Revoked);
    }

    #[test]
    fn a_key_is_not_valid_before_its_time() {
        let key = ApiKey::issue(NewKey { not_before: Some(NOW.plus(DAY)), ..new() }, &kind("production"), NOW).unwrap();
        assert_eq!(key.state_at(NOW), "not_yet_valid");
        assert!(!key.is_valid_at(NOW) && key.is_valid_at(NOW.plus(DAY)));
    }
}
