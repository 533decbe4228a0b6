//! Machine secrets: prefix + public id + randomness + checksum, shown once and stored as a keyed digest.
//!
//! `cf_prod_` `07tGm2…` (18, the id's body) `…` (32 characters of base 62: 190.5 bits) `…` (6: CRC-32 in base 62). Letters,
//! digits and underscores only, so that a double click takes the whole and no encoding touches it. The checksum lets a
//! mistyped or made-up secret be turned away before any store is asked; it protects nothing.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::entropy::{Entropy, EntropyError, random_base62};
use crate::id::{BODY_LENGTH, Id, IdKind};

/// Characters of randomness.
const RANDOM_LENGTH: usize = 32;
/// Characters of checksum.
const CHECKSUM_LENGTH: usize = 6;
/// Characters after the prefix.
pub(crate) const TAIL_LENGTH: usize = BODY_LENGTH + RANDOM_LENGTH + CHECKSUM_LENGTH;

/// A secret in the clear: as it was presented, or as it was just made. It has no `Serialize`, says nothing in `Debug` and is
/// wiped when dropped; [`PlainSecret::expose`] is the one way to its text.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PlainSecret(String);

impl PlainSecret {
    /// Takes over a text.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Makes the secret of the credential `id`, whose kind's secrets begin with `prefix`.
    ///
    /// # Errors
    /// When the entropy has nothing to give.
    pub fn draw(prefix: &str, id: &Id, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let random = Zeroizing::new(random_base62(entropy, RANDOM_LENGTH)?);
        let mut text = String::with_capacity(prefix.len() + TAIL_LENGTH);
        text.push_str(prefix);
        text.push_str(id.body());
        text.push_str(&random);
        let checksum = checksum(text.as_bytes());
        text.push_str(&String::from_utf8_lossy(&checksum));
        Ok(Self(text))
    }

    /// The text. Whoever calls this keeps it out of logs, errors and records.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether both are the same, in time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        bool::from(self.0.as_bytes().ct_eq(other.0.as_bytes()))
    }

    /// The id that the secret names, when it is well-formed: `tail` is what follows the kind's prefix, and the checksum is
    /// right. Touches nothing but the text.
    pub fn id(&self, kind: IdKind, tail: &str) -> Option<Id> {
        if tail.len() != TAIL_LENGTH || !tail.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (covered, given) = self.0.as_bytes().split_at_checked(self.0.len().checked_sub(CHECKSUM_LENGTH)?)?;
        if given != checksum(covered) {
            return None;
        }
        Id::from_body(kind, tail.get(..BODY_LENGTH)?).ok()
    }
}

impl fmt::Debug for PlainSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainSecret(…)")
    }
}

impl<'de> Deserialize<'de> for PlainSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(Text)
    }
}

/// Reads a text. Whatever else stands in its place may be a secret that lacks its quotes, which serde's own errors would quote.
struct Text;

