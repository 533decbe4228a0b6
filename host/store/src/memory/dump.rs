//! All that it holds, out and in.

use std::collections::BTreeMap;

use access_model::Shard;

use super::{Counters, Home, Kept, Log, Memory};
use crate::{Item, LogEntry, Page};

impl Memory {
    /// Everything, a page for each shard.
    pub fn dump(&self) -> Vec<Page> {
        let state = self.state();
        let empty = Home::default();
        let shards = (0..self.shards).filter_map(Shard::new);
        shards.map(|shard| Page { shard, items: state.homes.get(&shard).unwrap_or(&empty).items() }).collect()
    }

    /// Puts what a page holds. What is of a shard that it does not have is left out.
    pub fn load(&self, page: Page) {
        if page.shard.number() < self.shards {
            let mut state = self.state();
            let home = state.homes.entry(page.shard).or_default();
            page.items.into_iter().for_each(|item| home.put(item));
        }
    }
}

impl Home {
    fn items(&self) -> Vec<Item> {
        let mut items = vec![Item::Stand { sequence: self.sequence, announced: self.sequence }];
        items.extend(self.records.iter().map(|(key, kept)| {
            let (record, forget_after) = (kept.record.clone(), kept.forget_after);
            Item::Record { key: key.clone(), record, forget_after }
        }));
        for (index, entries) in &self.indexes {
            items
                .extend(entries.sorted.iter().map(|entry| Item::Member { index: index.clone(), entry: entry.clone() }));
        }
        for (log, kept) in &self.logs {
            items.extend(kept.entries.iter().enumerate().map(|(place, value)| {
                let entry = LogEntry { sequence: (kept.trimmed + place) as u64 + 1, value: value.clone() };
                Item::Logged { log: log.clone(), entry }
            }));
        }
        for (group, Counters { sums, forget_after }) in &self.counters {
            items.extend(sums.iter().map(|(name, sum)| {
                let (group, name) = (group.clone(), name.clone());
                Item::Sum { group, name, sum: *sum, forget_after: *forget_after }
            }));
        }
        items
    }

    fn put(&mut self, item: Item) {
        match item {
            Item::Stand { sequence, .. } => self.sequence = sequence,
            Item::Record { key, record, forget_after } => {
                self.records.insert(key, Kept { record, forget_after });
            }
            Item::Member { index, entry } => self.indexes.entry(index).or_default().put(&entry),
            Item::Logged { log, entry } => {
                let before = usize::try_from(entry.sequence.saturating_sub(1)).unwrap_or(usize::MAX);
                let log = self.logs.entry(log).or_insert_with(|| Log { trimmed: before, entries: Vec::new() });
                log.entries.push(entry.value);
            }
            Item::Sum { group, name, sum, forget_after } => {
                let counters =
                    self.counters.entry(group).or_insert_with(|| Counters { sums: BTreeMap::new(), forget_after });
                counters.sums.insert(name, sum);
            }
        }
    }
}
