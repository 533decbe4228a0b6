//! Messages and their deliveries: what an endpoint is told, how often that is tried, and when it is given up.
//!
//! A message's bytes are fixed when it comes to be, and so is its id: whoever gets it twice knows it again. A delivery is one
//! message on its way to one endpoint: pending → delivered, or failed; held while its endpoint is disabled; pending again when
//! somebody replays it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::Id;

/// Waits between attempts, in seconds: eleven attempts within some 75 hours.
const WAITS: [u64; 10] = [5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// The longest that a receiver may put an attempt off.
pub const MOST_RETRY_AFTER: Duration = Duration::from_secs(86_400);
/// Attempts that are remembered of a delivery: the latest.
pub const MOST_ATTEMPTS: usize = 22;
/// Bytes of a message's body.
pub const MOST_BODY: usize = 64 * 1024;

/// What endpoints are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Public id: the same in every attempt.
    pub id: Id,
    /// Whose.
    pub workspace: Id,
    /// Its type, for example `key.inactive`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is sent, to the byte.
    pub body: String,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// A message on its way to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Public id.
    pub id: Id,
    /// To whom.
    pub webhook: Id,
    /// Whose.
    pub workspace: Id,
    /// What.
    pub message: Id,
    /// The message's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts since it began, or was last replayed.
    pub tries: u32,
    /// The first of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_try_at: Option<Timestamp>,
    /// Attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is tried again.
    Pending {
        /// When.
        next_at: Timestamp,
    },
    /// It came through.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// It did not, and is not tried again by itself.
    Failed {
        /// Since when.
        at: Timestamp,
    },
    /// It waits for somebody to enable its endpoint and replay it.
    Held {
        /// Since when.
        at: Timestamp,
    },
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub duration_ms: u64,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: AttemptOutcome,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// The receiver answered.
    Answered {
        /// Its status.
        status: u16,
        /// How its answer begins.
        begins: String,
    },
    /// It did not: one word for why.
    Failed(String),
}

impl AttemptOutcome {
    /// Whether the receiver has it.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Answered { status: 200..=299, .. })
    }

    /// Whether the receiver says that nobody is there any more.
    pub const fn is_gone(&self) -> bool {
        matches!(self, Self::Answered { status: 410, .. })
    }
}

impl Delivery {
    /// Whether it is tried at this instant.
    pub fn is_due_at(&self, now: Timestamp) -> bool {
        matches!(self.state, DeliveryState::Pending { next_at } if next_at <= now)
    }

    /// When something is to be done about it: the next attempt, or forgetting it, where it is kept for so long.
    pub fn due_at(&self, kept: Duration) -> Timestamp {
        match self.state {
            DeliveryState::Pending { next_at } => next_at,
            _ => self.created_at.plus(kept),
        }
    }

    /// Whether nobody needs it any more.
    pub fn is_over_at(&self, now: Timestamp, kept: Duration) -> bool {
        !matches!(self.state, DeliveryState::Pending { .. }) && self.created_at.plus(kept) <= now
    }

    /// What it is after an attempt that ended at `now`. `retry_after` is what the receiver asked for, `spread` of 1000 is
    /// where within a fifth more or less the next wait lies.
    #[must_use]
    pub fn after(mut self, attempt: Attempt, retry_after: Option<Duration>, spread: u32, now: Timestamp) -> Self {
        self.first_try_at = self.first_try_at.or(Some(attempt.at));
        let next = usize::try_from(self.tries).ok().and_then(|tries| WAITS.get(tries)).copied();
        self.tries = self.tries.saturating_add(1);
        self.state = if attempt.outcome.is_success() {
            DeliveryState::Delivered { at: now }
        } else if let (Some(seconds), false) = (next, attempt.outcome.is_gone()) {
            let wait = Duration::from_millis(seconds * (800 + u64::from(spread.min(1_000)) * 400 / 1_000));
            let asked = retry_after.unwrap_or_default().min(MOST_RETRY_AFTER);
            DeliveryState::Pending { next_at: now.plus(wait.max(asked)) }
        } else {
            DeliveryState::Failed { at: now }
        };
        self.attempts.push(attempt);
        let surplus = self.attempts.len().saturating_sub(MOST_ATTEMPTS);
        self.attempts.drain(..surplus);
        self
    }

