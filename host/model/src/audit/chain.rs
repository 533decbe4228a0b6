//! The chain of a log, which shows that nothing in it was changed, left out, or put elsewhere.
//!
//! The link of a record is `SHA-256(former link, line feed, sequence number, line feed, SHA-256 of the record)`, links and digests in
//! lower-case hexadecimal, the number in decimal, so that `printf '%s\n%s\n%s' … | sha256sum` works one out. The first goes on from
//! [`Link::beginning`]. A checkpoint is a link, signed: whoever has one and its key sees any change of what came before.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::key::{AuditKey, PublicKey, Signature};
use super::sha256;
use crate::clock::Timestamp;
use crate::text::{from_hex, hex};

/// Bytes that are written in lower-case hexadecimal, and in no other way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const N: usize>(pub [u8; N]);

/// Text is not what it should be: so many bytes in lower-case hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not {0} bytes in lower-case hexadecimal")]
pub struct NoHex(usize);

/// What a record and all before it come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Link(Hex<32>);

/// A log's chain up to a record, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The log.
    pub log: String,
    /// Number of the last record that it covers.
    pub sequence: u64,
    /// That record's link.
    pub link: Link,
    /// When it was signed.
    pub at: Timestamp,
    /// By which key.
    pub key: PublicKey,
    /// Over the four above.
    pub signature: Signature,
}

/// A log's chain as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// What the oldest record that is kept goes on from.
    pub begins: Checkpoint,
    /// The newest that is sealed.
    pub sealed: Checkpoint,
}

impl Chain {
    /// Whether it is what somebody who had one of these keys sealed of `log`.
    pub fn is_sealed(&self, log: &str, keys: &[PublicKey]) -> bool {
        [&self.begins, &self.sealed].iter().all(|end| end.log == log && keys.contains(&end.key) && end.is_genuine())
    }
}

impl Link {
    /// What the record after number `after` goes on from, where none before it was ever sealed.
    pub fn beginning(log: &str, after: u64) -> Self {
        Self(Hex(sha256(format!("cronflow-access chain\n{log}\n{after}").as_bytes())))
    }

    /// The link of the record numbered `sequence` with this SHA-256, which comes after the one of this link.
    #[must_use]
    pub fn next(self, sequence: u64, sha256_of_record: &str) -> Self {
        Self(Hex(sha256(format!("{self}\n{sequence}\n{sha256_of_record}").as_bytes())))
    }
}

impl Checkpoint {
    /// Signs.
    pub fn sign(log: &str, sequence: u64, link: Link, at: Timestamp, key: &AuditKey) -> Self {
        let signature = key.sign(signed(log, sequence, link, at).as_bytes());
        Self { log: log.to_owned(), sequence, link, at, key: key.public(), signature }
    }

    /// Whether its key signed what it says.
    pub fn is_genuine(&self) -> bool {
        self.key.has_signed(signed(&self.log, self.sequence, self.link, self.at).as_bytes(), &self.signature)
    }
}

/// What the signature of a checkpoint is over.
fn signed(log: &str, sequence: u64, link: Link, at: Timestamp) -> String {
    format!("cronflow-access checkpoint\n{log}\n{sequence}\n{link}\n{at}")
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Link {
    type Err = NoHex;

    fn from_str(text: &str) -> Result<Self, NoHex> {
        text.parse().map(Self)
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> FromStr for Hex<N> {
    type Err = NoHex;

    fn from_str(text: &str) -> Result<Self, NoHex> {
        from_hex(text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(NoHex(N))
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_what_sha256sum_says() {
        // printf 'cronflow-access chain\naudit/platform\n0' | sha256sum
        let beginning = Link::beginning("audit/platform", 0);
        let text = beginning.to_string();
        assert_eq!(text, crate::audit::sha256_hex(b"cronflow-access chain\naudit/platform\n0"));
        let next = crate::audit::sha256_hex(format!("{text}\n1\nabc").as_bytes());
        assert_eq!(beginning.next(1, "abc").to_string(), next);
        assert_ne!(beginning.next(2, "abc"), beginning.next(1, "abc"));
        assert_ne!(beginning, Link::beginning("audit/platform", 1));
    }

    #[test]
    fn a_checkpoint_holds_for_what_was_signed_alone() {
        let at = Timestamp::from_millis(1_000);
        let link = Link::beginning("audit/platform", 0);
        let key = AuditKey::from_seed(&[7; 32]);
        let genuine = Checkpoint::sign("audit/platform", 3, link, at, &key);
        assert!(genuine.is_genuine());
        let other = AuditKey::from_seed(&[8; 32]).public();
        for forged in [
            Checkpoint { log: "audit/another".to_owned(), ..genuine.clone() },
            Checkpoint { sequence: 4, ..genuine.clone() },
            Checkpoint { link: link.next(1, "x"), ..genuine.clone() },
            Checkpoint { at: Timestamp::from_millis(1_001), ..genuine.clone() },
            Checkpoint { key: other, ..genuine },
        ] {
            assert!(!forged.is_genuine(), "{forged:?}");
        }
    }

    #[test]
    fn hexadecimal_is_written_in_one_way() {
        assert_eq!("00ff".parse(), Ok(Hex([0, 255])));
        for wrong in ["00fF", "00f", "00ff00", "", "0x0f", "+0f0"] {
            assert_eq!(wrong.parse::<Hex<2>>(), Err(NoHex(2)), "{wrong}");
        }
    }
}
