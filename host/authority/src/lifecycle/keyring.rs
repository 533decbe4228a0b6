//! Keys that every host of an installation shares: peppers, the key of cursors, data keys, under which lies what must be read
//! back, and audit keys, which sign where logs end. They lie in the store, sealed.

use access_model::audit::key::{AuditKey, PublicKey};
use access_model::{Entropy, Pepper};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::root_key::RootKey;
use super::{LifecycleError, seal};

/// What the keyring's record holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SealedKeyring {
    peppers: Vec<SealedKey>,
    cursors: SealedKey,
    /// None in a store from before there were any.
    #[serde(default)]
    data: Vec<SealedKey>,
    /// Likewise.
    #[serde(default)]
    audit: Vec<SealedKey>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SealedKey {
    id: u32,
    sealed: String,
}

/// The opened keys.
#[derive(Debug)]
pub struct Keyring {
    peppers: Vec<Pepper>,
    cursors: Hmac<Sha256>,
    // INVARIANT: one at least.
    data: Vec<DataKey>,
    // INVARIANT: one at least.
    audit: Vec<AuditKey>,
}

/// A key that what must be read back is sealed under. Wiped when dropped.
struct DataKey {
    id: u32,
    key: Zeroizing<[u8; 32]>,
}

impl SealedKeyring {
    /// A fresh keyring: one of each.
    pub(crate) fn create(root: &RootKey, entropy: &dyn Entropy) -> Result<Self, LifecycleError> {
        Ok(Self {
            peppers: vec![SealedKey::create("pepper", 1, root, entropy)?],
            cursors: SealedKey::create("cursors", 1, root, entropy)?,
            data: vec![SealedKey::create("data", 1, root, entropy)?],
            audit: vec![SealedKey::create("audit", 1, root, entropy)?],
        })
    }

    /// Opens it under the root key.
    pub(crate) fn open(&self, root: &RootKey) -> Result<Keyring, LifecycleError> {
        let mut peppers = Vec::with_capacity(self.peppers.len());
        for sealed in &self.peppers {
            peppers.push(Pepper::new(sealed.id, &*sealed.open("pepper", root)?));
        }
        let cursors =
            Hmac::new_from_slice(&*self.cursors.open("cursors", root)?).map_err(|_| LifecycleError::Sealed)?;
        // A store from before there were data keys has one that only its root key can make.
        let mut data = vec![DataKey { id: 0, key: Zeroizing::new(root.derive("data key 0")) }];
        for sealed in &self.data {
            data.push(DataKey { id: sealed.id, key: sealed.open("data", root)? });
        }
        let mut audit = vec![AuditKey::from_seed(&Zeroizing::new(root.derive("audit key 0")))];
        for sealed in &self.audit {
            audit.push(AuditKey::from_seed(&*sealed.open("audit", root)?));
        }
        Ok(Keyring { peppers, cursors, data, audit })
    }
}

impl SealedKey {
    fn create(purpose: &str, id: u32, root: &RootKey, entropy: &dyn Entropy) -> Result<Self, LifecycleError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        entropy.fill(key.as_mut_slice())?;
        let sealed = root.seal(&format!("{purpose}/{id}"), key.as_slice(), entropy)?;
        Ok(Self { id, sealed: STANDARD.encode(sealed) })
    }

    fn open(&self, purpose: &str, root: &RootKey) -> Result<Zeroizing<[u8; 32]>, LifecycleError> {
        let sealed = STANDARD.decode(&self.sealed).map_err(|_| LifecycleError::Sealed)?;
        let plain = root.open(&format!("{purpose}/{}", self.id), &sealed)?;
        Ok(Zeroizing::new(plain.as_slice().try_into().map_err(|_| LifecycleError::Sealed)?))
    }
}

impl Keyring {
    /// The pepper of this id.
    pub(crate) fn pepper(&self, id: u32) -> Option<&Pepper> {
        self.peppers.iter().find(|pepper| pepper.id() == id)
    }

    /// The pepper that new digests are made under: the last.
    pub(crate) fn current_pepper(&self) -> Option<&Pepper> {
        self.peppers.last()
    }

    /// The key that signs from now on: the last.
    pub(crate) fn audit_key(&self) -> Result<&AuditKey, LifecycleError> {
        self.audit.last().ok_or(LifecycleError::Sealed)
    }

    /// What signatures are checked with, the one that signs from now on first.
    pub fn audit_keys(&self) -> Vec<PublicKey> {
        self.audit.iter().rev().map(AuditKey::public).collect()
    }

    /// A MAC for a cursor.
    pub(crate) fn cursor_mac(&self) -> Hmac<Sha256> {
        self.cursors.clone()
    }

    /// Seals what must be read back, bound to what it is for; as text, with the id of the key.
    pub(crate) fn seal(&self, purpose: &str, plain: &[u8], entropy: &dyn Entropy) -> Result<String, LifecycleError> {
        let DataKey { id, key } = self.data.last().ok_or(LifecycleError::Sealed)?;
        Ok(format!("{id}.{}", STANDARD.encode(seal::seal(key, purpose, plain, entropy)?)))
    }

    /// Opens what was sealed for the same purpose.
    pub(crate) fn open(&self, purpose: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, LifecycleError> {
        let (id, sealed) = sealed.split_once('.').ok_or(LifecycleError::Sealed)?;
        let key = self.data.iter().find(|key| id.parse() == Ok(key.id)).ok_or(LifecycleError::Sealed)?;
        seal::open(&key.key, purpose, &STANDARD.decode(sealed).map_err(|_| LifecycleError::Sealed)?)
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use access_model::entropy::SystemEntropy;

    #[test]
    fn what_is_sealed_is_read_back_for_its_purpose_alone_also_from_before_there_were_data_keys() {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKey::create(&dir.path().join("root.key"), &SystemEntropy).unwrap();
        let mut sealed = SealedKeyring::create(&root, &SystemEntropy).unwrap();
        let young = sealed.open(&root).unwrap();
        sealed.data.clear();
        sealed.audit.clear();
        let old = sealed.open(&root).unwrap();
        for keyring in [&young, &old] {
            let text = keyring.seal("a", b"plain", &SystemEntropy).unwrap();
            assert_eq!(keyring.open("a", &text).unwrap().as_slice(), b"plain");
            assert!(keyring.open("b", &text).is_err() && keyring.open("a", &text[1..]).is_err());
        }
        let from_before = old.seal("a", b"plain", &SystemEntropy).unwrap();
        assert_eq!(young.open("a", &from_before).unwrap().as_slice(), b"plain");
        assert!(old.open("a", &young.seal("a", b"plain", &SystemEntropy).unwrap()).is_err());
        let shown = format!("{young:?}");
        assert!(shown.contains("data: [DataKey(0), DataKey(1)], audit: [AuditKey("), "{shown}");
    }
}
