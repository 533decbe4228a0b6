//! The arithmetic of announcements and heartbeats, for one shard and one host. No I/O and no clock.
//!
//! Each announced commit says its number and that of the announced one before it, so that a gap shows. A heartbeat that was
//! sent at some time answers the number of the last announced commit: once everything up to that number has been heard, what
//! the caches of this host hold was true at that time, and may be believed for the bound from then on. What has not come by the
//! next heartbeat is given up for lost: caches forget the shard, and start from that heartbeat's number.

use std::collections::BTreeSet;
use std::time::Duration;

/// What one host has heard of one shard.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    /// Watchers were told of everything that was announced up to this number. None: nothing is known, as after a connection
    /// was made.
    applied: Option<u64>,
    /// A heartbeat saw this number announced, and it has not been heard yet; until when that proves the shard fresh.
    ///
    /// INVARIANT: the number is above `applied`.
    pending: Option<(u64, Duration)>,
    /// Commits of this host, which its watchers were told of before the announcements came.
    own: BTreeSet<u64>,
    generation: u64,
    /// The highest number that was ever heard of, over all connections: a store behind it has lost commits.
    highest: u64,
}

/// A heartbeat that was sent: what the answer must be compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beat {
    generation: u64,
    applied: Option<u64>,
}

/// What follows from what was heard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// What watchers must be told of, before anything else.
    pub(crate) tell: Tell,
    /// Up to which number everything has been heard, when it is known.
    pub(crate) applied: Option<u64>,
    /// The shard is fresh until then.
    pub(crate) fresh_until: Option<Duration>,
}

/// What watchers must be told of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    Nothing,
    /// The keys of the announcement.
    Touched,
    /// That changes may have gone unheard.
    Missed,
    /// The same, since the store has gone back behind a number that was announced: it has lost commits.
    Lost {
        from: u64,
        to: u64,
    },
}

impl Proof {
    /// Forgets everything but that it did: a new connection may lead to a Redis that was restored from last week.
    pub(crate) fn forget(&mut self) {
        *self = Self { generation: self.generation + 1, highest: self.highest, ..Self::default() };
    }

    /// Grows each time that everything is forgotten. To be asked for before a commit is sent.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// A commit of this host that was sent in this generation got this number and is announced, and watchers were told of it.
    pub(crate) fn committed(&mut self, generation: u64, sequence: u64) {
        // In another history the number is somebody else's.
        if generation == self.generation && self.applied.is_none_or(|applied| sequence > applied) {
            self.own.insert(sequence);
        }
    }

    /// An announcement has come: its number, and that of the one before.
    pub(crate) fn announced(&mut self, sequence: u64, previous: u64) -> Step {
        let touched = if self.own.remove(&sequence) { Tell::Nothing } else { Tell::Touched };
        match self.applied {
            Some(applied) if sequence > applied => {
                self.applied = Some(sequence);
                self.highest = self.highest.max(sequence);
                let tell = if previous == applied { touched } else { Tell::Missed };
                let reached = self.pending.take_if(|(number, _)| *number <= sequence);
                self.step(tell, reached.map(|(_, until)| until))
            }
            // Late: watchers were told that they missed it. Or nothing is known, and this alone makes nothing known.
            _ => self.step(touched, None),
        }
    }

    /// To be called before a heartbeat is sent.
    pub(crate) const fn beat(&self) -> Beat {
        Beat { generation: self.generation, applied: self.applied }
    }

    /// The heartbeat `beat`, which proves the shard fresh until `until`, was answered with the number of the last announced
    /// commit.
    pub(crate) fn answered(&mut self, beat: Beat, announced: u64, until: Duration) -> Step {
        if beat.generation != self.generation {
            return self.step(Tell::Nothing, None);
        }
        match (self.applied, beat.applied) {
            // What was heard before the heartbeat was sent can't be behind it. What was heard since then can.
            (Some(_), Some(from)) if announced < from => {
                self.forget();
                self.take(announced, until, Tell::Lost { from, to: announced })
            }
            (Some(applied), _) if announced <= applied => {
                self.pending = None;
                self.step(Tell::Nothing, Some(until))
            }
            (Some(_), _) if self.pending.is_none() => {
                self.pending = Some((announced, until));
                self.step(Tell::Nothing, None)
            }
            _ => self.take(announced, until, Tell::Missed),
        }
    }

    fn take(&mut self, announced: u64, until: Duration, tell: Tell) -> Step {
        let tell = match tell {
            Tell::Missed if announced < self.highest => Tell::Lost { from: self.highest, to: announced },
            tell => tell,
        };
        // From here on this is the history, and its loss has been told.
        self.highest = announced;
        self.applied = Some(announced);
        self.pending = None;
        self.own.retain(|own| *own > announced);
        self.step(tell, Some(until))
    }

    const fn step(&self, tell: Tell, fresh_until: Option<Duration>) -> Step {
        Step { tell, applied: self.applied, fresh_until }
    }
}

#[cfg(test)]
mod tests;
