//! Audit records: who changed what, before and after; and how it is shown that they are as they were written.
//!
//! Reading order: the records below, [`chain`] (what links a log's records, and checkpoints), [`key`] (what signs those), [`lines`] (an
//! export), [`verify`] (checking one, anywhere).

pub mod chain;
pub mod key;
pub mod lines;
pub mod verify;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::id::Id;
use crate::text::hex;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// `operator`, `api_key`, `member`…; `anonymous` for whoever was not let in, `stated` where an enforcement point named a
    /// subject, `system` for what the installation does by itself.
    pub kind: String,
    /// Public id of the credential, or of the member; absent for nobody, for stated subjects and for the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
}

/// One record. Never holds a secret or its digest.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AuditRecord {
    /// Public id.
    pub id: Id,
    /// When.
    pub at: Timestamp,
    /// Whose books; absent for the platform's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Id>,
    /// Which workspace, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Id>,
    /// Who.
    pub actor: Actor,
    /// What, for example `keys.issue`.
    pub action: String,
    /// To what: a public id.
    pub target: String,
    /// The decision that allowed it; absent where the system acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<String>,
    /// As it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<serde_json::Value>,
    /// As it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<serde_json::Value>,
}

/// Whether an action does nothing but take something from somebody.
pub fn narrows(action: &str) -> bool {
    let verb = action.rsplit_once('.').map_or("", |(_, verb)| verb);
    ["revoke", "disable", "suspend", "archive", "remove", "end"].contains(&verb)
}

/// A record as it lies in the log: its bytes, and their SHA-256. The hash leaves the sequence number out, which the commit
/// gives; the sealer chains both.
#[derive(Debug, Serialize, Deserialize)]
pub struct SealedRecord {
    /// SHA-256 of `record`'s bytes, in hex.
    pub sha256: String,
    /// The record.
    pub record: Box<RawValue>,
}

impl SealedRecord {
    /// Hashes a record.
    ///
    /// # Errors
    /// When it can't be written as JSON, which only a defect brings about.
    pub fn seal(record: &AuditRecord) -> Result<Self, serde_json::Error> {
        let record = serde_json::value::to_raw_value(record)?;
        Ok(Self { sha256: sha256_hex(record.get().as_bytes()), record })
    }

    /// Whether the record's bytes are those that were hashed.
    pub fn is_intact(&self) -> bool {
        self.sha256 == sha256_hex(self.record.get().as_bytes())
    }

    /// Reads the record back, or nothing when its bytes are not those that were hashed.
    pub fn open(&self) -> Option<AuditRecord> {
        if self.is_intact() { serde_json::from_str(self.record.get()).ok() } else { None }
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
