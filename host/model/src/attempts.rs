//! Counting attempts at somebody's secret, so that guessing ends soon: what is stored of it, and how it goes on.
//!
//! An attempt is counted before the secret is looked at, and forgotten when that was right. So attempts at the same time are no
//! way round the limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Attempts at one thing: an account's password, a member's second factor, anything from one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// In this window, those counted that are still being looked at.
    count: u32,
    /// When the window began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// Nothing is looked at before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locked_until: Option<Timestamp>,
    /// How often it was locked since the last time that something was right.
    #[serde(default)]
    lockouts: u32,
}

/// How many, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Attempts in a window; the last of them locks.
    pub attempts: u32,
    /// The window, from the first of them on.
    pub window: Duration,
    /// How long it is locked the first time; each time after that, twice as long.
    pub lockout: Duration,
    /// How long at most.
    pub most: Duration,
}

/// It is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there were too many attempts")]
pub struct Locked {
    /// Until then.
    pub until: Timestamp,
}

impl Attempts {
    /// Counts one more.
    ///
    /// # Errors
    /// [`Locked`]: it is not to be looked at, right or wrong.
    pub fn count(self, limits: &AttemptLimits, now: Timestamp) -> Result<Self, Locked> {
        if let Some(until) = self.locked_until.filter(|until| now < *until) {
            return Err(Locked { until });
        }
        let is_open = self.locked_until.is_none() && self.since.is_some_and(|since| now < since.plus(limits.window));
        let mut next = if is_open {
            self
        } else {
            let lockouts = if now < self.forget_after(limits) { self.lockouts } else { 0 };
            Self { count: 0, since: Some(now), locked_until: None, lockouts }
        };
        next.count = next.count.saturating_add(1);
        if next.count >= limits.attempts {
            let doubled = 2_u32.saturating_pow(next.lockouts);
            next.lockouts = next.lockouts.saturating_add(1);
            next.locked_until = Some(now.plus(limits.lockout.saturating_mul(doubled).min(limits.most)));
        }
        Ok(next)
    }

    /// Takes one back, which was no attempt at guessing after all.
    #[must_use]
    pub fn take_back(mut self, limits: &AttemptLimits) -> Self {
        self.count = self.count.saturating_sub(1);
        if self.count < limits.attempts && self.locked_until.take().is_some() {
            self.lockouts = self.lockouts.saturating_sub(1);
        }
        self
    }

    /// Until when it is locked, by the attempt that was just counted or those before.
    pub const fn locked_until(&self) -> Option<Timestamp> {
        self.locked_until
    }

    /// When nobody needs to know of it any more: that it was locked is remembered as long as the longest lockout.
    pub fn forget_after(&self, limits: &AttemptLimits) -> Timestamp {
        let window = self.since.map_or(Timestamp::from_millis(0), |since| since.plus(limits.window));
        match self.locked_until {
            Some(until) => until.max(window).plus(limits.most),
            None if self.lockouts > 0 => window.plus(limits.most),
            None => window,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    const LIMITS: AttemptLimits = AttemptLimits {
        attempts: 3,
        window: Duration::from_secs(15 * MINUTE),
        lockout: Duration::from_secs(15 * MINUTE),
        most: Duration::from_secs(50 * MINUTE),
    };

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000).plus(Duration::from_secs(minutes * MINUTE))
    }

    fn counted(mut attempts: Attempts, times: u32, now: Timestamp) -> Attempts {
        for _ in 0..times {
            attempts = attempts.count(&LIMITS, now).unwrap();
        }
        attempts
    }

    #[test]
    fn the_last_of_them_locks_and_is_looked_at_itself() {
        let locked = counted(Attempts::default(), 3, at(0));
        assert_eq!(locked.locked_until(), Some(at(15)));
        assert_eq!(locked.clone().count(&LIMITS, at(14)).unwrap_err(), Locked { until: at(15) });
        assert_eq!(locked.count(&LIMITS, at(15)).unwrap().locked_until(), None);
    }

    #[test]
    fn each_lockout_is_twice_as_long_up_to_the_most() {
        let mut attempts = counted(Attempts::default(), 3, at(0));
        for (begins, ends) in [(15, 45), (45, 95), (95, 145)] {
            attempts = counted(attempts, 3, at(begins));
            assert_eq!(attempts.locked_until(), Some(at(ends)));
        }
        let forgotten = counted(attempts, 3, at(145 + 50));
        assert_eq!(forgotten.locked_until(), Some(at(145 + 50 + 15)), "it begins again when it was long ago");
    }

    #[test]
    fn a_window_that_is_over_counts_for_nothing() {
        let two = counted(Attempts::default(), 2, at(0));
        assert_eq!(counted(two.clone(), 2, at(15)).locked_until(), None);
        assert!(counted(two, 1, at(14)).locked_until().is_some());
    }

    #[test]
    fn one_that_is_taken_back_was_never_there() {
        let two = counted(Attempts::default(), 2, at(0));
        let back = counted(two.clone(), 1, at(1)).take_back(&LIMITS);
        assert_eq!(back, two);
        assert_eq!(Attempts::default().take_back(&LIMITS), Attempts::default());
    }

    #[test]
    fn it_is_remembered_as_long_as_it_matters() {
        assert_eq!(counted(Attempts::default(), 1, at(0)).forget_after(&LIMITS), at(15));
        let locked = counted(Attempts::default(), 3, at(0));
        assert_eq!(locked.forget_after(&LIMITS), at(15 + 50));
        assert_eq!(counted(locked, 1, at(15)).forget_after(&LIMITS), at(30 + 50));
    }
}