    /// Waits for its endpoint.
    #[must_use]
    pub fn hold(self, now: Timestamp) -> Self {
        Self { state: DeliveryState::Held { at: now }, ..self }
    }

    /// It is not tried again by itself.
    #[must_use]
    pub fn give_up(self, now: Timestamp) -> Self {
        Self { state: DeliveryState::Failed { at: now }, ..self }
    }

    /// Begins anew, with what it is and all that was tried.
    #[must_use]
    pub fn replay(self, now: Timestamp) -> Self {
        Self { state: DeliveryState::Pending { next_at: now }, tries: 0, first_try_at: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    const KEPT: Duration = Duration::from_secs(30 * 86_400);

    fn delivery() -> Delivery {
        Delivery {
            id: "del_000000000000000000".parse().unwrap(),
            webhook: "wh_000000000000000000".parse().unwrap(),
            workspace: "ws_000000000000000000".parse().unwrap(),
            message: "msg_000000000000000000".parse().unwrap(),
            kind: "key.inactive".into(),
            state: DeliveryState::Pending { next_at: NOW },
            tries: 0,
            first_try_at: None,
            attempts: Vec::new(),
            created_at: NOW,
        }
    }

    fn answered(status: u16, at: Timestamp) -> Attempt {
        Attempt { at, duration_ms: 3, outcome: AttemptOutcome::Answered { status, begins: String::new() } }
    }

    #[test]
    fn it_is_tried_eleven_times_within_about_three_days() {
        for spread in [0, 500, 1_000] {
            let (mut delivery, mut now) = (delivery(), NOW);
            while let DeliveryState::Pending { next_at } = delivery.state {
                now = next_at;
                delivery = delivery.after(answered(500, now), None, spread, now);
            }
            let hours = (now.as_millis() - NOW.as_millis()) / 3_600_000;
            assert_eq!(delivery.attempts.len(), 11);
            assert!((60..=91).contains(&hours), "{hours} hours");
            assert_eq!(delivery.first_try_at, Some(NOW));
        }
    }

    #[test]
    fn success_ends_it_and_so_does_gone() {
        for status in [200, 204, 299] {
            assert_eq!(
                delivery().after(answered(status, NOW), None, 0, NOW).state,
                DeliveryState::Delivered { at: NOW }
            );
        }
        for status in [199, 301, 307, 400, 404, 429, 500] {
            let after = delivery().after(answered(status, NOW), None, 500, NOW);
            assert_eq!(after.state, DeliveryState::Pending { next_at: NOW.plus(Duration::from_secs(5)) }, "{status}");
        }
        assert_eq!(delivery().after(answered(410, NOW), None, 0, NOW).state, DeliveryState::Failed { at: NOW });
    }

    #[test]
    fn a_receiver_may_put_it_off_for_a_day() {
        for (asked, expected) in [(1, 5), (600, 600), (10_000_000, 86_400)] {
            let after = delivery().after(answered(503, NOW), Some(Duration::from_secs(asked)), 500, NOW);
            assert_eq!(after.due_at(KEPT), NOW.plus(Duration::from_secs(expected)), "{asked}");
        }
    }

    #[test]
    fn a_replay_begins_anew_and_forgets_nothing_until_it_is_kept_no_longer() {
        let failed = delivery().after(answered(410, NOW), None, 0, NOW);
        assert!(!failed.is_over_at(NOW, KEPT) && failed.is_over_at(failed.due_at(KEPT), KEPT));
        let again = failed.replay(NOW.plus(KEPT));
        assert!(again.is_due_at(NOW.plus(KEPT)) && !again.is_over_at(NOW.plus(KEPT), KEPT));
        assert_eq!((again.tries, again.attempts.len(), again.first_try_at), (0, 1, None));
    }

    #[test]
    fn the_latest_attempts_are_remembered() {
        let mut delivery = delivery();
        for number in 0..40 {
            let at = NOW.plus(Duration::from_secs(number));
            delivery = delivery.replay(at).after(answered(500, at), None, 0, at);
        }
        assert_eq!(delivery.attempts.len(), MOST_ATTEMPTS);
        assert_eq!(delivery.attempts.last().map(|attempt| attempt.at), Some(NOW.plus(Duration::from_secs(39))));
    }
}
