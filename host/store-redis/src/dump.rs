//! Reading all that the store holds, shard by shard, while nobody changes it.
//!
//! Redis has no copy of one instant to read from, so this looks where each shard stands, before and after: when nothing took a
//! number meanwhile, what was read is of one instant.

use std::collections::{BTreeMap, HashSet};

use access_model::{Shard, Timestamp};
use access_store::{Item, LogEntry, Page, Range, Record, Store as _, StoreError};
use bytes::Bytes;
use redis::Value;
use tokio::sync::mpsc;

use crate::commit::GRACE_MILLIS;
use crate::look::Look;
use crate::names::Home;
use crate::scripts::Script;
use crate::store::Redis;

/// Keys that are looked at by one step through all of them.
const STEP: usize = 1_000;
/// Records that are read at a time: each may be large.
const RECORDS: usize = 100;
/// Members of an index that are read at a time.
const MEMBERS: usize = 1_000;
/// Entries of a log that are read at a time.
const ENTRIES: usize = 100;

impl Look {
    /// Sends everything that the store holds to whoever takes pages. Ends early when nobody takes it.
    ///
    /// # Errors
    /// When Redis can't answer, and when a host changed something meanwhile: what was sent is of no use then.
    pub async fn dump(&self, pages: mpsc::Sender<Page>) -> Result<(), StoreError> {
        self.redis.dump(&pages).await
    }
}

impl Redis {
    async fn dump(&self, pages: &mpsc::Sender<Page>) -> Result<(), StoreError> {
        let before = self.stands().await?;
        for (shard, (sequence, announced)) in &before {
            let stand = Item::Stand { sequence: *sequence, announced: *announced };
            // Whoever has gone away knows why.
            let is_gone = pages.send(Page { shard: *shard, items: vec![stand] }).await.is_err();
            if is_gone || !self.dump_shard(*shard, pages).await? {
                return Ok(());
            }
        }
        if self.stands().await? == before {
            return Ok(());
        }
        Err(StoreError::Unavailable(
            "it was changed while it was read, so that what was read is of no one instant; stop all hosts that serve from it".to_owned(),
        ))
    }

    /// Numbers of each shard's last commit, and of the last that was announced.
    async fn stands(&self) -> Result<BTreeMap<Shard, (u64, u64)>, StoreError> {
        let mut stands = BTreeMap::new();
        for shard in (0..self.shards()).filter_map(Shard::new) {
            let Some(home) = self.home(shard) else { continue };
            let mut call = self.call(Script::One, home);
            call.key(home.state.as_str()).text("HMGET").text("sequence").text("announced");
            let (sequence, announced): (Option<u64>, Option<u64>) = self.ask(home, &call).await?;
            stands.insert(shard, (sequence.unwrap_or_default(), announced.unwrap_or_default()));
        }
        Ok(stands)
    }

    /// Whether all of it was taken.
    async fn dump_shard(&self, shard: Shard, pages: &mpsc::Sender<Page>) -> Result<bool, StoreError> {
        let Some(home) = self.home(shard) else { return Ok(true) };
        let sent = async |items: Vec<Item>| pages.send(Page { shard, items }).await.is_ok();
        for log in self.log_numbers(shard).await?.into_keys() {
            let mut last = 0;
            loop {
                let entries = self.log_after(home, &log, last).await?;
                let Some(newest) = entries.last() else { break };
                last = newest.sequence;
                let logged = |entry| Item::Logged { log: log.clone(), entry };
                if !sent(entries.into_iter().map(logged).collect()).await {
                    return Ok(false);
                }
            }
        }
        let (mut cursor, mut seen) = (0, HashSet::new());
        loop {
            let found = self.keys(home, cursor).await?;
            cursor = found.0;
            let names: Vec<String> = found.1.into_iter().filter(|name| seen.insert(name.clone())).collect();
            for keys in of_kind(&names, &home.record("")).chunks(RECORDS) {
                if !sent(self.records(home, keys).await?).await {
                    return Ok(false);
                }
            }
            for group in of_kind(&names, &home.counters("")) {
                if !sent(self.sums(home, group).await?).await {
                    return Ok(false);
                }
            }
            for index in of_kind(&names, &home.index("")) {
                let mut after = None;
                loop {
                    let range =
                        Range { index: index.to_owned(), after, up_to: None, descending: false, limit: MEMBERS };
                    let entries = self.range(shard, range).await?;
                    after = entries.last().cloned();
                    let member = |entry| Item::Member { index: index.to_owned(), entry };
                    if after.is_none() {
                        break;
                    }
                    if !sent(entries.into_iter().map(member).collect()).await {
                        return Ok(false);
                    }
                }
            }
            if cursor == 0 {
                return Ok(true);
            }
        }
    }

