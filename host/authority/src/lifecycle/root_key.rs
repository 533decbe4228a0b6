//! The root key: 32 bytes in a file of its own beside the store, or wherever `root_key` points. Peppers and data keys lie
//! sealed under it in the store; without it the store identifies nobody.

use std::fmt;
use std::io::Write;
use std::path::Path;

use access_model::text::hex;
use access_model::{Entropy, PlainSecret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{LifecycleError, seal};

/// Name of its file beside the store, unless another is stated, and within a backup.
pub const FILE: &str = "root.key";

/// The root key. Wiped when dropped; says nothing in `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RootKey([u8; 32]);

impl RootKey {
    /// Reads the key file: 64 hexadecimal digits.
    ///
    /// # Errors
    /// When it is missing or not a key.
    pub fn read(path: &Path) -> Result<Self, LifecycleError> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| LifecycleError::RootKey(format!("`{shown}` can't be read: {error}")))?;
        Self::parse(&PlainSecret::new(text), &shown)
    }

    /// Reads a key as text: 64 hexadecimal digits. `from` is where it stood, as it may be shown.
    ///
    /// # Errors
    /// When it is not a key.
    pub fn parse(text: &PlainSecret, from: &dyn fmt::Display) -> Result<Self, LifecycleError> {
        let wrong = || LifecycleError::RootKey(format!("`{from}` is not a root key: expected 64 hexadecimal digits"));
        let mut key = Zeroizing::new([0_u8; 32]);
        let digits = text.expose().trim().as_bytes();
        if digits.len() != 64 {
            return Err(wrong());
        }
        for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(*key))
    }

    /// Makes a key.
    ///
    /// # Errors
    /// When the entropy has nothing to give.
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, LifecycleError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        entropy.fill(key.as_mut_slice())?;
        Ok(Self(*key))
    }

    /// Which key it is: tells nothing of the key.
    pub(crate) fn id(&self) -> String {
        let whole: [u8; 32] = self.mac(b"cronflow-access key id").finalize().into_bytes().into();
        hex(&whole).chars().take(16).collect()
    }

    /// The key itself, to be sealed under another.
    pub(crate) const fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, LifecycleError> {
        bytes.try_into().map(Self).map_err(|_| LifecycleError::Sealed)
    }

    /// The key as text, to be kept somewhere.
    pub fn to_text(&self) -> PlainSecret {
        PlainSecret::new(hex(self.0.as_slice()))
    }

    /// Makes a key and writes it to a new file that only its owner may read.
    ///
    /// # Errors
    /// When the file exists or can't be written.
    pub fn create(path: &Path, entropy: &dyn Entropy) -> Result<Self, LifecycleError> {
        let key = Self::draw(entropy)?;
        key.write(path)?;
        Ok(key)
    }

    /// Writes it to a new file that only its owner may read.
    pub(crate) fn write(&self, path: &Path) -> Result<(), LifecycleError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let text: Zeroizing<String> = Zeroizing::new(hex(self.0.as_slice()));
        let wrong =
            |error: std::io::Error| LifecycleError::RootKey(format!("`{}` can't be written: {error}", path.display()));
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(wrong)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.sync_all())
            .map_err(wrong)?;
        // Its name must survive power loss too, or a store would be left without its key.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(wrong)
    }

    /// Whether both are the same key.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let purpose = b"cronflow-access same key";
        self.mac(purpose).verify(&other.mac(purpose).finalize().into_bytes()).is_ok()
    }

    /// Seals `plain`, bound to what it is for.
    pub(crate) fn seal(&self, purpose: &str, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, LifecycleError> {
        seal::seal(&self.0, purpose, plain, entropy)
    }

    /// Opens what was sealed for the same purpose.
    pub(crate) fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, LifecycleError> {
        seal::open(&self.0, purpose, sealed)
    }

    /// A seed for the demo's secrets, which are the same at every start.
    pub(crate) fn demo_seed(&self) -> [u8; 32] {
        self.mac(b"cronflow-access demo").finalize().into_bytes().into()
    }

    /// A MAC that only this key can make, bound to what it is for; more may be added to it.
    pub(crate) fn mac(&self, purpose: &[u8]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length is a key");
        mac.chain_update(purpose)
    }

    /// A key for one purpose, which tells nothing of this one.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.mac(purpose.as_bytes()).finalize().into_bytes().into()
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use access_model::entropy::SystemEntropy;

    #[test]
    fn a_key_file_is_made_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        let made = RootKey::create(&path, &SystemEntropy).unwrap();
        assert!(RootKey::create(&path, &SystemEntropy).is_err(), "never overwritten");
        let sealed = made.seal("a", b"plain", &SystemEntropy).unwrap();
        let read = RootKey::read(&path).unwrap();
        assert_eq!(read.open("a", &sealed).unwrap().as_slice(), b"plain");
        assert!(read.open("b", &sealed).is_err(), "bound to its purpose");
        assert_eq!(format!("{read:?}"), "RootKey(…)");
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        assert!(RootKey::read(&path).unwrap_err().to_string().contains("can't be read"));
        std::fs::write(&path, "zz".repeat(32)).unwrap();
        assert!(RootKey::read(&path).unwrap_err().to_string().contains("64 hexadecimal digits"));
    }
}
