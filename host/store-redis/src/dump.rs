//! Reading all that the store holds, shard by shard, while nobody changes it.
//!
//! Redis has no copy of one instant to read from, so this looks where each shard stands, before and after: when no commit took
//! a number meanwhile, what was read is of one instant.

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

/// Why a dump ends before its end.
enum Ended {
    /// Nobody takes pages any more. Whoever took them knows why.
    Untaken,
    /// The store can't answer.
    Store(StoreError),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Look {
    /// Sends everything that the store holds to whoever takes pages. Ends early when nobody takes it.
    ///
    /// # Errors
    /// When Redis can't answer, and when a host changed something meanwhile: what was sent is of no use then.
    pub async fn dump(&self, pages: mpsc::Sender<Page>) -> Result<(), StoreError> {
        match self.redis.dump(&pages).await {
            Ok(()) | Err(Ended::Untaken) => Ok(()),
            Err(Ended::Store(error)) => Err(error),
        }
    }
}

impl Redis {
    async fn dump(&self, pages: &mpsc::Sender<Page>) -> Result<(), Ended> {
        let before = self.stands().await?;
        for (shard, (sequence, announced)) in &before {
            let Some(home) = self.home(*shard) else { continue };
            send(pages, home, vec![Item::Stand { sequence: *sequence, announced: *announced }]).await?;
            self.dump_logs(home, pages).await?;
            self.dump_keys(home, pages).await?;
        }
        if self.stands().await? == before {
            return Ok(());
        }
        let why = "it was changed while it was read, so that what was read is of no one instant; stop all hosts that serve \
                   from it, and try again";
        Err(StoreError::Unavailable(why.to_owned()).into())
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

    async fn dump_logs(&self, home: &Home, pages: &mpsc::Sender<Page>) -> Result<(), Ended> {
        for log in self.log_numbers(home.shard).await?.into_keys() {
            let mut entries = self.log_after(home, &log, 0).await?;
            while let Some(last) = entries.last().map(|entry| entry.sequence) {
                let logged = |entry| Item::Logged { log: log.clone(), entry };
                send(pages, home, entries.into_iter().map(logged).collect()).await?;
                entries = self.log_after(home, &log, last).await?;
            }
        }
        Ok(())
    }

    /// Records, counters and indexes, which nobody keeps a list of.
    async fn dump_keys(&self, home: &Home, pages: &mpsc::Sender<Page>) -> Result<(), Ended> {
        let (mut cursor, mut seen) = (0, HashSet::new());
        loop {
            let (next, mut names) = self.keys(home, cursor).await?;
            names.retain(|name| seen.insert(name.clone()));
            for keys in of_kind(&names, &home.record("")).chunks(RECORDS) {
                send(pages, home, self.records(home, keys).await?).await?;
            }
            for group in of_kind(&names, &home.counters("")) {
                send(pages, home, self.sums(home, group).await?).await?;
            }
            for index in of_kind(&names, &home.index("")) {
                self.dump_index(home, index, pages).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    async fn dump_index(&self, home: &Home, index: &str, pages: &mpsc::Sender<Page>) -> Result<(), Ended> {
        let page = async |after| {
            let range = Range { index: index.to_owned(), after, up_to: None, descending: false, limit: MEMBERS };
            self.range(home.shard, range).await
        };
        let mut entries = page(None).await?;
        while let Some(last) = entries.last().cloned() {
            let member = |entry| Item::Member { index: index.to_owned(), entry };
            send(pages, home, entries.into_iter().map(member).collect()).await?;
            entries = page(Some(last)).await?;
        }
        Ok(())
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

async fn send(pages: &mpsc::Sender<Page>, home: &Home, items: Vec<Item>) -> Result<(), Ended> {
    pages.send(Page { shard: home.shard, items }).await.map_err(|_| Ended::Untaken)
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
