//! How much of the machine a workspace's policies may take on a host, whatever they are and however often they are asked.
//! Times taken are processor time of the thread: on a busy machine, waiting for a turn is nobody's debt.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::authority::lock;

/// So much of each decision is free: about what asking for it takes on a busy machine, and some times what a policy of the
/// SDK does.
const FREE: Duration = Duration::from_micros(50);
/// Up to here on the average, decisions are made where their requests are served; longer ones in the slow lane.
const HERE: Duration = Duration::from_micros(200);
/// Of each second so much may be taken by what is not free: a quarter of a processor.
const ALLOWANCE: Duration = Duration::from_millis(250);
/// What is saved up of it at most.
const SAVED: Duration = Duration::from_millis(500);
/// Decisions that are in the slow lane at once, those that wait included.
const TURNS: u32 = 16;
/// What the last decision counts in the mean: one in so many.
const WEIGHT: u64 = 8;
/// What the last decision counts at most. That one took long may be the machine's doing, which took the processor away or had
/// the module's pages to fetch; it takes a few of them to leave where requests are served.
const COUNTED: Duration = Duration::from_micros(800);
/// Where the mean is above it, the processor time of each decision is measured.
const QUICK: Duration = Duration::from_micros(25);
/// A decision that was longer by the clock on the wall has the ones after it measured for so long.
const LONG: Duration = Duration::from_millis(1);
const WATCHED: Duration = Duration::from_secs(1);

/// What a workspace's policies take, and may still take.
#[derive(Debug)]
pub(crate) struct Pace {
    // Nanoseconds. Two that write at once lose one of the two, which is no matter.
    mean: AtomicU64,
    left: Mutex<Left>,
    // Whether there may be a debt, so that those without one need not look.
    owes: AtomicBool,
    // Nanoseconds of monotonic time.
    watched_until: AtomicU64,
    turns: Arc<Semaphore>,
}

/// Allowance left, which may be a debt, at an instant of monotonic time.
#[derive(Debug)]
struct Left {
    nanos: i64,
    at: Duration,
}

/// Where a decision is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Where its request is served.
    Here,
    /// In the slow lane.
    Lane,
    /// Nowhere: the allowance is used up.
    Overloaded,
}

impl Default for Pace {
    fn default() -> Self {
        let left = Left { nanos: nanos(SAVED), at: Duration::ZERO };
        let turns = Arc::new(Semaphore::new(TURNS as usize));
        let (mean, owes, watched_until) = (AtomicU64::new(0), AtomicBool::new(false), AtomicU64::new(0));
        Self { mean, left: Mutex::new(left), owes, watched_until, turns }
    }
}

impl Pace {
    /// Where the next decision is to be made, at an instant of monotonic time.
    pub(crate) fn way(&self, now: Duration) -> Way {
        if self.owes.load(Ordering::Relaxed) {
            let mut left = lock(&self.left);
            if left.at(now) <= 0 {
                return Way::Overloaded;
            }
            self.owes.store(false, Ordering::Relaxed);
        }
        if Duration::from_nanos(self.mean.load(Ordering::Relaxed)) <= HERE { Way::Here } else { Way::Lane }
    }

    /// Takes a turn in the slow lane: any of them, or all at once. `None`: they are taken.
    pub(crate) fn turn(&self, is_alone: bool) -> Option<OwnedSemaphorePermit> {
        let turns = if is_alone { TURNS } else { 1 };
        Arc::clone(&self.turns).try_acquire_many_owned(turns).ok()
    }

    /// Whether it is worth measuring the processor time of a decision that begins at `now`, an instant of monotonic time.
    pub(crate) fn is_watched(&self, now: Duration) -> bool {
        Duration::from_nanos(self.mean.load(Ordering::Relaxed)) > QUICK
            || now < Duration::from_nanos(self.watched_until.load(Ordering::Relaxed))
    }

    /// Notes that so much time passed while a decision was made whose processor time was not measured. Much of it may have been
    /// the machine's doing, so that it is never charged; but the next ones are measured then.
    pub(crate) fn passed(&self, time: Duration, now: Duration) {
        self.count(time.min(HERE));
        if time > LONG {
            let until = u64::try_from((now + WATCHED).as_nanos()).unwrap_or(u64::MAX);
            self.watched_until.store(until, Ordering::Relaxed);
        }
    }

    fn count(&self, time: Duration) {
        let counted = u64::try_from(time.as_nanos()).unwrap_or_default();
        let mean = self.mean.load(Ordering::Relaxed);
        self.mean.store(mean - mean / WEIGHT + counted / WEIGHT, Ordering::Relaxed);
    }

