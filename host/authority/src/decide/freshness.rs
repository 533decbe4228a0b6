//! Whether what is cached can be believed, and the outage rule of each kind for when it can't.
//!
//! Where other hosts write to the same store, a cached entry holds as long as this host has proven that it hears of every
//! change (`access_store::Freshness`). After that the catalog's rule for the kind stands in: deny, or go on for a stated time
//! on what was last known. Never a read from somewhere else.

use access_model::{Kind, Shard};

use crate::authority::Authority;
use crate::error::Error;

/// What this host knows of other hosts' changes.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The number of the last announced commit that it has heard of, by shard.
    pub applied: Vec<u64>,
    /// Whether it has proven of late, for every shard, that this was all.
    pub is_fresh: bool,
    /// The store's wall clock minus this host's.
    pub skew_millis: i64,
}

impl Authority {
    /// What this host knows of other hosts' changes; `None` where no other host can make any.
    pub fn heard(&self) -> Option<Heard> {
        let freshness = self.freshness.as_ref()?;
        Some(Heard {
            applied: freshness.applied(),
            is_fresh: freshness.is_whole(self.clock.monotonic()),
            skew_millis: freshness.skew_millis(),
        })
    }

    /// Counts a second in which this host can't believe what it remembers, if it is one.
    pub(crate) fn count_freshness(&self) {
        if self.freshness.as_ref().is_some_and(|freshness| !freshness.is_whole(self.clock.monotonic())) {
            self.numbers.not_fresh.increment(1);
        }
    }

    /// Whether cached entries of the shard can be believed.
    pub(crate) fn is_fresh(&self, shard: Shard) -> bool {
        self.freshness.as_ref().is_none_or(|freshness| self.clock.monotonic() < freshness.until(shard))
    }

    /// Refuses to look at cached entries that can't be believed.
    pub(crate) fn check_fresh(&self, shard: Shard) -> Result<(), Error> {
        if self.is_fresh(shard) { Ok(()) } else { Err(Error::StoreUnavailable) }
    }

    /// Whether a cached credential of this kind may be decided about: it can be believed, or the kind's outage rule lets the
    /// host go on.
    pub(crate) fn may_decide_on_cached(&self, shard: Shard, kind: &Kind) -> bool {
        self.freshness.as_ref().is_none_or(|freshness| self.clock.monotonic() < freshness.until(shard) + kind.outage)
    }

    /// Whether requests of this kind are counted by this host for itself when the store grants no lease.
    pub(crate) fn may_count_alone(&self, shard: Shard, kind: &Kind) -> bool {
        self.freshness.is_some() && !kind.outage.is_zero() && self.may_decide_on_cached(shard, kind)
    }
}
