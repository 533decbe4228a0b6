//! Quarantine: a policy that exceeds its budget again and again is asked by one request at a time, and the others are denied
//! `policy_overloaded`, until it has paused. Then it is tried again, and the next excess is one too many.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What an excess adds, and an evaluation within the budget takes away again: one.
const EXCESS: u32 = 16;
/// So much is too much: five in a row, or as many of a few dozen.
const TOO_MUCH: u32 = 5 * EXCESS;
/// The first pause. Each that follows without an end to it is twice as long.
pub(super) const PAUSE: Duration = Duration::from_secs(10);
/// Pauses don't get longer than PAUSE times two to the power of this.
const DOUBLINGS: u32 = 5;

/// How far a policy is from quarantine on this host, or from its end.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    heat: AtomicU32,
    // Milliseconds of monotonic time; 0 is never.
    until: AtomicU64,
    pauses: AtomicU32,
}

impl Quarantine {
    /// Whether it is in quarantine, at an instant of monotonic time.
    pub(crate) fn is_on(&self, now: Duration) -> bool {
        self.left(now).is_some()
    }

    /// For how long it still is.
    pub(crate) fn left(&self, now: Duration) -> Option<Duration> {
        Duration::from_millis(self.until.load(Ordering::Relaxed)).checked_sub(now).filter(|left| !left.is_zero())
    }

    /// Notes an evaluation within the budget.
    pub(crate) fn kept(&self) {
        let heat = self.heat.load(Ordering::Relaxed);
        match heat {
            0 => {}
            1 => {
                self.heat.store(0, Ordering::Relaxed);
                self.pauses.store(0, Ordering::Relaxed);
            }
            heat => self.heat.store(heat - 1, Ordering::Relaxed),
        }
    }

    /// Notes an evaluation that exceeded the budget; for how long it is in quarantine, if that was one too many.
    pub(crate) fn exceeded(&self, now: Duration) -> Option<Duration> {
        if self.is_on(now) {
            return None;
        }
        let heat = self.heat.fetch_add(EXCESS, Ordering::Relaxed).saturating_add(EXCESS);
        if heat < TOO_MUCH {
            return None;
        }
        // Half open afterwards: the next one is one too many again.
        self.heat.store(TOO_MUCH - EXCESS, Ordering::Relaxed);
        let pause = PAUSE * 2_u32.pow(self.pauses.fetch_add(1, Ordering::Relaxed).min(DOUBLINGS));
        let until = u64::try_from((now + pause).as_millis()).unwrap_or(u64::MAX);
        self.until.store(until, Ordering::Relaxed);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn five_in_a_row_are_too_many_and_then_each_is() {
        let quarantine = Quarantine::default();
        assert!((0..4).all(|_| quarantine.exceeded(at(1)).is_none()));
        assert!(!quarantine.is_on(at(1)));
        assert_eq!(quarantine.exceeded(at(1)), Some(at(10)));
        assert!(quarantine.is_on(at(10)) && !quarantine.is_on(at(11)));
        assert_eq!(quarantine.exceeded(at(5)), None, "it is in quarantine already");
        assert_eq!(quarantine.exceeded(at(12)), Some(at(20)), "half open");
        assert_eq!(quarantine.exceeded(at(40)), Some(at(40)));
    }

    #[test]
    fn pauses_have_an_end() {
        let quarantine = Quarantine::default();
        let mut now = at(1);
        let pauses: Vec<_> = (0..30)
            .filter_map(|_| {
                now += at(1_000);
                quarantine.exceeded(now)
            })
            .collect();
        assert_eq!((pauses.len(), pauses.last()), (26, Some(&at(320))));
    }

    #[test]
    fn what_keeps_its_budget_is_forgiven() {
        let quarantine = Quarantine::default();
        (0..5).for_each(|_| {
            let _ = quarantine.exceeded(at(1));
        });
        (0..TOO_MUCH).for_each(|_| quarantine.kept());
        assert!((0..4).all(|_| quarantine.exceeded(at(100)).is_none()));
        assert_eq!(quarantine.exceeded(at(100)), Some(at(10)), "and the pause is the first again");
        // One in forty is no trouble, one in ten is.
        let seldom = Quarantine::default();
        assert!((0..400).all(|turn| match turn % 40 {
            0 => seldom.exceeded(at(1)).is_none(),
            _ => {
                seldom.kept();
                true
            }
        }));
    }
}
