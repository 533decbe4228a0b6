//! The stored records that presented secrets resolve to: API keys, gateway credentials, operator credentials.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::Id;
use crate::key::ApiKey;
use crate::network::AllowList;
use crate::secret::SecretDigest;

/// Whatever a secret resolves to. One record under one key, so that identification is one read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum Credential {
    /// A customer's API key.
    ApiKey(ApiKey),
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
            Self::Gateway(gateway) => &gateway.id,
            Self::Operator(operator) => &operator.id,
        }
    }

    /// The digest of its secret.
    pub const fn secret(&self) -> &SecretDigest {
        match self {
            Self::ApiKey(key) => &key.secret,
            Self::Gateway(gateway) => &gateway.secret,
            Self::Operator(operator) => &operator.secret,
        }
    }

    /// Whether it identifies anybody at this instant: not revoked, not disabled, inside its validity window.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        match self {
            Self::ApiKey(key) => key.is_valid_at(now),
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
