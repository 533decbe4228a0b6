//! Which of its scopes a credential needed: those that the actions of its allowed requests ask for.
//!
//! A bit for each scope that it holds, set beside the cached credential without a lock; what is new on a day goes to the store
//! with the rest of the usage.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Scopes that are kept apart, in the credential's order. Those after them count as needed.
pub(crate) const MOST: usize = 64;

/// What was needed that the store has not been told of.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    bits: AtomicU64,
    // What was told, and of which day.
    told: AtomicU64,
    day: AtomicI64,
}

impl Needed {
    /// Notes that one who holds `held` was allowed what asks for one of `asked`.
    pub(super) fn note(&self, held: &[String], asked: &[String]) {
        let places = asked.iter().filter_map(|scope| held.iter().take(MOST).position(|held| held == scope));
        let bits = places.fold(0, |bits, place| bits | 1 << place);
        if bits & !self.bits.load(Ordering::Relaxed) != 0 {
            self.bits.fetch_or(bits, Ordering::Relaxed);
        }
    }

    /// What is to be told on `day`.
    pub(super) fn take(&self, day: i64) -> u64 {
        if self.day.swap(day, Ordering::Relaxed) != day {
            self.told.store(0, Ordering::Relaxed);
        }
        self.bits.swap(0, Ordering::AcqRel) & !self.told.load(Ordering::Relaxed)
    }

    /// It was told.
    pub(super) fn told(&self, bits: u64) {
        self.told.fetch_or(bits, Ordering::Relaxed);
    }

    /// Takes back what could not be told.
    pub(super) fn give_back(&self, bits: u64) {
        self.bits.fetch_or(bits, Ordering::Relaxed);
    }
}

/// The scopes that bits stand for.
pub(super) fn scopes(held: &[String], bits: u64) -> impl Iterator<Item = &String> {
    held.iter().take(MOST).enumerate().filter(move |(place, _)| bits & 1 << place != 0).map(|(_, scope)| scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_is_needed_is_told_once_a_day() {
        let (needed, held) = (Needed::default(), texts(&["a", "b", "c"]));
        needed.note(&held, &texts(&["b", "z"]));
        needed.note(&held, &texts(&["b"]));
        let bits = needed.take(1);
        assert_eq!(scopes(&held, bits).collect::<Vec<_>>(), ["b"]);
        needed.give_back(bits);
        needed.told(needed.take(1));
        needed.note(&held, &texts(&["b", "c"]));
        assert_eq!(scopes(&held, needed.take(1)).collect::<Vec<_>>(), ["c"]);
        needed.note(&held, &texts(&["b"]));
        assert_eq!(scopes(&held, needed.take(2)).collect::<Vec<_>>(), ["b"], "another day");
    }

    #[test]
    fn who_holds_more_than_are_kept_apart_is_no_trouble() {
        let (needed, held) = (Needed::default(), (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
        needed.note(&held, &held);
        assert_eq!(needed.take(1), u64::MAX);
    }
}