impl Visitor<'_> for Text {
    type Value = PlainSecret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PlainSecret, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<PlainSecret, E> {
        Ok(PlainSecret(text))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<PlainSecret, E> {
        Err(no_text())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<PlainSecret, E> {
        Err(no_text())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<PlainSecret, E> {
        Err(no_text())
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<PlainSecret, E> {
        Err(no_text())
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<PlainSecret, E> {
        Err(no_text())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<PlainSecret, E> {
        Err(no_text())
    }
}

fn no_text<E: de::Error>() -> E {
    E::custom("expected a string, in quotes")
}

/// CRC-32 (ISO-HDLC) of `covered` as six characters of base 62, most significant first.
fn checksum(covered: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let mut rest = crc32fast::hash(covered);
    let mut text = [b'0'; CHECKSUM_LENGTH];
    for place in text.iter_mut().rev() {
        let digit = u8::try_from(rest % 62).unwrap_or_default();
        *place = match digit {
            0..=9 => b'0' + digit,
            10..=35 => b'A' + (digit - 10),
            _ => b'a' + (digit - 36),
        };
        rest /= 62;
    }
    text
}

/// The key under which secrets are digested. Known to the hosts alone, so that a stolen store can't be searched offline.
#[derive(Clone)]
pub struct Pepper {
    id: u32,
    // Keyed once: a clone of it saves two of the four compressions of each digest.
    keyed: Hmac<Sha256>,
}

impl Pepper {
    /// From its id and 32 bytes.
    pub fn new(id: u32, key: &[u8; 32]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
        let keyed = Hmac::new_from_slice(key).expect("any length is a key");
        Self { id, keyed }
    }

    /// Which pepper it is; kept beside each digest.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// HMAC-SHA256 of the whole secret, prefix included.
    pub fn digest(&self, secret: &PlainSecret) -> SecretDigest {
        let mut mac = self.keyed.clone();
        mac.update(secret.0.as_bytes());
        SecretDigest { pepper: self.id, mac: mac.finalize().into_bytes().into() }
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({})", self.id)
    }
}

/// What is stored of a secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct SecretDigest {
    pepper: u32,
    #[serde(with = "hex")]
    mac: [u8; 32],
}

impl SecretDigest {
    /// Id of the pepper that it was made under.
    pub const fn pepper(&self) -> u32 {
        self.pepper
    }

    /// Whether both are of one secret, in time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.pepper == other.pepper && bool::from(self.mac.ct_eq(&other.mac))
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretDigest(pepper {})", self.pepper)
    }
}

/// Bytes as hexadecimal text, for records.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::text::hex(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(D::Error::custom("expected 64 hexadecimal digits"));
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(at * 2..at * 2 + 2).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).map_err(|_| D::Error::custom("expected hexadecimal digits"))?;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::id::Shard;

    fn drawn() -> (Id, PlainSecret) {
        let entropy = SeededEntropy::new(b"secret");
        let id = Id::draw(IdKind::Key, Shard::PLATFORM, &entropy).unwrap();
        (id, PlainSecret::draw("cf_prod_", &id, &entropy).unwrap())
    }

    #[test]
    fn a_secret_names_its_id() {
        let (id, secret) = drawn();
        let tail = secret.expose().strip_prefix("cf_prod_").unwrap();
        assert_eq!(secret.id(IdKind::Key, tail), Some(id));
        assert!(secret.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }

    #[test]
    fn one_wrong_character_anywhere_is_noticed() {
        let (_, secret) = drawn();
        for at in "cf_prod_".len()..secret.expose().len() {
            let mut text = secret.expose().to_owned();
            let other = if text.as_bytes()[at] == b'x' { "y" } else { "x" };
            text.replace_range(at..=at, other);
            let wrong = PlainSecret::new(text);
            assert_eq!(wrong.id(IdKind::Key, wrong.expose().strip_prefix("cf_prod_").unwrap()), None, "at {at}");
        }
        for tail in ["", "07", "ä", &"ä".repeat(28)] {
            assert_eq!(PlainSecret::new(format!("cf_prod_{tail}")).id(IdKind::Key, tail), None);
        }
    }

    #[test]
    fn digests_depend_on_pepper_and_secret_and_nothing_is_shown() {
        let (_, secret) = drawn();
        let pepper = Pepper::new(1, &[7; 32]);
        assert!(pepper.digest(&secret).matches(&pepper.digest(&secret)));
        assert!(!pepper.digest(&secret).matches(&Pepper::new(1, &[8; 32]).digest(&secret)));
        assert!(!pepper.digest(&secret).matches(&Pepper::new(2, &[7; 32]).digest(&secret)));
        assert!(!pepper.digest(&secret).matches(&pepper.digest(&PlainSecret::new("other".into()))));
        let shown = format!("{secret:?} {pepper:?} {:?}", pepper.digest(&secret));
        assert_eq!(shown, "PlainSecret(…) Pepper(1) SecretDigest(pepper 1)");
        let json = serde_json::to_string(&pepper.digest(&secret)).unwrap();
        assert!(serde_json::from_str::<SecretDigest>(&json).unwrap().matches(&pepper.digest(&secret)));
    }
}
