//! Access tokens: what a client's secret was exchanged for (RFC 6749 §4.4).

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::Id;
use crate::secret::SecretDigest;

/// An access token. It holds no more than its client does when it is used, and ends with the secret that it was obtained with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessToken {
    /// Public id.
    pub id: Id,
    /// The catalog's kind.
    pub kind: String,
    /// The client that it was issued to.
    pub client: Id,
    /// The client's owner.
    pub organization: Id,
    /// Number of the client's secret that it was obtained with.
    pub obtained_with: u32,
    /// The workspace that it was issued for; absent: it serves all of its client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Id>,
    /// Granted scopes. Empty means none.
    pub scopes: Vec<String>,
    /// Digest of its secret.
    pub secret: SecretDigest,
    /// When it was issued.
    pub created_at: Timestamp,
    /// Not valid from here on.
    pub expires_at: Timestamp,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl AccessToken {
    /// Whether it stands at this instant, as far as it goes by itself.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}
