//! Whether every host has taken in a change.
//!
//! Whoever wants to know puts a question into the home of what was changed, after it. That is announced like any other commit, so
//! each host hears of it, and answers once it has heard of everything up to the change. Which hosts there are, [`crate::hosts`]
//! knows. Nobody waits for ever: a host that says nothing can't prove either that it has heard of everything, and after the bound
//! believes nothing that it remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use access_model::Shard;
use access_model::entropy::random_base62;
use access_store::{Change, Commit, Count, Put, Store as _, Survives, in_background};
use bytes::Bytes;
use metrics::{counter, gauge};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::authority::{Authority, lock};
use crate::error::Error;
use crate::records::{self, FLEET_QUESTION};

/// Between two looks at the answers, at first. The next is twice as long, and so on.
const FIRST_LOOK: Duration = Duration::from_millis(2);
/// How long it may become.
const LONGEST_LOOK: Duration = Duration::from_millis(50);
/// When a question is put once more: an announcement may go unheard.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// How long hosts may take beyond the bound.
const GRACE: Duration = Duration::from_secs(1);
/// Between two looks whether what is asked about was heard of.
const AGAIN: Duration = Duration::from_millis(5);
/// Looks at most: whoever wants to know asks once more.
const LOOKS: u32 = 200;
/// Questions that wait for their answer here at most.
const MOST: usize = 1_000;
/// How long questions and answers are kept.
const KEPT: Duration = Duration::from_secs(60);

/// Which hosts have taken in a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Applied {
    /// How many hosts have, the one that answers among them.
    pub hosts: usize,
    /// Milliseconds from the change until the last of them had said so, or until nobody was waited for any more.
    pub lag_milliseconds: u64,
    /// Hosts that have not said so in time. What they remember they believe no longer than the bound, or than the outage rule of the
    /// credential's kind.
    pub missing: Vec<String>,
}

/// What other hosts want to know.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    asked: Mutex<Vec<Question>>,
    wake: Notify,
}

/// Whether the commit of this number, in this home, was heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    shard: Shard,
    asker: String,
    sequence: u64,
    id: String,
    looks: u32,
}

impl Question {
    fn key(&self) -> String {
        records::fleet_question(&self.asker, self.sequence, &self.id)
    }

    fn read(shard: Shard, key: &str) -> Option<Self> {
        let mut parts = key.strip_prefix(FLEET_QUESTION)?.splitn(3, '/');
        let (asker, sequence, id) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { shard, asker: asker.to_owned(), sequence: sequence.parse().ok()?, id: id.to_owned(), looks: LOOKS })
    }
}

impl Fleet {
    /// Notes questions among what a commit has touched.
    pub(crate) fn hear(&self, host: &str, change: &Change) {
        let Change::Touched { shard, keys } = change else { return };
        for question in keys.iter().filter_map(|key| Question::read(*shard, key)).filter(|asked| asked.asker != host) {
            let mut asked = lock(&self.asked);
            if asked.len() < MOST {
                asked.push(question);
                self.wake.notify_one();
            }
        }
    }
}

