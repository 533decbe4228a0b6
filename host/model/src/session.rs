//! Sessions: what a member's signing in leads to.
//!
//! begin → (a second factor is given: a successor takes over) → … → end. A session ends by being revoked, when it was not
//! used for a while, and after its life time whatever is done; a successor ends when the first would have.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalog::Kind;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::secret::SecretDigest;

/// How far what is known of a session's use may lag behind it.
pub const SEEN_EVERY: Duration = Duration::from_secs(300);
/// Characters that are kept of what a browser calls itself.
pub const USER_AGENT_LENGTH: usize = 200;

/// A member, signed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// Public id.
    pub id: Id,
    /// The catalog's kind.
    pub kind: String,
    /// Who is signed in.
    pub member: Id,
    /// The member's organization.
    pub organization: Id,
    /// Digest of its secret.
    pub secret: SecretDigest,
    /// When the member signed in.
    pub created_at: Timestamp,
    /// When it was last used, to within [`SEEN_EVERY`].
    pub seen_at: Timestamp,
    /// Dead when it was not used for so many seconds.
    pub idle_seconds: u32,
    /// Not valid from here on.
    pub expires_at: Timestamp,
    /// When a second factor was given, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_at: Option<Timestamp>,
    /// Where the member signed in from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// What the browser calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// When it was ended, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// When it took over from another, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<Timestamp>,
}

/// Who signs in, from where.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The member.
    pub member: Id,
    /// The member's organization.
    pub organization: Id,
    /// When a second factor was given, if one was.
    pub factor_at: Option<Timestamp>,
    /// From where.
    pub ip: Option<String>,
    /// What the browser calls itself; cut to what is kept.
    pub user_agent: Option<String>,
}

impl Session {
    /// Begins one of `kind`, with an id drawn in the organization's home.
    pub fn begin(id: Id, secret: SecretDigest, who: SignedIn, kind: &Kind, now: Timestamp) -> Self {
        let user_agent = who.user_agent.map(|text| text.chars().take(USER_AGENT_LENGTH).collect());
        Self {
            id,
            kind: kind.name.clone(),
            member: who.member,
            organization: who.organization,
            secret,
            created_at: now,
            seen_at: now,
            idle_seconds: kind.idle.map_or(u32::MAX, |idle| u32::try_from(idle.as_secs()).unwrap_or(u32::MAX)),
            expires_at: now.plus(kind.lifetime.unwrap_or_default()),
            factor_at: who.factor_at,
            ip: who.ip,
            user_agent,
            revoked_at: None,
            rotated_at: None,
        }
    }

    /// Whether it stands at this instant, as far as it goes by itself.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none()
            && now < self.expires_at
            && now < self.seen_at.plus(Duration::from_secs(self.idle_seconds.into()))
    }

    /// Whether its use at this instant is worth remembering.
    pub fn is_news_at(&self, now: Timestamp) -> bool {
        self.seen_at.plus(SEEN_EVERY) <= now
    }

    /// Remembers that it was used.
    #[must_use]
    pub fn seen(self, now: Timestamp) -> Self {
        Self { seen_at: self.seen_at.max(now), ..self }
    }

    /// Ends it, and begins its successor, for which a second factor was given. Whoever got hold of the first has nothing of the
    /// factor.
    #[must_use]
    pub fn step_up(self, id: Id, secret: SecretDigest, now: Timestamp) -> (Self, Self) {
        let successor = Self { id, secret, seen_at: now, factor_at: Some(now), rotated_at: Some(now), ..self.clone() };
        (self.revoke(now), successor)
    }

    /// Ends it, and begins its successor where everything that began before now ends. It lives no longer than the first would
    /// have.
    #[must_use]
    pub fn renew(self, id: Id, secret: SecretDigest, now: Timestamp) -> (Self, Self) {
        let successor = Self { id, secret, created_at: now, seen_at: now, rotated_at: Some(now), ..self.clone() };
        (self.revoke(now), successor)
    }

    /// Ends it. Ending it twice changes nothing.
    #[must_use]
    pub fn revoke(self, now: Timestamp) -> Self {
        Self { revoked_at: self.revoked_at.or(Some(now)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, Class};
    use crate::secret::{Pepper, PlainSecret};

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn after(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    fn digest() -> SecretDigest {
        Pepper::new(1, &[0; 32]).digest(&PlainSecret::new("x".into()))
    }

    fn session() -> Session {
        let catalog = Catalog::parse(include_str!("../../../policies/catalog.toml")).unwrap();
        let who = SignedIn {
            member: "mem_00sample0000000000".parse().unwrap(),
            organization: "org_00sample0000000000".parse().unwrap(),
            factor_at: None,
            ip: Some("203.0.113.7".into()),
            user_agent: Some("x".repeat(900)),
        };
        let kind = catalog.kind_of_class(Class::Session).unwrap();
        Session::begin("ses_00sample0000000000".parse().unwrap(), digest(), who, kind, NOW)
    }

    #[test]
    fn it_dies_of_idleness_and_of_age() {
        let session = session();
        assert_eq!(session.user_agent.as_ref().unwrap().len(), USER_AGENT_LENGTH);
        assert!(session.is_valid_at(after(1_799)) && !session.is_valid_at(after(1_800)));
        assert!(!session.is_news_at(after(299)) && session.is_news_at(after(300)));
        let mut used = session;
        for quarter in 1..=47 {
            used = used.seen(after(quarter * 900));
        }
        assert!(used.is_valid_at(after(43_199)) && !used.is_valid_at(after(43_200)), "{used:?}");
        assert_eq!(used.clone().seen(NOW).seen_at, used.seen_at, "time does not go back");
    }

    #[test]
    fn a_factor_makes_a_successor_that_lives_no_longer() {
        let id = "ses_00other00000000000".parse().unwrap();
        let (before, successor) = session().seen(after(600)).step_up(id, digest(), after(700));
        assert!(!before.is_valid_at(after(700)) && successor.is_valid_at(after(700)));
        assert_eq!((before.factor_at, successor.factor_at), (None, Some(after(700))));
        assert_eq!((successor.expires_at, successor.created_at), (before.expires_at, NOW));
        assert_eq!(before.clone().revoke(after(900)).revoked_at, before.revoked_at);
    }

    #[test]
    fn one_that_is_renewed_began_now_and_ends_as_before() {
        let id = "ses_00other00000000000".parse().unwrap();
        let (before, successor) = session().renew(id, digest(), after(700));
        assert!(!before.is_valid_at(after(700)) && successor.is_valid_at(after(700)));
        assert_eq!((successor.expires_at, successor.created_at), (before.expires_at, after(700)));
    }
}
