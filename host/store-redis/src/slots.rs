//! Which server holds what: slots of a cluster, or all of them at one server.

use std::fmt;
use std::ops::RangeInclusive;

use crate::place::Address;

/// So many slots a cluster has.
const SLOTS: u16 = 16_384;

/// A server that may be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Primary {
    pub(crate) address: Address,
    /// Its id in the cluster; empty elsewhere.
    pub(crate) id: String,
}

/// Who holds which slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slots {
    /// Grows with each fail-over: what was told in an earlier one is out of date.
    epoch: u64,
    held: Vec<(RangeInclusive<u16>, Primary)>,
}

impl Slots {
    /// In no particular order.
    pub(crate) const fn new(epoch: u64, held: Vec<(RangeInclusive<u16>, Primary)>) -> Self {
        Self { epoch, held }
    }

    /// All at one server.
    pub(crate) fn all_at(epoch: u64, address: Address) -> Self {
        Self::new(epoch, vec![(0..=SLOTS - 1, Primary { address, id: String::new() })])
    }

    /// Which configuration this is.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Who holds a key. None: nobody does, as while a cluster is being made.
    pub(crate) fn holder_of(&self, key: &str) -> Option<&Primary> {
        let slot = slot_of(key);
        self.held.iter().find(|(range, _)| range.contains(&slot)).map(|(_, primary)| primary)
    }

    /// Each once.
    pub(crate) fn primaries(&self) -> Vec<&Primary> {
        let mut all = Vec::new();
        for (_, primary) in &self.held {
            if !all.contains(&primary) {
                all.push(primary);
            }
        }
        all
    }
}

impl fmt::Display for Primary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// The slot of a key: that of what stands in its first braces, if anything does.
fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) % SLOTS
}

/// CRC-16/XMODEM, as the specification of Redis Cluster has it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc: u16, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // As `CLUSTER KEYSLOT` answers.
        for (key, slot) in [("123456789", 12_739), ("foo", 12_182), ("foo{bar}", 5_061), ("x{}bar", 4_497)] {
            assert_eq!(slot_of(key), slot, "{key}");
        }
        assert_eq!(slot_of("access:{s07}:state"), slot_of("s07"));
    }

    #[test]
    fn a_key_is_at_whoever_holds_its_slot() {
        let primary = |port| Primary { address: Address::Tcp("h".to_owned(), port), id: String::new() };
        let slots =
            Slots::new(1, vec![(0..=9_999, primary(1)), (12_000..=12_200, primary(2)), (13_000..=16_383, primary(1))]);
        assert_eq!(slots.holder_of("foo"), Some(&primary(2)));
        assert_eq!(slots.holder_of("foo{bar}"), Some(&primary(1)));
        assert_eq!(slots.holder_of("123456789"), None);
        assert_eq!(slots.primaries(), [&primary(1), &primary(2)]);
    }
}