impl Authority {
    /// Answers other hosts' questions, for ever.
    pub async fn answer_fleet(&self) {
        let mut waiting: Vec<Question> = Vec::new();
        loop {
            if waiting.is_empty() {
                self.fleet.wake.notified().await;
            } else {
                sleep(AGAIN).await;
            }
            waiting.append(&mut lock(&self.fleet.asked));
            let (heard, behind): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|asked| self.has_heard(asked));
            waiting = behind;
            waiting.retain_mut(|asked| {
                asked.looks = asked.looks.saturating_sub(1);
                asked.looks > 0
            });
            if let Err(error) = in_background(self.answer_change(&heard)).await {
                tracing::debug!(%error, "another host could not be told that a change was heard of");
            }
        }
    }

    fn has_heard(&self, asked: &Question) -> bool {
        let Some(freshness) = &self.freshness else { return true };
        freshness.applied().get(usize::from(asked.shard.number())).is_some_and(|applied| *applied >= asked.sequence)
    }

    async fn answer_change(&self, heard: &[Question]) -> Result<(), Error> {
        let mut answers: BTreeMap<Shard, Commit> = BTreeMap::new();
        for asked in heard {
            let commit = answers.entry(asked.shard).or_insert_with(|| Commit {
                announce: false,
                survives: Survives::Process,
                ..Commit::new(asked.shard)
            });
            commit.counters.push(Count {
                group: records::fleet_answers(&asked.id),
                name: self.host.clone(),
                amount: 1,
                forget_after: Some(self.clock.now().plus(KEPT)),
            });
        }
        for commit in answers.into_values() {
            self.store.commit(commit).await?;
        }
        Ok(())
    }

    /// Waits until every host of the store has taken in the commit of this number in this home, as long as that may take. What is
    /// wrong with the store is told as hosts that are missing: the change itself has been made.
    pub async fn applied_everywhere(&self, shard: Shard, sequence: u64) -> Applied {
        if self.freshness.is_none() {
            return Applied { hosts: 1, lag_milliseconds: 0, missing: Vec::new() };
        }
        let began = self.clock.monotonic();
        let mut missing = self.names_of_others().await;
        let others = missing.len();
        if !missing.is_empty() {
            let all_said = self.ask_fleet(shard, sequence, &mut missing);
            // Whoever has not said so by then is missing.
            let _ = timeout(self.bound + GRACE, in_background(all_said)).await;
        }
        let lag = self.clock.monotonic().saturating_sub(began);
        let result = if missing.is_empty() { "everywhere" } else { "missing" };
        counter!("access_changes_awaited_total", "result" => result).increment(1);
        if missing.is_empty() {
            gauge!("access_changes_lag_milliseconds").set(lag.as_secs_f64() * 1_000.0);
        }
        Applied {
            hosts: 1 + others - missing.len(),
            lag_milliseconds: u64::try_from(lag.as_millis()).unwrap_or(u64::MAX),
            missing: missing.into_iter().collect(),
        }
    }

    /// Asks again and again, and takes out of `missing` whoever has answered.
    async fn ask_fleet(&self, shard: Shard, sequence: u64, missing: &mut BTreeSet<String>) {
        let Ok(id) = random_base62(self.entropy.as_ref(), 12) else { return };
        let question = Question { shard, asker: self.host.clone(), sequence, id, looks: LOOKS };
        let (group, mut look) = (records::fleet_answers(&question.id), FIRST_LOOK);
        loop {
            if let Err(error) = self.put_question(&question).await {
                tracing::debug!(%error, "the other hosts could not be asked whether they heard of a change");
            }
            let mut waited = Duration::ZERO;
            while waited < ASK_AGAIN {
                sleep(look).await;
                waited += look;
                look = (look * 2).min(LONGEST_LOOK);
                match self.store.counters(shard, &group).await {
                    Ok(said) => missing.retain(|host| !said.contains_key(host)),
                    Err(error) => tracing::debug!(%error, "what the other hosts answered could not be read"),
                }
                if missing.is_empty() {
                    return;
                }
            }
        }
    }

    async fn put_question(&self, question: &Question) -> Result<(), Error> {
        let mut commit = Commit { survives: Survives::Process, ..Commit::new(question.shard) };
        let forget_after = Some(self.clock.now().plus(KEPT));
        commit.puts.push(Put { forget_after, ..Put::new(question.key(), Bytes::new()) });
        self.store.commit(commit).await?;
        Ok(())
    }

    /// The other hosts: as they are now, or as they were last seen where the store says nothing.
    async fn names_of_others(&self) -> BTreeSet<String> {
        if let Err(error) = in_background(self.see_hosts()).await {
            tracing::debug!(%error, "the other hosts could not be looked at");
        }
        self.other_hosts().into_iter().map(|other| other.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_it_was_put_and_nobody_asks_itself() {
        let shard = Shard::new(3).unwrap();
        let question = Question { shard, asker: "a".into(), sequence: 42, id: "x7".into(), looks: LOOKS };
        assert_eq!(Question::read(shard, &question.key()), Some(question.clone()));
        assert!(records::id_in(&question.key()).is_none(), "it names nothing that is cached");
        for none in ["fleet-question/a/b/c", "fleet-question/a/1", "credential/key_1"] {
            assert_eq!(Question::read(shard, none), None, "{none}");
        }
        let fleet = Fleet::default();
        let change = Change::Touched { shard, keys: vec!["credential/x".into(), question.key()] };
        fleet.hear("a", &change);
        assert!(lock(&fleet.asked).is_empty());
        fleet.hear("b", &change);
        fleet.hear("b", &Change::Missed { shard });
        assert_eq!(*lock(&fleet.asked), [question]);
    }
}
