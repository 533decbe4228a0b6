//! OAuth2 clients (RFC 6749 §2, confidential): what is stored of one, and the transitions that it may go through.
//!
//! register → (disable ⇄ enable) → … → revoke. The secret is rotated in place: the client keeps its id, and for the length
//! of an overlap its earlier secrets go on beside the new one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalog::Kind;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::key::{Issuer, KeyState};
use crate::network::AllowList;
use crate::secret::SecretDigest;

/// Secrets of one client that may be live at a time.
pub const MOST_SECRETS: usize = 5;

/// An OAuth2 client of an organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Client {
    /// Public id: its `client_id`.
    pub id: Id,
    /// The owner.
    pub organization: Id,
    /// The catalog's kind.
    pub kind: String,
    /// What may be changed of it.
    #[serde(flatten)]
    pub terms: ClientTerms,
    /// Where it stands.
    pub state: KeyState,
    /// Its secrets, oldest first; the last one has no end.
    pub secrets: Vec<ClientSecret>,
    /// The member that registered it or rotated its secret last; absent: it was no member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_by: Option<Id>,
    /// When whoever did had given a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_at: Option<Timestamp>,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// What a client is registered with, and what an update changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientTerms {
    /// A name for people.
    pub name: String,
    /// Scopes that its tokens may hold. Empty means none.
    pub scopes: Vec<String>,
    /// Workspaces that its tokens may serve. Empty means none.
    pub workspaces: Vec<Id>,
    /// Environments that its tokens may act in; `*` is every one. Empty means none.
    pub environments: Vec<String>,
    /// Networks that it and its tokens may be used from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_allow: Option<AllowList>,
}

/// A secret of a client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientSecret {
    /// Its number: grows with each rotation, and never comes twice. Tokens remember it.
    pub number: u32,
    /// Digest of it.
    pub digest: SecretDigest,
    /// When it was made.
    pub created_at: Timestamp,
    /// Not valid from here on: the end of its overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A transition that a client can't go through, or can't be registered with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Revoked clients stay revoked.
    #[error("the client is revoked; register a new one")]
    Revoked,
    /// No secret of a disabled client goes on beside another: it may have been disabled because of it.
    #[error("the client is disabled; rotate it with an overlap of 0, or enable it first")]
    Disabled,
    /// There are overlaps enough.
    #[error("{MOST_SECRETS} secrets are live; wait until the overlap of one has ended")]
    TooManySecrets,
    /// A scope that the kind can't hold, or that the catalog doesn't know.
    #[error("clients can't hold the scope `{0}`")]
    ScopeNotGrantable(String),
}

impl ClientSecret {
    /// Whether it may be used at this instant.
    pub fn is_live_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl Client {
    /// Registers a client of `kind` with its first secret.
    ///
    /// # Errors
    /// [`ClientError::ScopeNotGrantable`].
    pub fn register(
        id: Id,
        organization: Id,
        terms: ClientTerms,
        secret: SecretDigest,
        issuer: Issuer,
        kind: &Kind,
        now: Timestamp,
    ) -> Result<Self, ClientError> {
        check_scopes(&terms, kind)?;
        let secrets = vec![ClientSecret { number: 1, digest: secret, created_at: now, expires_at: None }];
        Ok(Self {
            id,
            organization,
            kind: kind.name.clone(),
            terms,
            state: KeyState::Active,
            secrets,
            issued_by: issuer.member,
            factor_at: issuer.factor_at,
            created_at: now,
        })
    }

    /// Whether it identifies anybody at this instant, with whichever of its secrets.
    pub fn is_active(&self) -> bool {
        self.state == KeyState::Active
    }

    /// Whether what was obtained with the secret `number` stands at this instant.
    pub fn stands_by(&self, number: u32, now: Timestamp) -> bool {
        let secret = self.secrets.iter().find(|secret| secret.number == number);
        self.is_active() && secret.is_some_and(|secret| secret.is_live_at(now))
    }

    /// One word for where it stands.
    pub const fn state_name(&self) -> &'static str {
        match self.state {
            KeyState::Active => "active",
            KeyState::Disabled { .. } => "disabled",
            KeyState::Revoked { .. } => "revoked",
        }
    }

