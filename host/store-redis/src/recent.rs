//! What this host took from somebody a moment ago: a fail-over may lose it, and then it is done once more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use access_model::Shard;
use access_store::Commit;

/// So many of a shard are kept.
const MOST: usize = 256;
/// So long. Whoever fails over later than that has replicas that are not worth the name.
const KEPT: Duration = Duration::from_secs(60);

/// The latest commits of this host that narrowed.
#[derive(Debug)]
pub(crate) struct Recent {
    shards: Box<[Mutex<VecDeque<Deed>>]>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) commit: Arc<Commit>,
    pub(crate) number: u64,
    /// Of the history that has it.
    pub(crate) terms: String,
    /// In monotonic time.
    pub(crate) at: Duration,
}

impl Recent {
    pub(crate) fn new(shards: u8) -> Self {
        Self { shards: (0..shards).map(|_| Mutex::default()).collect() }
    }

    /// Keeps one more.
    pub(crate) fn keep(&self, deed: Deed) {
        let Some(mut deeds) = self.of(deed.commit.shard) else { return };
        if deeds.len() == MOST {
            deeds.pop_front();
        }
        deeds.push_back(deed);
    }

    /// Those of a shard, oldest first.
    pub(crate) fn deeds(&self, shard: Shard, now: Duration) -> Vec<Deed> {
        let Some(mut deeds) = self.of(shard) else { return Vec::new() };
        deeds.retain(|deed| now < deed.at + KEPT);
        deeds.iter().cloned().collect()
    }

    /// One has got another number, in another history.
    pub(crate) fn replayed(&self, deed: &Deed, number: u64, terms: &str) {
        let Some(mut deeds) = self.of(deed.commit.shard) else { return };
        if let Some(kept) = deeds.iter_mut().find(|kept| Arc::ptr_eq(&kept.commit, &deed.commit)) {
            kept.number = number;
            terms.clone_into(&mut kept.terms);
        }
    }

    fn of(&self, shard: Shard) -> Option<MutexGuard<'_, VecDeque<Deed>>> {
        let deeds = self.shards.get(usize::from(shard.number()))?;
        Some(deeds.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_for_a_minute() {
        let (recent, shard) = (Recent::new(1), Shard::PLATFORM);
        for number in 0..300 {
            let commit = Arc::new(Commit::new(shard));
            recent.keep(Deed { commit, number, terms: String::new(), at: Duration::from_millis(number) });
        }
        let deeds = recent.deeds(shard, Duration::ZERO);
        assert_eq!((deeds.len(), deeds[0].number), (MOST, 44));
        recent.replayed(&deeds[0], 1_000, "term:7 ");
        assert_eq!(recent.deeds(shard, KEPT)[0].number, 1_000);
        assert_eq!(recent.deeds(shard, KEPT + Duration::from_millis(298)).len(), 1);
    }
}