    /// Names of a shard's keys, from where an earlier step ended, and where to go on: at 0, that was all.
    pub(crate) async fn keys(&self, home: &Home, cursor: u64) -> Result<(u64, Vec<String>), StoreError> {
        let base = home.record("");
        let pattern = literal(base.strip_suffix("r:").unwrap_or(&base)) + "*";
        let mut call = self.call(Script::Scan, home);
        call.shown(Some(cursor)).text(&pattern).shown(Some(STEP));
        self.ask(home, &call).await
    }

    /// Entries of a log, oldest first, that come after the one of this number.
    async fn log_after(&self, home: &Home, log: &str, last: u64) -> Result<Vec<LogEntry>, StoreError> {
        let mut call = self.call(Script::One, home);
        let from = format!("({last}-0");
        call.key(home.log(log)).text("XRANGE").text(&from).text("+").text("COUNT").shown(Some(ENTRIES));
        let found: Vec<(String, (Value, Bytes))> = self.ask(home, &call).await?;
        let entry = |(id, (_, value)): (String, (Value, Bytes))| {
            let sequence = id.split('-').next().and_then(|number| number.parse().ok());
            let sequence = sequence.ok_or_else(|| StoreError::Corrupt(format!("a log entry has the id `{id}`")))?;
            Ok(LogEntry { sequence, value })
        };
        found.into_iter().map(entry).collect()
    }

    async fn records(&self, home: &Home, keys: &[&str]) -> Result<Vec<Item>, StoreError> {
        let mut call = self.call(Script::Dump, home);
        keys.iter().for_each(|key| {
            call.key(home.record(key));
        });
        let found: Vec<(Option<u64>, Option<Bytes>, i64)> = self.ask(home, &call).await?;
        let item = |(key, (version, value, time)): (&&str, (Option<u64>, Option<Bytes>, i64))| {
            // One that was forgotten a moment ago is gone.
            let record = Record { version: version?, value: value? };
            Some(Item::Record { key: (*key).to_owned(), record, forget_after: forget_after(time) })
        };
        Ok(keys.iter().zip(found).filter_map(item).collect())
    }

    async fn sums(&self, home: &Home, group: &str) -> Result<Vec<Item>, StoreError> {
        let mut call = self.call(Script::One, home);
        call.key(home.counters(group)).text("PEXPIRETIME");
        let forget_after = forget_after(self.ask(home, &call).await?);
        let mut call = self.call(Script::One, home);
        call.key(home.counters(group)).text("HGETALL");
        let sums: BTreeMap<String, i64> = self.ask(home, &call).await?;
        let item = |(name, sum)| Item::Sum { group: group.to_owned(), name, sum, forget_after };
        Ok(sums.into_iter().map(item).collect())
    }
}

/// When nobody needs it any more, from when Redis forgets it.
fn forget_after(time: i64) -> Option<Timestamp> {
    (time >= 0).then(|| Timestamp::from_millis(time.saturating_sub(GRACE_MILLIS)))
}

/// What follows the beginning of those names that begin so.
fn of_kind<'n>(names: &'n [String], beginning: &str) -> Vec<&'n str> {
    names.iter().filter_map(|name| name.strip_prefix(beginning)).collect()
}

/// A pattern that means this text and nothing else.
fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |mut pattern, letter| {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(letter);
        pattern
    })
}
