//! The keys that checkpoints and exports are signed with: Ed25519 (RFC 8032), verified strictly.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::chain::{Hex, NoHex};

/// The secret half. Wiped when dropped.
#[derive(Clone)]
pub struct AuditKey(SigningKey);

/// The public half: 32 bytes in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublicKey(Hex<32>);

/// A signature: 64 bytes in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signature(Hex<64>);

impl AuditKey {
    /// The key that these random bytes are the seed of.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// What its signatures are checked with.
    pub fn public(&self) -> PublicKey {
        PublicKey(Hex(self.0.verifying_key().to_bytes()))
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(Hex(self.0.sign(message).to_bytes()))
    }
}

impl PublicKey {
    /// Whether its secret half signed `message`.
    pub fn has_signed(&self, message: &[u8], signature: &Signature) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0.0) else { return false };
        key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0.0)).is_ok()
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKey({})", self.public())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PublicKey {
    type Err = NoHex;

    fn from_str(text: &str) -> Result<Self, NoHex> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test 2 of RFC 8032, section 7.1.
    #[test]
    fn it_signs_as_the_standard_says() {
        let seed: Hex<32> = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb".parse().unwrap();
        let key = AuditKey::from_seed(&seed.0);
        assert_eq!(key.public().to_string(), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let signature = key.sign(&[0x72]);
        assert_eq!(
            signature.0.to_string(),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        assert!(key.public().has_signed(&[0x72], &signature));
        assert!(!key.public().has_signed(&[0x73], &signature));
        assert!(!format!("{key:?}").contains("4ccd089b"));
    }
}