    /// Notes the processor time that a decision took which ended at `now`, an instant of monotonic time.
    pub(crate) fn took(&self, time: Duration, now: Duration) {
        self.count(time.min(COUNTED));
        if time > FREE {
            let mut left = lock(&self.left);
            left.at(now);
            left.nanos = left.nanos.saturating_sub(nanos(time.saturating_sub(FREE)));
            if left.nanos <= 0 {
                self.owes.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Left {
    fn at(&mut self, now: Duration) -> i64 {
        let passed = now.saturating_sub(self.at).min(Duration::from_secs(3_600));
        let earned = nanos(passed) / 1_000 * nanos(ALLOWANCE) / 1_000_000;
        if earned > 0 {
            self.nanos = self.nanos.saturating_add(earned).min(nanos(SAVED));
            self.at = now;
        }
        self.nanos
    }
}

fn nanos(of: Duration) -> i64 {
    i64::try_from(of.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// The ways of decisions that take `micros` each, one after the other from a second on, until a second has passed.
    fn ways(micros: u64) -> Vec<Way> {
        let pace = Pace::default();
        let mut now = at(1_000);
        let mut ways = Vec::new();
        while now < at(2_000) {
            let way = pace.way(now);
            ways.push(way);
            now += Duration::from_micros(if way == Way::Overloaded { 50 } else { micros });
            if way != Way::Overloaded {
                pace.took(Duration::from_micros(micros), now);
            }
        }
        ways
    }

    #[test]
    fn quick_policies_are_free_and_others_have_an_allowance() {
        assert!(ways(20).iter().all(|way| *way == Way::Here));
        for (micros, where_to) in [(190, Way::Here), (2_000, Way::Lane), (20_000, Way::Lane)] {
            let ways = ways(micros);
            let made = ways.iter().filter(|way| **way != Way::Overloaded).count() as u64;
            // What is saved up, and what the second gave; the last one may go over it.
            assert!((700..=800).contains(&(made * (micros - 50) / 1_000)), "{micros} µs: {made}");
            assert!(ways.iter().skip(20).all(|way| [where_to, Way::Overloaded].contains(way)), "{micros} µs");
        }
    }

    #[test]
    fn what_was_not_measured_is_not_charged_and_has_the_next_ones_measured() {
        let pace = Pace::default();
        (0..100).for_each(|_| pace.passed(Duration::from_micros(20), at(1_000)));
        assert!(!pace.is_watched(at(1_000)), "what is quick needs no measuring");
        pace.passed(Duration::from_micros(150), at(1_000));
        assert!(pace.is_watched(at(1_000)));
        (0..10).for_each(|_| pace.took(Duration::from_micros(10), at(1_000)));
        assert!(!pace.is_watched(at(1_000)), "it was the machine's doing");
        (0..3).for_each(|_| pace.passed(at(500), at(1_000)));
        assert_eq!(pace.way(at(1_000)), Way::Here);
        (0..50).for_each(|_| pace.took(Duration::from_micros(10), at(1_500)));
        assert!(pace.is_watched(at(1_999)) && !pace.is_watched(at(2_000)));
    }

    #[test]
    fn what_was_slow_and_is_quick_comes_back() {
        let pace = Pace::default();
        (0..8).for_each(|_| pace.took(at(20), at(1_000)));
        assert_eq!(pace.way(at(1_000)), Way::Lane);
        (0..40).for_each(|_| pace.took(Duration::from_micros(5), at(1_001)));
        assert_eq!(pace.way(at(1_001)), Way::Here);
    }

    #[test]
    fn one_that_takes_long_now_and_then_stays_and_is_charged() {
        let pace = Pace::default();
        let mut now = at(1_000);
        for decision in 0..=120 {
            assert_eq!(pace.way(now), Way::Here, "decision {decision}");
            let time = if decision % 20 == 0 { at(80) } else { Duration::from_micros(20) };
            pace.took(time, now);
            now += Duration::from_micros(50);
        }
        assert_eq!(pace.way(now), Way::Overloaded, "seven of them, of 80 ms each");
    }

    #[test]
    fn a_debt_is_paid_before_the_next() {
        let pace = Pace::default();
        (0..4).for_each(|_| pace.took(at(500), at(1_000)));
        assert_eq!((pace.way(at(1_001)), pace.way(at(6_900))), (Way::Overloaded, Way::Overloaded));
        assert_eq!(pace.way(at(7_100)), Way::Lane);
    }

    #[test]
    fn whoever_must_be_alone_is() {
        let pace = Pace::default();
        let one = pace.turn(false);
        assert!(one.is_some() && pace.turn(true).is_none() && pace.turn(false).is_some());
        drop(one);
        let alone = pace.turn(true);
        assert!(alone.is_some() && pace.turn(false).is_none());
    }
}
