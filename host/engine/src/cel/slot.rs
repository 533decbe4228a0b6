//! Slots: what names become, so that an evaluation looks nothing up.

use super::{limits, schema};
use crate::manifest::{AttributeType, DECLARED_LIMIT};

/// The most slots of one kind: one printable character each.
const SLOTS: usize = 90;
const _: () = assert!(schema::ROWS.len() <= SLOTS && 3 * DECLARED_LIMIT <= SLOTS && limits::PATTERNS <= SLOTS);

/// Where a free attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Context,
    Resource,
    Settings,
}

impl Place {
    /// The path that names there begin with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Resource => "resource.attributes",
            Self::Settings => "settings",
        }
    }
}

/// A free attribute that the manifest declares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Declared {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) kind: AttributeType,
}

/// What a name was turned into. Encoded as an identifier that no source can spell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A fact, by its row in the schema.
    Fact(usize),
    /// Whether that fact is stated.
    FactStated(usize),
    /// A declared free attribute, by its place in the module's list.
    Attribute(usize),
    /// Whether that attribute is stated.
    AttributeStated(usize),
    /// A compiled pattern, by its place in the module's list.
    Pattern(usize),
}

impl Slot {
    pub(super) fn encode(self) -> String {
        let (kind, index) = match self {
            Self::Fact(index) => ('$', index),
            Self::FactStated(index) => ('?', index),
            Self::Attribute(index) => ('%', index),
            Self::AttributeStated(index) => ('&', index),
            Self::Pattern(index) => ('~', index),
        };
        // within SLOTS, so this is a printable character
        let place = u8::try_from(index).map_or(u8::MAX, |index| index.saturating_add(b'!'));
        [kind, char::from(place)].iter().collect()
    }

    pub(crate) fn decode(name: &str) -> Option<Self> {
        let &[kind, place] = name.as_bytes() else { return None };
        let index = usize::from(place.checked_sub(b'!')?);
        match kind {
            b'$' => Some(Self::Fact(index)),
            b'?' => Some(Self::FactStated(index)),
            b'%' => Some(Self::Attribute(index)),
            b'&' => Some(Self::AttributeStated(index)),
            b'~' => Some(Self::Pattern(index)),
            _ => None,
        }
    }
}
