//! Public ids: a kind, the home shard, and randomness, as in `key_07tGm2…`. An id that a caller presents names the one
//! shard to ask, with no index hop. Those of access tokens begin their randomness with the time.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Timestamp;
use crate::entropy::{ALPHABET, Entropy, EntropyError, random_base62};

/// Characters of an id after its kind: two digits of home shard, sixteen of randomness (95 bits).
pub const BODY_LENGTH: usize = 18;
/// Letters before the underscore, at most.
const LONGEST_PREFIX: usize = 3;
/// Digits of base 62 that tell milliseconds until the year 2081, and then from the beginning again.
const TIME_LENGTH: usize = 7;

/// A home: the slice of the store in which one commit is atomic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u8);

impl Shard {
    /// The home of the platform itself: operators, gateways, sealed keys.
    pub const PLATFORM: Self = Self(0);
    /// More homes than a store may have: ids spell theirs with two digits.
    pub const LIMIT: u8 = 100;

    /// The home numbered `number`, or nothing when that is not below [`Self::LIMIT`].
    pub const fn new(number: u8) -> Option<Self> {
        if number < Self::LIMIT { Some(Self(number)) } else { None }
    }

    /// A home drawn evenly from the first `shards`.
    ///
    /// # Errors
    /// When the entropy has nothing to give.
    pub fn draw(entropy: &dyn Entropy, shards: u8) -> Result<Self, EntropyError> {
        let mut bytes = [0_u8; 8];
        entropy.fill(&mut bytes)?;
        let number = u64::from_be_bytes(bytes) % u64::from(shards.clamp(1, Self::LIMIT));
        Ok(Self(u8::try_from(number).unwrap_or(0)))
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdKind {
    /// An organization.
    Organization,
    /// A workspace.
    Workspace,
    /// An API key.
    Key,
    /// An OAuth2 client.
    Client,
    /// An access token.
    AccessToken,
    /// A gateway credential.
    Gateway,
    /// An operator credential.
    Operator,
    /// The line of API keys that succeed each other by rotation.
    Lineage,
    /// An audit record.
    Audit,
    /// A member.
    Member,
    /// An invitation.
    Invitation,
    /// A session.
    Session,
    /// An event.
    Event,
    /// A webhook endpoint.
    Webhook,
    /// A message to webhook endpoints.
    Message,
    /// A message's delivery to one of them.
    Delivery,
}

impl IdKind {
    const ALL: [Self; 16] = [
        Self::Organization,
        Self::Workspace,
        Self::Key,
        Self::Client,
        Self::AccessToken,
        Self::Gateway,
        Self::Operator,
        Self::Lineage,
        Self::Audit,
        Self::Member,
        Self::Invitation,
        Self::Session,
        Self::Event,
        Self::Webhook,
        Self::Message,
        Self::Delivery,
    ];

    /// The text before the underscore.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Organization => "org",
            Self::Workspace => "ws",
            Self::Key => "key",
            Self::Client => "cl",
            Self::AccessToken => "tok",
            Self::Gateway => "gw",
            Self::Operator => "op",
            Self::Lineage => "lin",
            Self::Audit => "aud",
            Self::Member => "mem",
            Self::Invitation => "inv",
            Self::Session => "ses",
            Self::Event => "evt",
            Self::Webhook => "wh",
            Self::Message => "msg",
            Self::Delivery => "del",
        }
    }
}

/// A public id. Its text is `kind_` + two digits of home shard + sixteen characters of base 62.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    kind: IdKind,
    // INVARIANT: two digits naming a shard, then base 62; so always valid UTF-8.
    body: [u8; BODY_LENGTH],
}

impl Id {
    /// A new id whose home is `shard`.
    ///
    /// # Errors
    /// When the entropy has nothing to give.
    pub fn draw(kind: IdKind, shard: Shard, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let text = format!("{shard}{}", random_base62(entropy, BODY_LENGTH - 2)?);
        let body = text.as_bytes().try_into().map_err(|_| EntropyError)?;
        Ok(Self { kind, body })
    }

    /// A new id of what is made by the thousand and read soon or never: it sorts behind those made milliseconds earlier, so that
    /// a store that keeps records in order writes them side by side. 53 bits of randomness remain.
    ///
    /// # Errors
    /// When the entropy has nothing to give.
    pub fn draw_in_order(
        kind: IdKind,
        shard: Shard,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let drawn = Self::draw(kind, shard, entropy)?;
        let mut body = drawn.body;
        let mut left = now.as_millis().unsigned_abs();
        for place in body.iter_mut().skip(2).take(TIME_LENGTH).rev() {
            let digit = usize::try_from(left % 62).unwrap_or_default();
            *place = ALPHABET.get(digit).copied().unwrap_or(b'0');
            left /= 62;
        }
        Ok(Self { kind, body })
    }

