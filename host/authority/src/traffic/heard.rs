//! What was heard of a credential since the store was told: beside the cached entry, and without a lock for the few addresses
//! that most credentials are used from.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use super::origin::Origin;
use crate::authority::lock;

/// Addresses that are counted without a lock.
const FEW: usize = 4;
/// Addresses, and then networks, that are kept apart between two ticks.
const MOST_ADDRESSES: usize = 256;
const MOST_NETWORKS: usize = 512;
/// Codes that are kept apart between two ticks.
const MOST_CODES: usize = 64;
/// What is counted of codes beyond them.
pub(super) const OTHER: &str = "other";

/// Requests that the store has not been told of.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    few: [OnceLock<Few>; FEW],
    more: Mutex<HashMap<Origin, Sums>>,
    codes: Mutex<BTreeMap<String, u32>>,
}

/// Requests from one address. It stays the slot's for as long as the credential is remembered.
#[derive(Debug)]
struct Few {
    client: Option<IpAddr>,
    allowed: AtomicU32,
    denied: AtomicU32,
}

/// How many there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) allowed: u32,
    pub(crate) denied: u32,
}

/// What is to be told.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(super) origins: Vec<(Origin, Sums)>,
    pub(super) codes: BTreeMap<String, u32>,
}

impl Heard {
    /// Counts a request from `client`: allowed, or denied with this code first.
    pub(crate) fn count(&self, client: Option<IpAddr>, code: Option<&str>) {
        if let Some(code) = code {
            count_code(&mut lock(&self.codes), code, 1);
        }
        for slot in &self.few {
            let few = slot.get_or_init(|| Few { client, allowed: AtomicU32::new(0), denied: AtomicU32::new(0) });
            if few.client == client {
                let counter = if code.is_none() { &few.allowed } else { &few.denied };
                counter.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        let sums = Sums { allowed: u32::from(code.is_none()), denied: u32::from(code.is_some()) };
        add(&mut lock(&self.more), Origin::of(client), sums);
    }

    /// What is to be told. What comes from here on waits for the next time.
    pub(crate) fn take(&self) -> Taken {
        let taken = |counter: &AtomicU32| counter.swap(0, Ordering::AcqRel);
        let few = self.few.iter().filter_map(OnceLock::get);
        let few =
            few.map(|few| (Origin::of(few.client), Sums { allowed: taken(&few.allowed), denied: taken(&few.denied) }));
        let more = std::mem::take(&mut *lock(&self.more));
        let origins = few.chain(more).filter(|(_, sums)| *sums != Sums::default()).collect();
        Taken { origins, codes: std::mem::take(&mut *lock(&self.codes)) }
    }

    /// Takes back what could not be told.
    pub(crate) fn give_back(&self, taken: Taken) {
        let mut more = lock(&self.more);
        for (origin, sums) in taken.origins {
            add(&mut more, origin, sums);
        }
        drop(more);
        let mut codes = lock(&self.codes);
        for (code, count) in taken.codes {
            count_code(&mut codes, &code, count);
        }
    }
}

fn add(more: &mut HashMap<Origin, Sums>, origin: Origin, sums: Sums) {
    let place = origin.among(|known| more.contains_key(known), more.len(), MOST_ADDRESSES, MOST_NETWORKS);
    let sum = more.entry(place).or_default();
    sum.allowed = sum.allowed.saturating_add(sums.allowed);
    sum.denied = sum.denied.saturating_add(sums.denied);
}

fn count_code(codes: &mut BTreeMap<String, u32>, code: &str, count: u32) {
    if let Some(sum) = codes.get_mut(code) {
        *sum = sum.saturating_add(count);
    } else {
        let place = if codes.len() < MOST_CODES { code } else { OTHER };
        let sum = codes.entry(place.to_owned()).or_default();
        *sum = sum.saturating_add(count);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> Option<IpAddr> {
        Some(Ipv4Addr::from_bits(0x0a00_0000 + number).into())
    }

    #[test]
    fn what_is_taken_is_what_was_heard() {
        let heard = Heard::default();
        for number in 0..6 {
            heard.count(address(number), None);
            heard.count(address(number), Some("missing_scope"));
        }
        heard.count(None, Some("rate_limited"));
        let taken = heard.take();
        assert_eq!(taken.origins.len(), 7);
        let of = |number| taken.origins.iter().find(|(origin, _)| *origin == Origin::of(address(number))).unwrap().1;
        assert!((0..6).all(|number| of(number) == Sums { allowed: 1, denied: 1 }));
        assert_eq!(
            taken.codes.iter().map(|(code, n)| (code.as_str(), *n)).collect::<Vec<_>>(),
            [("missing_scope", 6), ("rate_limited", 1),]
        );
        assert!(heard.take().origins.is_empty(), "told once");
        heard.give_back(taken);
        heard.count(address(0), None);
        let again = heard.take();
        let allowed: u32 = again.origins.iter().map(|(_, sums)| sums.allowed).sum();
        assert_eq!((allowed, again.codes["missing_scope"]), (7, 6));
    }

    #[test]
    fn a_flood_of_addresses_and_codes_takes_so_much_and_no_more() {
        let heard = Heard::default();
        for number in 0..200_000 {
            heard.count(address(number * 7), Some(&format!("code_{}", number % 1_000)));
        }
        let taken = heard.take();
        assert!(taken.origins.len() <= FEW + MOST_NETWORKS + 1, "{}", taken.origins.len());
        assert_eq!(taken.origins.iter().map(|(_, sums)| sums.denied).sum::<u32>(), 200_000);
        assert!(taken.codes.len() <= MOST_CODES + 1 && taken.codes.contains_key(OTHER));
        assert_eq!(taken.codes.values().sum::<u32>(), 200_000);
    }

    #[test]
    fn eight_threads_lose_nothing() {
        let heard = Heard::default();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let heard = &heard;
                scope.spawn(move || (0..5_000).for_each(|at| heard.count(address((at + thread) % 9), None)));
            }
        });
        assert_eq!(heard.take().origins.iter().map(|(_, sums)| sums.allowed).sum::<u32>(), 40_000);
    }
}
