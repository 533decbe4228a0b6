//! A store in memory, for the tests of the rooms above: the same promises, save that nothing survives the process.

mod dump;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use access_model::{Shard, Timestamp};
use bytes::Bytes;

use crate::{
    Change, Check, Commit, CommitError, Committed, Count, IndexEntry, LogEntry, Put, Range, Record, Store, StoreError,
    Watcher,
};

/// A store that forgets.
pub struct Memory {
    shards: u8,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    homes: BTreeMap<Shard, Home>,
    watchers: Vec<Watcher>,
}

/// What one shard holds.
#[derive(Debug, Default)]
struct Home {
    sequence: u64,
    records: BTreeMap<String, Kept>,
    indexes: BTreeMap<String, Index>,
    logs: BTreeMap<String, Log>,
    counters: BTreeMap<String, Counters>,
}

#[derive(Debug, Default)]
struct Log {
    /// Entries that are gone from its beginning.
    trimmed: usize,
    entries: Vec<Bytes>,
}

#[derive(Debug)]
struct Kept {
    record: Record,
    forget_after: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Counters {
    sums: BTreeMap<String, i64>,
    forget_after: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Index {
    /// INVARIANT: the same entries as in `sorted`.
    scores: BTreeMap<String, i64>,
    sorted: BTreeSet<IndexEntry>,
}

impl Memory {
    /// An empty store with so many shards, at least 1 and at most 100.
    pub fn new(shards: u8) -> Self {
        Self { shards: shards.clamp(1, Shard::LIMIT), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(16)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("shards", &self.shards).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl Store for Memory {
    fn shards(&self) -> u8 {
        self.shards
    }

    async fn read(&self, shard: Shard, keys: &[String]) -> Result<Vec<Option<Record>>, StoreError> {
        let state = self.state();
        let home = state.homes.get(&shard);
        Ok(keys.iter().map(|key| Some(home?.records.get(key)?.record.clone())).collect())
    }

    async fn range(&self, shard: Shard, range: Range) -> Result<Vec<IndexEntry>, StoreError> {
        let state = self.state();
        let index = state.homes.get(&shard).and_then(|home| home.indexes.get(&range.index));
        Ok(index.map(|index| index.page(&range)).unwrap_or_default())
    }

    async fn log(
        &self,
        shard: Shard,
        log: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let state = self.state();
        let Some(log) = state.homes.get(&shard).and_then(|home| home.logs.get(log)) else { return Ok(Vec::new()) };
        let older = before.map_or(usize::MAX, |before| usize::try_from(before.saturating_sub(1)).unwrap_or(usize::MAX));
        let older = log.entries.iter().enumerate().take(older.saturating_sub(log.trimmed)).rev().take(limit);
        let entry = |(place, value): (usize, &Bytes)| LogEntry {
            sequence: (log.trimmed + place) as u64 + 1,
            value: value.clone(),
        };
        Ok(older.map(entry).collect())
    }

    async fn counters(&self, shard: Shard, group: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        let state = self.state();
        let counters = state.homes.get(&shard).and_then(|home| home.counters.get(group));
        Ok(counters.map(|counters| counters.sums.clone()).unwrap_or_default())
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        if commit.shard.number() >= self.shards {
            return Err(StoreError::Unavailable(format!("it has no shard `{}`", commit.shard)).into());
        }
        let mut state = self.state();
        let home = state.homes.entry(commit.shard).or_default();
        if let Some(check) = commit.checks.iter().find(|check| !home.holds(check)) {
            return Err(CommitError::Conflict { key: check.key.clone() });
        }
        if let Some((log, _)) = commit.log_ends.iter().find(|(log, last)| home.last_of(log) != *last) {
            return Err(CommitError::Conflict { key: log.clone() });
        }
        let committed = home.apply(&commit);
        if commit.announce {
            let change = Change::of(&commit);
            state.watchers.iter().for_each(|watcher| watcher(&change));
        }
        Ok(committed)
    }

    async fn sweep(&self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        let mut swept = 0;
        for home in self.state().homes.values_mut() {
            home.records.retain(|_, kept| {
                let is_due = swept < most && kept.forget_after.is_some_and(|time| time < now);
                swept += usize::from(is_due);
                !is_due
            });
            home.counters.retain(|_, counters| {
                let is_due = swept < most && counters.forget_after.is_some_and(|time| time < now);
                swept += if is_due { counters.sums.len() } else { 0 };
                !is_due
            });
        }
        Ok(swept)
    }

    fn watch(&self, watcher: Watcher) {
        self.state().watchers.push(watcher);
    }
}

impl Home {
    fn holds(&self, check: &Check) -> bool {
        self.records.get(&check.key).map(|kept| kept.record.version) == check.version
    }

    fn last_of(&self, log: &str) -> u64 {
        self.logs.get(log).map_or(0, |log| (log.trimmed + log.entries.len()) as u64)
    }

    fn apply(&mut self, commit: &Commit) -> Committed {
        self.sequence += 1;
        for Put { key, value, forget_after } in &commit.puts {
            let record = Record { version: self.sequence, value: value.clone() };
            self.records.insert(key.clone(), Kept { record, forget_after: *forget_after });
        }
        for key in &commit.deletes {
            self.records.remove(key);
        }
        for (index, entry) in &commit.index_puts {
            self.indexes.entry(index.clone()).or_default().put(entry);
        }
        for (index, entry) in &commit.index_marks {
            self.indexes.entry(index.clone()).or_default().mark(entry);
        }
        for (index, member) in &commit.index_deletes {
            if let Some(index) = self.indexes.get_mut(index) {
                index.delete(member);
            }
        }
        let mut appended = Vec::with_capacity(commit.appends.len());
        for (log, value) in &commit.appends {
            let log = self.logs.entry(log.clone()).or_default();
            log.entries.push(value.clone());
            appended.push((log.trimmed + log.entries.len()) as u64);
        }
        for (log, last) in &commit.log_trims {
            let Some(log) = self.logs.get_mut(log) else { continue };
            let last = usize::try_from(*last).unwrap_or(usize::MAX).saturating_sub(log.trimmed);
            let gone = last.min(log.entries.len().saturating_sub(1));
            log.entries.drain(..gone);
            log.trimmed += gone;
        }
        for Count { group, name, amount, forget_after } in &commit.counters {
            let counters = self.counters.entry(group.clone()).or_default();
            counters.forget_after = *forget_after;
            let sum = counters.sums.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*amount);
        }
        Committed { sequence: self.sequence, appended, confirmed: true }
    }
}

impl Index {
    fn put(&mut self, entry: &IndexEntry) {
        self.delete(&entry.member);
        self.scores.insert(entry.member.clone(), entry.score);
        self.sorted.insert(entry.clone());
    }

    fn mark(&mut self, entry: &IndexEntry) {
        if !self.scores.contains_key(&entry.member) {
            self.put(entry);
        }
    }

    fn delete(&mut self, member: &str) {
        if let Some(score) = self.scores.remove(member) {
            self.sorted.remove(&IndexEntry { score, member: member.to_owned() });
        }
    }

    fn page(&self, range: &Range) -> Vec<IndexEntry> {
        let after = range.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let due = |entry: &&IndexEntry| range.up_to.is_none_or(|up_to| entry.score <= up_to);
        if range.descending {
            let entries = self.sorted.range((Bound::Unbounded, after)).rev();
            entries.skip_while(|entry| !due(entry)).take(range.limit).cloned().collect()
        } else {
            let entries = self.sorted.range((after, Bound::Unbounded));
            entries.take_while(due).take(range.limit).cloned().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_contract() {
        let make = async || Arc::new(Memory::default()) as Arc<dyn Store>;
        crate::contract::run(make).await.unwrap();
        crate::contract::run_sweeping(make).await.unwrap();
    }
}
