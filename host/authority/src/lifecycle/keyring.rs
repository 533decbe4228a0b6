//! Keys that every host of an installation shares: peppers, and the key of cursors. They lie in the store, sealed.

use access_model::{Entropy, Pepper};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::LifecycleError;
use super::root_key::RootKey;

/// What the keyring's record holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SealedKeyring {
    peppers: Vec<SealedKey>,
    cursors: SealedKey,
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
}

impl SealedKeyring {
    /// A fresh keyring: one pepper, one key of cursors.
    pub(crate) fn create(root: &RootKey, entropy: &dyn Entropy) -> Result<Self, LifecycleError> {
        Ok(Self {
            peppers: vec![SealedKey::create("pepper", 1, root, entropy)?],
            cursors: SealedKey::create("cursors", 1, root, entropy)?,
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
        Ok(Keyring { peppers, cursors })
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

    /// A MAC for a cursor.
    pub(crate) fn cursor_mac(&self) -> Hmac<Sha256> {
        self.cursors.clone()
    }
}
