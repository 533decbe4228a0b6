//! Mails on their way: which event, to whom, how often that is tried, and when it is given up.
//!
//! What a mail says is worked out from its event when it is sent, and its id from the event's and the member's, so that whoever
//! gets it twice can see that it is one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::{EventKind, Severity};
use crate::id::Id;
use crate::webhook::matches;

/// Waits between attempts, in seconds: eight attempts within some 23 hours.
const WAITS: [u64; 7] = [60, 300, 900, 3_600, 10_800, 21_600, 43_200];
/// When a mail is forgotten whatever became of it, from when it came to be.
pub const FORGOTTEN: Duration = Duration::from_secs(7 * 86_400);
/// Members that are written to about one event: those that came first.
pub const MOST_RECIPIENTS: usize = 20;
/// Events of one organization that are mailed in an hour, and alerts, which are counted by themselves. The others are listed, as
/// all are.
pub const MOST_AN_HOUR: u32 = 100;

/// An event on its way to a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// What it tells of.
    pub event: Id,
    /// To whom.
    pub member: Id,
    /// Attempts so far.
    pub tries: u32,
    /// When it is tried next.
    pub next_at: Timestamp,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// How many events of an organization were mailed lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// The hour, counted since 1970.
    pub hour: i64,
    /// Events in it.
    pub events: u32,
}

impl Mail {
    /// One that is due.
    pub const fn new(event: Id, member: Id, now: Timestamp) -> Self {
        Self { event, member, tries: 0, next_at: now, created_at: now }
    }

    /// Whether it is tried at this instant.
    pub fn is_due_at(&self, now: Timestamp) -> bool {
        self.next_at <= now
    }

    /// What it is after an attempt that failed at `now`; none: it is given up. `spread` of 1000 is where within a fifth more or
    /// less the next wait lies.
    #[must_use]
    pub fn put_off(self, spread: u32, now: Timestamp) -> Option<Self> {
        let seconds = usize::try_from(self.tries).ok().and_then(|tries| WAITS.get(tries))?;
        let wait = Duration::from_millis(seconds * (800 + u64::from(spread.min(1_000)) * 400 / 1_000));
        Some(Self { tries: self.tries.saturating_add(1), next_at: now.plus(wait), ..self })
    }
}

impl Pace {
    /// One event more at `now`; none: there were enough.
    #[must_use]
    pub fn count(self, now: Timestamp) -> Option<Self> {
        let hour = now.as_millis().div_euclid(3_600_000);
        let events = if self.hour == hour { self.events } else { 0 };
        (events < MOST_AN_HOUR).then(|| Self { hour, events: events.saturating_add(1) })
    }
}

/// Whether an organization wants to be written to about a kind of event: by its own patterns, or, where it has none, about what asks
/// for something to be done.
pub fn is_wanted(patterns: Option<&[String]>, kind: EventKind) -> bool {
    patterns.map_or(kind.row().severity > Severity::Info, |patterns| {
        patterns.iter().any(|pattern| matches(pattern, kind.name()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    #[test]
    fn it_is_tried_eight_times_within_about_a_day() {
        for spread in [0, 500, 1_000] {
            let (event, member) =
                ("evt_000000000000000000".parse().unwrap(), "mem_000000000000000000".parse().unwrap());
            let (mut mail, mut attempts) = (Mail::new(event, member, NOW), 1);
            while let Some(later) = mail.clone().put_off(spread, mail.next_at) {
                assert!(!later.is_due_at(mail.next_at) && later.is_due_at(later.next_at));
                (mail, attempts) = (later, attempts + 1);
            }
            let hours = (mail.next_at.as_millis() - NOW.as_millis()) / 3_600_000;
            assert_eq!(attempts, 8);
            assert!((17..=27).contains(&hours), "{hours} hours");
        }
    }

    #[test]
    fn an_organization_is_written_to_so_often_in_an_hour() {
        let mut pace = Pace::default();
        for _ in 0..MOST_AN_HOUR {
            pace = pace.count(NOW).unwrap();
        }
        assert_eq!(pace.count(NOW), None);
        assert_eq!(pace.count(NOW.plus(Duration::from_secs(3_600))).map(|pace| pace.events), Some(1));
    }

    #[test]
    fn where_nothing_is_said_what_asks_for_something_is_mailed() {
        let own = ["key.*".to_owned(), "policy.published".to_owned()];
        for (kind, by_default, by_own) in [
            (EventKind::KeyInactive, true, true),
            (EventKind::KeyIssued, false, true),
            (EventKind::WebhookDisabled, true, false),
            (EventKind::PolicyPublished, false, true),
            (EventKind::MemberRoleChanged, true, false),
        ] {
            assert_eq!((is_wanted(None, kind), is_wanted(Some(&own), kind)), (by_default, by_own), "{}", kind.name());
            assert!(!is_wanted(Some(&[]), kind));
        }
    }
}