    /// From a body, as a secret carries it.
    ///
    /// # Errors
    /// When it is not two digits and sixteen characters of base 62.
    pub fn from_body(kind: IdKind, body: &str) -> Result<Self, IdError> {
        let bytes: [u8; BODY_LENGTH] = body.as_bytes().try_into().map_err(|_| IdError)?;
        let (home, rest) = bytes.split_at(2);
        let wellformed = home.iter().all(u8::is_ascii_digit) && rest.iter().all(u8::is_ascii_alphanumeric);
        if wellformed { Ok(Self { kind, body: bytes }) } else { Err(IdError) }
    }

    /// An id as documents show it: `key_07Xk2mPq9RtVw4Yz1A`.
    pub fn example(kind: IdKind) -> String {
        format!("{}_07Xk2mPq9RtVw4Yz1A", kind.prefix())
    }

    /// What ids of these kinds look like, as a regular expression.
    pub fn pattern(kinds: &[IdKind]) -> String {
        let prefixes: Vec<_> = kinds.iter().map(|kind| kind.prefix()).collect();
        let prefix =
            if let [only] = prefixes.as_slice() { (*only).to_owned() } else { format!("({})", prefixes.join("|")) };
        format!("^{prefix}_[0-9]{{2}}[0-9A-Za-z]{{16}}$")
    }

    /// What it names.
    pub const fn kind(&self) -> IdKind {
        self.kind
    }

    /// The shard to ask.
    pub fn home(&self) -> Shard {
        let [tens, ones, ..] = self.body;
        Shard((tens - b'0') * 10 + (ones - b'0'))
    }

    /// The text after the underscore.
    pub fn body(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

/// Not an id of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected a kind, an underscore and 18 letters and digits")]
pub struct IdError;

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (prefix, body) = text.split_once('_').ok_or(IdError)?;
        let kind = IdKind::ALL.into_iter().find(|kind| kind.prefix() == prefix).ok_or(IdError)?;
        Self::from_body(kind, body)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All at once, so that a text that is made of it is allocated once.
        let prefix = self.kind.prefix();
        let mut text = [b'_'; LONGEST_PREFIX + 1 + BODY_LENGTH];
        let characters = prefix.bytes().chain([b'_']).chain(self.body);
        text.iter_mut().zip(characters).for_each(|(place, character)| *place = character);
        let text = text.get(..prefix.len() + 1 + BODY_LENGTH).unwrap_or_default();
        f.write_str(std::str::from_utf8(text).unwrap_or_default())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Id {
    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A public id: its kind, its home, and randomness.",
            "pattern": Self::pattern(&IdKind::ALL),
            "examples": [Self::example(IdKind::Key)],
        })
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn ids_in_order_sort_by_the_time_they_were_made_at() {
        let (entropy, home) = (SeededEntropy::new(b"order"), Shard::new(7).unwrap());
        let at =
            |millis| Id::draw_in_order(IdKind::AccessToken, home, Timestamp::from_millis(millis), &entropy).unwrap();
        let ids = [0, 1, 61, 62, 1_800_000_000_000, 1_800_000_000_001, 3_500_000_000_000].map(at);
        assert!(ids.is_sorted(), "{ids:?}");
        assert_ne!(at(5), at(5));
        assert!(ids.iter().all(|id| id.home() == home && id.to_string().parse() == Ok(*id)));
    }

    #[test]
    fn an_id_carries_its_home_and_reads_what_it_writes() {
        let shard = Shard::new(7).unwrap();
        let id = Id::draw(IdKind::Key, shard, &SeededEntropy::new(b"id")).unwrap();
        assert!(id.to_string().starts_with("key_07"), "{id}");
        assert_eq!(id.home(), shard);
        assert_eq!(id.to_string().parse(), Ok(id));
        for kind in IdKind::ALL {
            let id = Id { kind, ..id };
            assert_eq!(id.to_string(), format!("{}_{}", kind.prefix(), id.body()));
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "key_",
            "key",
            "nope_070123456789abcdef",
            "key_0701234",
            "key_x70123456789abcdef",
            "key_07012345678-abcdef",
        ] {
            assert_eq!(text.parse::<Id>(), Err(IdError), "{text}");
        }
    }
}
