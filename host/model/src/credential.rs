//! The stored records that presented secrets resolve to: API keys, access tokens, OAuth2 clients, members' sessions,
//! gateway credentials, operator credentials.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::key::ApiKey;
use crate::network::AllowList;
use crate::secret::SecretDigest;
use crate::session::Session;
use crate::token::AccessToken;

/// Whatever a secret resolves to. One record under one key, so that identification is one read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum Credential {
    /// A customer's API key.
    ApiKey(ApiKey),
    /// What a client's secret was exchanged for.
    AccessToken(AccessToken),
    /// An OAuth2 client. Its secrets are taken where tokens are given out, and nowhere else.
    Client(Client),
    /// A member, signed in.
    Session(Session),
    /// An enforcement point.
    Gateway(Gateway),
    /// An operator of the installation.
    Operator(Operator),
}

impl Credential {
    /// Its public id.
    pub const fn id(&self) -> &Id {
        match self {
            Self::ApiKey(key) => &key.id,
            Self::AccessToken(token) => &token.id,
            Self::Client(client) => &client.id,
            Self::Session(session) => &session.id,
            Self::Gateway(gateway) => &gateway.id,
            Self::Operator(operator) => &operator.id,
        }
    }

    /// The digest of its secret; of a client's, which may be several, nothing.
    pub const fn secret(&self) -> Option<&SecretDigest> {
        match self {
            Self::ApiKey(key) => Some(&key.secret),
            Self::AccessToken(token) => Some(&token.secret),
            Self::Client(_) => None,
            Self::Session(session) => Some(&session.secret),
            Self::Gateway(gateway) => Some(&gateway.secret),
            Self::Operator(operator) => Some(&operator.secret),
        }
    }

    /// Whether it identifies anybody at this instant: not revoked, not disabled, inside its validity window.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        match self {
            Self::ApiKey(key) => key.is_valid_at(now),
            Self::AccessToken(token) => token.is_valid_at(now),
            Self::Client(client) => client.is_active(),
            Self::Session(session) => session.is_valid_at(now),
            Self::Gateway(gateway) => gateway.revoked_at.is_none(),
            Self::Operator(operator) => operator.revoked_at.is_none(),
        }
    }
}

/// The credential of an enforcement point, and what it is bound to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Gateway {
    /// Public id.
    pub id: Id,
    /// The catalog's kind.
    pub kind: String,
    /// A name for people.
    pub name: String,
    /// Organizations that it may ask for, as public ids; `*` is every one. Empty means none.
    pub organizations: Vec<String>,
    /// Environments that it may ask for; `*` is every one. Empty means none.
    pub environments: Vec<String>,
    /// The environment of all its questions, where it fixes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// How it states its clients' requests to `/v1/forward-auth`. Absent: it does not ask there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Networks that it may ask from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_allow: Option<AllowList>,
    /// Digest of its secret.
    pub secret: SecretDigest,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl Gateway {
    /// The one environment that all its questions are about: what it fixes, or the only one that it is bound to.
    pub fn only_environment(&self) -> Option<&str> {
        match (&self.environment, self.environments.as_slice()) {
            (Some(fixed), _) => Some(fixed),
            (None, [only]) if only != "*" => Some(only),
            _ => None,
        }
    }
}

/// Which product a gateway is. What that says about headers and statuses is known where HTTP is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// nginx with `auth_request`.
    Nginx,
    /// Caddy with `reverse_proxy` as `forward_auth` does it.
    Caddy,
    /// Traefik with `forwardAuth`.
    Traefik,
    /// HAProxy with the Lua action of `examples/gateways/haproxy`.
    Haproxy,
    /// Envoy with `ext_authz` over HTTP.
    Envoy,
}

impl Profile {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Nginx, Self::Caddy, Self::Traefik, Self::Haproxy, Self::Envoy];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }
}

/// The credential of somebody who runs the installation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operator {
    /// Public id.
    pub id: Id,
    /// The catalog's kind.
    pub kind: String,
    /// A name for people.
    pub name: String,
    /// Digest of its secret.
    pub secret: SecretDigest,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{Pepper, PlainSecret};

    #[test]
    fn a_profile_is_written_as_it_is_named() {
        for profile in Profile::ALL {
            let written = serde_json::to_value(profile).unwrap();
            assert_eq!(written, profile.name());
            assert_eq!(serde_json::from_value::<Profile>(written).unwrap(), profile);
        }
        assert!(serde_json::from_str::<Profile>(r#""apache""#).is_err());
    }

    #[test]
    fn one_environment_is_fixed_or_the_only_one() {
        let check = |fixed: Option<&str>, bound: &[&str], expected: Option<&str>| {
            let gateway = Gateway {
                id: "gw_000000000000000000".parse().unwrap(),
                kind: "gateway".to_owned(),
                name: "edge".to_owned(),
                organizations: Vec::new(),
                environments: bound.iter().copied().map(str::to_owned).collect(),
                environment: fixed.map(str::to_owned),
                profile: None,
                ip_allow: None,
                secret: Pepper::new(1, &[0; 32]).digest(&PlainSecret::new("a secret".to_owned())),
                created_at: Timestamp::from_millis(0),
                revoked_at: None,
            };
            assert_eq!(gateway.only_environment(), expected, "{fixed:?} {bound:?}");
        };
        check(Some("staging"), &[], Some("staging"));
        check(Some("staging"), &["*"], Some("staging"));
        check(Some("staging"), &["production"], Some("staging"));
        check(None, &["production"], Some("production"));
        check(None, &["*"], None);
        check(None, &["production", "staging"], None);
        check(None, &[], None);
    }
}
