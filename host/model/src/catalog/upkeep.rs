//! When people are reminded of a credential: days that a kind states.
//!
//! A reminder is told in stages. Where the clock has passed several at once (a host was off, a dev clock was moved), only the
//! latest is due: nobody is served by three letters that say the same.

use std::time::Duration;

use serde::Deserialize;

use crate::clock::Timestamp;

const DAY_MILLIS: i64 = 86_400_000;
/// Stages of one reminder at most, and the days that they may lie apart: a century.
const MOST_STAGES: usize = 16;
const MOST_DAYS: u32 = 36_500;

/// What a kind says of its credentials' upkeep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// When rotation is reminded of.
    pub rotation: RotationReminders,
    /// Days before its end at which that is reminded of, the earliest reminder first.
    pub expiry: Vec<u32>,
    /// How long no request may come with one before it counts as inactive; none: for ever.
    pub inactive: Option<Duration>,
}

/// Ages, in days, at which rotation is reminded of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationReminders {
    /// The first ones, ascending.
    #[serde(default)]
    pub days: Vec<u32>,
    /// From the last of those on, again and again after so many.
    #[serde(default)]
    pub then_every_days: Option<u32>,
}

/// A stage of a reminder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// When it is due.
    pub at: Timestamp,
    /// Its name: a number of days.
    pub name: String,
}

/// Where a reminder stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stages {
    /// The latest stage that is due.
    pub latest: Option<Stage>,
    /// The first that is not.
    pub next: Option<Stage>,
}

impl Upkeep {
    pub(super) fn check(&self) -> Result<(), String> {
        let RotationReminders { days, then_every_days } = &self.rotation;
        let in_range = |days: &u32| (1..=MOST_DAYS).contains(days);
        let stages = [days, &self.expiry];
        if stages.iter().any(|days| days.len() > MOST_STAGES || !days.iter().all(in_range)) {
            return Err(format!("reminders have {MOST_STAGES} stages at most, each of 1 to {MOST_DAYS} days"));
        }
        if !days.is_sorted_by(|one, other| one < other) || !self.expiry.is_sorted_by(|one, other| one > other) {
            return Err("rotation_reminders go up, expiry_reminders go down, and no day comes twice".to_owned());
        }
        if then_every_days.is_some_and(|every| days.is_empty() || !in_range(&every)) {
            return Err(format!("then_every_days is 1 to {MOST_DAYS}, and follows `days`"));
        }
        let whole_days = |length: Duration| length.as_secs() / 86_400;
        if self.inactive.is_some_and(|length| !(1..=u64::from(MOST_DAYS)).contains(&whole_days(length))) {
            return Err(format!("inactive_days must be 1 to {MOST_DAYS}"));
        }
        Ok(())
    }

    /// Where the reminder of rotating something stands that is in use since `since`.
    pub fn rotation_at(&self, since: Timestamp, now: Timestamp) -> Stages {
        let RotationReminders { days, then_every_days } = &self.rotation;
        let stage = |days: i64| stage(since.as_millis().saturating_add(days.saturating_mul(DAY_MILLIS)), days);
        let mut stages = Stages::of(days.iter().map(|days| stage(i64::from(*days))), now);
        if let (None, Some(every), Some(last)) = (&stages.next, then_every_days, days.last()) {
            let (every, last) = (i64::from(*every), i64::from(*last));
            let age = now.as_millis().saturating_sub(since.as_millis()) / DAY_MILLIS;
            let times = (age - last).div_euclid(every).max(0);
            stages =
                Stages { latest: Some(stage(last + times * every)), next: Some(stage(last + (times + 1) * every)) };
        }
        stages
    }

    /// Where the reminder of something's end stands that is there since `since`. A stage before that is none.
    pub fn expiry_at(&self, since: Timestamp, end: Timestamp, now: Timestamp) -> Stages {
        let before =
            |days: &u32| stage(end.as_millis().saturating_sub(i64::from(*days) * DAY_MILLIS), i64::from(*days));
        Stages::of(self.expiry.iter().map(before).filter(|stage| since < stage.at), now)
    }
}

impl Stages {
    fn of(stages: impl Iterator<Item = Stage>, now: Timestamp) -> Self {
        let mut found = Self::default();
        for stage in stages {
            if now < stage.at {
                found.next = Some(stage);
                break;
            }
            found.latest = Some(stage);
        }
        found
    }
}

fn stage(at: i64, days: i64) -> Stage {
    Stage { at: Timestamp::from_millis(at), name: days.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upkeep() -> Upkeep {
        Upkeep {
            rotation: RotationReminders { days: vec![76, 83, 90], then_every_days: Some(7) },
            expiry: vec![14, 3, 1],
            inactive: None,
        }
    }

    const fn day(day: i64) -> Timestamp {
        Timestamp::from_millis(day * DAY_MILLIS)
    }

    fn names(stages: &Stages) -> (&str, &str) {
        let name = |stage: &Option<Stage>| -> &'static str {
            stage.as_ref().map_or("", |stage| Box::leak(stage.name.clone().into_boxed_str()))
        };
        (name(&stages.latest), name(&stages.next))
    }

    #[test]
    fn rotation_is_reminded_of_at_the_stated_ages_and_weekly_after() {
        for (age, expected) in [
            (0, ("", "76")),
            (75, ("", "76")),
            (76, ("76", "83")),
            (82, ("76", "83")),
            (83, ("83", "90")),
            (90, ("90", "97")),
            (96, ("90", "97")),
            (97, ("97", "104")),
            (103, ("97", "104")),
            (400, ("398", "405")),
        ] {
            let stages = upkeep().rotation_at(day(0), day(age));
            assert_eq!(names(&stages), expected, "at {age} days");
        }
        let almost = Timestamp::from_millis(day(76).as_millis() - 1);
        assert_eq!(names(&upkeep().rotation_at(day(0), almost)), ("", "76"));
        assert_eq!(upkeep().rotation_at(day(5), day(5)).next.unwrap().at, day(81));
    }

    #[test]
    fn without_a_period_the_last_age_is_the_last() {
        let mut upkeep = upkeep();
        upkeep.rotation.then_every_days = None;
        assert_eq!(names(&upkeep.rotation_at(day(0), day(200))), ("90", ""));
        assert_eq!(Upkeep::default().rotation_at(day(0), day(200)), Stages::default());
    }

    #[test]
    fn an_end_is_reminded_of_before_it_and_not_before_the_beginning() {
        for (now, expected) in
            [(0, ("", "14")), (76, ("14", "3")), (86, ("14", "3")), (87, ("3", "1")), (89, ("1", "")), (95, ("1", ""))]
        {
            assert_eq!(names(&upkeep().expiry_at(day(0), day(90), day(now))), expected, "on day {now}");
        }
        assert_eq!(names(&upkeep().expiry_at(day(80), day(90), day(80))), ("", "3"), "a life of ten days");
        assert_eq!(upkeep().expiry_at(day(89), day(90), day(89)), Stages::default(), "a life of one");
    }
}