    /// Gives it other terms. Tokens that are out hold no more than those from then on.
    ///
    /// # Errors
    /// [`ClientError::Revoked`]; [`ClientError::ScopeNotGrantable`].
    pub fn with_terms(self, terms: ClientTerms, kind: &Kind) -> Result<Self, ClientError> {
        if matches!(self.state, KeyState::Revoked { .. }) {
            return Err(ClientError::Revoked);
        }
        check_scopes(&terms, kind)?;
        Ok(Self { terms, ..self })
    }

    /// Gives it another secret. Those before it end after `overlap` at the latest, and the tokens obtained with them too. A
    /// disabled one stays so: where nothing overlaps, enabling it then brings back the new secret alone.
    ///
    /// # Errors
    /// When it is revoked, disabled and there is to be an overlap, or has many live secrets already.
    pub fn rotate(
        mut self,
        secret: SecretDigest,
        issuer: Issuer,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<Self, ClientError> {
        match self.state {
            KeyState::Revoked { .. } => return Err(ClientError::Revoked),
            KeyState::Disabled { .. } if !overlap.is_zero() => return Err(ClientError::Disabled),
            KeyState::Disabled { .. } | KeyState::Active => {}
        }
        let number = self.secrets.iter().map(|secret| secret.number).max().unwrap_or(0).saturating_add(1);
        let overlap_ends = now.plus(overlap);
        for earlier in &mut self.secrets {
            earlier.expires_at = Some(earlier.expires_at.map_or(overlap_ends, |end| end.min(overlap_ends)));
        }
        self.secrets.retain(|earlier| earlier.is_live_at(now));
        if self.secrets.len() >= MOST_SECRETS {
            return Err(ClientError::TooManySecrets);
        }
        self.secrets.push(ClientSecret { number, digest: secret, created_at: now, expires_at: None });
        (self.issued_by, self.factor_at) = (issuer.member, issuer.factor_at);
        Ok(self)
    }

    /// Switches it off, and its tokens. Disabling a disabled client changes nothing.
    ///
    /// # Errors
    /// [`ClientError::Revoked`].
    pub fn disable(mut self, now: Timestamp) -> Result<Self, ClientError> {
        match self.state {
            KeyState::Revoked { .. } => return Err(ClientError::Revoked),
            KeyState::Active => self.state = KeyState::Disabled { at: now },
            KeyState::Disabled { .. } => {}
        }
        Ok(self)
    }

    /// Switches it on again, and the tokens that have not ended meanwhile.
    ///
    /// # Errors
    /// [`ClientError::Revoked`].
    pub fn enable(mut self) -> Result<Self, ClientError> {
        if matches!(self.state, KeyState::Revoked { .. }) {
            return Err(ClientError::Revoked);
        }
        self.state = KeyState::Active;
        Ok(self)
    }

    /// Ends it for good, and its tokens. Revoking a revoked client changes nothing.
    #[must_use]
    pub fn revoke(mut self, now: Timestamp) -> Self {
        if !matches!(self.state, KeyState::Revoked { .. }) {
            self.state = KeyState::Revoked { at: now };
        }
        self
    }
}

fn check_scopes(terms: &ClientTerms, kind: &Kind) -> Result<(), ClientError> {
    match terms.scopes.iter().find(|scope| !kind.scopes.contains(scope)) {
        Some(scope) => Err(ClientError::ScopeNotGrantable(scope.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, Class};
    use crate::secret::{Pepper, PlainSecret};

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn digest() -> SecretDigest {
        Pepper::new(1, &[0; 32]).digest(&PlainSecret::new("x".into()))
    }

    fn register(scopes: &[&str]) -> Result<Client, ClientError> {
        let catalog = Catalog::parse(include_str!("../../../policies/catalog.toml")).unwrap();
        let terms = ClientTerms {
            name: "billing".into(),
            scopes: scopes.iter().copied().map(str::to_owned).collect(),
            workspaces: Vec::new(),
            environments: vec!["*".into()],
            ip_allow: None,
        };
        let kind = catalog.kind_of_class(Class::Client).unwrap();
        let (id, organization) = ("cl_000000000000000000".parse().unwrap(), "org_000000000000000000".parse().unwrap());
        Client::register(id, organization, terms, digest(), Issuer::default(), kind, NOW)
    }

    #[test]
    fn a_scope_that_the_kind_can_not_hold_is_refused() {
        assert!(register(&["jobs:read"]).is_ok());
        assert_eq!(register(&["jobs:rite"]).unwrap_err(), ClientError::ScopeNotGrantable("jobs:rite".into()));
    }

    #[test]
    fn a_rotation_keeps_earlier_secrets_for_the_overlap_and_never_longer() {
        let client = register(&[]).unwrap().rotate(digest(), Issuer::default(), HOUR, NOW).unwrap();
        let after = |seconds| NOW.plus(Duration::from_secs(seconds));
        assert!(client.stands_by(1, after(3_599)) && client.stands_by(2, after(3_599)));
        assert!(!client.stands_by(1, after(3_600)) && client.stands_by(2, after(3_600)));
        let again = client.clone().rotate(digest(), Issuer::default(), 10 * HOUR, after(60)).unwrap();
        assert!(!again.stands_by(1, after(3_600)), "a second overlap puts nothing off");
        assert!(again.stands_by(2, after(3_600)) && again.stands_by(3, after(36_060)));
        assert!(!again.stands_by(2, after(36_060)) && !again.stands_by(4, NOW));
        let at_once = client.rotate(digest(), Issuer::default(), Duration::ZERO, after(60)).unwrap();
        assert_eq!(at_once.secrets.iter().map(|secret| secret.number).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn so_many_secrets_are_live_and_no_more() {
        let mut client = register(&[]).unwrap();
        for _ in 1..MOST_SECRETS {
            client = client.rotate(digest(), Issuer::default(), HOUR, NOW).unwrap();
        }
        assert_eq!(
            client.clone().rotate(digest(), Issuer::default(), HOUR, NOW).unwrap_err(),
            ClientError::TooManySecrets
        );
        assert_eq!(
            client.rotate(digest(), Issuer::default(), HOUR, NOW.plus(HOUR)).unwrap().secrets.last().unwrap().number,
            6
        );
    }

    #[test]
    fn disabled_comes_back_and_revoked_never() {
        let client = register(&[]).unwrap();
        let disabled = client.disable(NOW).unwrap();
        assert!(!disabled.stands_by(1, NOW));
        assert_eq!(disabled.clone().rotate(digest(), Issuer::default(), HOUR, NOW).unwrap_err(), ClientError::Disabled);
        assert!(disabled.clone().enable().unwrap().stands_by(1, NOW));
        let replaced = disabled.clone().rotate(digest(), Issuer::default(), Duration::ZERO, NOW).unwrap();
        assert_eq!(replaced.state_name(), "disabled");
        let back = replaced.enable().unwrap();
        assert!(!back.stands_by(1, NOW) && back.stands_by(2, NOW), "the new secret alone");
        let revoked = disabled.revoke(NOW);
        assert_eq!(revoked.clone().enable().unwrap_err(), ClientError::Revoked);
        assert_eq!(revoked.clone().disable(NOW).unwrap_err(), ClientError::Revoked);
        assert_eq!(revoked.clone().rotate(digest(), Issuer::default(), HOUR, NOW).unwrap_err(), ClientError::Revoked);
        assert!(!revoked.stands_by(1, NOW));
    }
}
