//! What says of a backup what it is: sealed under the root key, so that whoever keeps it can't change it unnoticed.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use access_model::Timestamp;
use access_model::text::hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::Installation;
use super::root_key::RootKey;

/// Name of its file within a backup.
pub const FILE: &str = "manifest.json";
/// What the seal is for.
const PURPOSE: &[u8] = b"cronflow-access backup manifest\0";
/// Read and hashed at a time.
const CHUNK: usize = 1 << 16;

/// What a backup is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the backup itself: [`Manifest::FORMAT`].
    pub format: u32,
    /// The release that made it.
    pub version: String,
    /// The schema version of the store's file.
    pub schema: i64,
    /// Everything that was acknowledged before this instant is in it.
    pub created_at: Timestamp,
    /// How many shards the store has.
    pub shards: u8,
    /// Length of the store's file.
    pub bytes: u64,
    /// SHA-256 of the store's file, in hex.
    pub sha256: String,
    /// Whose it is.
    pub installation: Installation,
}

/// A manifest as it lies in its file: its bytes, and a MAC of them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealedManifest {
    backup: Box<RawValue>,
    /// HMAC-SHA256 under the root key, in base 64.
    seal: String,
}

impl Manifest {
    /// The form that this release makes and reads.
    pub const FORMAT: u32 = 1;
}

impl SealedManifest {
    pub(super) fn seal(manifest: &Manifest, root: &RootKey) -> Result<Self, serde_json::Error> {
        let backup = serde_json::value::to_raw_value(manifest)?;
        let seal = root.mac(PURPOSE).chain_update(backup.get()).finalize().into_bytes();
        Ok(Self { backup, seal: STANDARD.encode(seal) })
    }

    /// What it says, whoever wrote it.
    pub(super) fn unverified(&self) -> Result<Manifest, serde_json::Error> {
        serde_json::from_str(self.backup.get())
    }

    /// Whether it says what was sealed under this key.
    pub(super) fn is_sealed_under(&self, root: &RootKey) -> bool {
        let mac = root.mac(PURPOSE).chain_update(self.backup.get());
        STANDARD.decode(&self.seal).is_ok_and(|seal| mac.verify_slice(&seal).is_ok())
    }
}

/// Length and SHA-256 of what `source` holds; all of it also goes to `copy`, if there is one.
pub(super) fn digest(source: &Path, mut copy: Option<&mut File>) -> io::Result<(u64, String)> {
    let mut source = File::open(source)?;
    let (mut length, mut hash, mut chunk) = (0, Sha256::new(), vec![0; CHUNK]);
    loop {
        let count = source.read(&mut chunk)?;
        let read = chunk.get(..count).unwrap_or_default();
        if read.is_empty() {
            return Ok((length, hex(&hash.finalize())));
        }
        hash.update(read);
        if let Some(copy) = copy.as_deref_mut() {
            copy.write_all(read)?;
        }
        length += u64::try_from(count).unwrap_or(u64::MAX);
    }
}
