//! How long what was read can be believed, where other hosts write to the same store.
//!
//! A backend that hears of other hosts' commits by announcements proves again and again that it has heard all of them, and
//! writes down here until when that proof holds. Readers of caches look at one number.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use access_model::Shard;

/// Until when what was read from each shard, and not told of as touched since, can be believed.
#[derive(Debug)]
pub struct Freshness {
    shards: Box<[OfShard]>,
    skew_millis: AtomicI64,
}

#[derive(Debug, Default)]
struct OfShard {
    /// Microseconds of monotonic time. Zero: never proven.
    until: AtomicU64,
    applied: AtomicU64,
}

impl Freshness {
    /// Of a store with so many shards, none of them fresh yet.
    pub fn new(shards: u8) -> Self {
        Self { shards: (0..shards).map(|_| OfShard::default()).collect(), skew_millis: AtomicI64::new(0) }
    }

    /// Until when the shard is fresh, in monotonic time; zero when that was never proven. A shard that the store doesn't have is
    /// fresh for ever: nothing is there, and nothing can be put there.
    pub fn until(&self, shard: Shard) -> Duration {
        let of = self.shards.get(usize::from(shard.number()));
        Duration::from_micros(of.map_or(u64::MAX, |of| of.until.load(Ordering::Acquire)))
    }

    /// Whether all shards are fresh at `now`, in monotonic time.
    pub fn is_whole(&self, now: Duration) -> bool {
        self.shards.iter().all(|of| now < Duration::from_micros(of.until.load(Ordering::Acquire)))
    }

    /// Every announced commit to the shard up to number `applied` has been heard, and that holds until `until`. A proof
    /// never shortens an earlier one.
    pub fn prove(&self, shard: Shard, applied: u64, until: Duration) {
        if let Some(of) = self.shards.get(usize::from(shard.number())) {
            of.applied.store(applied, Ordering::Release);
            let micros = u64::try_from(until.as_micros()).unwrap_or(u64::MAX);
            of.until.fetch_max(micros, Ordering::AcqRel);
        }
    }

    /// An announcement has been heard and told of: everything up to number `applied` has.
    pub fn heard(&self, shard: Shard, applied: u64) {
        if let Some(of) = self.shards.get(usize::from(shard.number())) {
            of.applied.store(applied, Ordering::Release);
        }
    }

    /// The number of the last announced commit to each shard that has been heard of, by shard.
    pub fn applied(&self) -> Vec<u64> {
        self.shards.iter().map(|of| of.applied.load(Ordering::Acquire)).collect()
    }

    /// The store's wall clock minus this host's, in milliseconds. The dev offset is in neither.
    pub fn skew_millis(&self) -> i64 {
        self.skew_millis.load(Ordering::Relaxed)
    }

    /// The skew was measured.
    pub fn set_skew_millis(&self, skew: i64) {
        self.skew_millis.store(skew, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_its_shard_and_time() {
        let freshness = Freshness::new(2);
        let (first, second) = (Shard::PLATFORM, Shard::new(1).unwrap());
        assert_eq!(freshness.until(first), Duration::ZERO);
        freshness.prove(first, 7, Duration::from_millis(1_500));
        assert_eq!((freshness.until(first), freshness.until(second)), (Duration::from_millis(1_500), Duration::ZERO));
        assert!(!freshness.is_whole(Duration::ZERO));
        freshness.prove(second, 3, Duration::from_millis(900));
        assert!(freshness.is_whole(Duration::from_millis(899)) && !freshness.is_whole(Duration::from_millis(900)));
        freshness.prove(first, 8, Duration::from_millis(1_000));
        assert_eq!(freshness.until(first), Duration::from_millis(1_500));
        assert!(freshness.until(Shard::new(2).unwrap()) > Duration::from_secs(1 << 40), "nothing can change there");
        freshness.heard(second, 4);
        assert_eq!(freshness.applied(), [8, 4]);
    }
}
