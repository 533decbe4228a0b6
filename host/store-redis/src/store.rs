//! The store, as the rooms above see it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use access_model::clock::SystemClock;
use access_model::{Clock, Entropy, Shard, Timestamp};
use access_store::{
    Change, Commit, CommitError, Committed, Freshness, IndexEntry, LogEntry, Range, Record, Store, StoreError, Watcher,
};
use bytes::Bytes;
use redis::{FromRedisValue, Value};
use tokio::task::JoinSet;

use crate::begin::{Aim, Begun, begin};
use crate::commit;
use crate::error::{Failure, OpenError};
use crate::fleet::{self, Fleet};
use crate::hearing::Hearing;
use crate::line::Line;
use crate::names::{Books, Home};
use crate::options::Options;
use crate::recent::{Deed, Recent};
use crate::scripts::{Call, Script};

/// Characters of base 62.
const HOST_LENGTH: usize = 12;
/// Beyond all scores, and exact as a floating-point number, so that no rounding makes it one of them.
const BEYOND: i64 = (1 << 53) + 2;

/// The store in a Redis, which other hosts may have open too.
///
/// A commit whose future is dropped may still be applied. Dropping the store ends its connections.
pub struct Redis {
    address: String,
    fleet: Arc<Fleet>,
    tasks: Mutex<JoinSet<()>>,
}

impl Redis {
    /// Opens the store that `options` name, or begins it where they allow that. When this answers, all shards are fresh.
    ///
    /// # Errors
    /// When Redis is out of reach, too old, or set to throw records away or to lose them when it fails over; when the store is absent,
    /// not whole, or from a newer release. Nothing was changed then in a store that was already there.
    pub async fn open(options: Options, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, OpenError> {
        let begun = begin(&options, Aim::Serve(entropy.as_ref())).await?;
        let host = access_model::entropy::random_base62(entropy.as_ref(), HOST_LENGTH)?;
        let this = Self::over(&begun, &options, &host, clock);
        let unreachable = |detail: String| OpenError::Unreachable { address: this.address.clone(), detail };
        let layout = this.fleet.begin(&begun.slots).map_err(unreachable)?;
        for node in layout.nodes() {
            node.connect().await.map_err(unreachable)?;
            let mut pulse = this.fleet.pulse(node);
            pulse.beat().await.map_err(|failure| failure.of_opening(&node.primary.to_string()))?;
            node.start(pulse, &entropy);
        }
        this.tasks().spawn(Arc::clone(&this.fleet).keep(entropy));
        Ok(this)
    }

    /// The store that was found, with a connection to ask it by: no heartbeat proves what is read, and a connection that is
    /// lost stays so.
    pub(crate) async fn unproven(begun: &Begun, options: &Options) -> Result<Self, OpenError> {
        let this = Self::over(begun, options, "", Arc::new(SystemClock::new()));
        let unreachable = |detail: String| OpenError::Unreachable { address: this.address.clone(), detail };
        let layout = this.fleet.begin(&begun.slots).map_err(unreachable)?;
        for node in layout.nodes() {
            node.connect_commands().await.map_err(unreachable)?;
        }
        Ok(this)
    }

    fn over(begun: &Begun, options: &Options, host: &str, clock: Arc<dyn Clock>) -> Self {
        let Begun { place, epoch, shards, replicas, .. } = begun;
        let books = Arc::new(Books::new(&options.prefix, epoch.clone(), *shards, host));
        let hearing = Arc::new(Hearing::new(epoch.clone(), *shards));
        let common = fleet::common(books, hearing, options.time_out);
        let recent = Arc::new(Recent::new(*shards));
        let fleet = Arc::new(Fleet::new(place.clone(), common, recent, clock, *replicas, options.bound));
        Self { address: place.to_string(), fleet, tasks: Mutex::default() }
    }

    /// Where Redis is: host and port, or path, or who leads there.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Refuses what comes from now on, and ends the connections. Once more is harmless.
    pub async fn close(&self) {
        // Who asks for new ones goes first.
        let mut tasks = std::mem::take(&mut *self.tasks());
        tasks.shutdown().await;
        for node in self.fleet.layout().nodes() {
            node.close().shutdown().await;
        }
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn books(&self) -> &Books {
        &self.fleet.common.books
    }

    fn hearing(&self) -> &Hearing {
        &self.fleet.common.hearing
    }

    /// Where a shard lives, if the store has it.
    pub(crate) fn home(&self, shard: Shard) -> Option<&Home> {
        self.books().home(shard)
    }

    /// Runs a script on the shard at `home`.
    pub(crate) async fn run(&self, home: &Home, call: &Call<'_>) -> Result<Value, Failure> {
        self.fleet.call(home, call, false).await.map(|answer| answer.value)
    }

    pub(crate) fn call<'a>(&'a self, script: Script, home: &'a Home) -> Call<'a> {
        Call::new(script, home, &self.books().epoch)
    }

    /// A connection to the server that holds a shard.
    pub(crate) fn commands(&self, shard: Shard) -> Option<Arc<Line>> {
        self.fleet.layout().node(shard).map(|node| Arc::clone(node.line(false)))
    }

    /// The last number of each log of a shard.
    pub(crate) async fn log_numbers(&self, shard: Shard) -> Result<BTreeMap<String, u64>, StoreError> {
        let Some(home) = self.home(shard) else { return Ok(BTreeMap::new()) };
        let mut call = self.call(Script::One, home);
        call.key(home.log_numbers.as_str()).text("HGETALL");
        self.ask(home, &call).await
    }

    pub(crate) async fn ask<T: FromRedisValue>(&self, home: &Home, call: &Call<'_>) -> Result<T, StoreError> {
        let answer = self.run(home, call).await.map_err(|failure| failure.of_read())?;
        understood(answer)
    }
}

fn understood<T: FromRedisValue>(answer: Value) -> Result<T, StoreError> {
    redis::from_redis_value(answer).map_err(|error| StoreError::Corrupt(error.to_string()))
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("address", &self.address).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl Store for Redis {
    fn shards(&self) -> u8 {
        u8::try_from(self.books().homes().len()).unwrap_or(u8::MAX)
    }

    async fn read(&self, shard: Shard, keys: &[String]) -> Result<Vec<Option<Record>>, StoreError> {
        let Some(home) = self.home(shard) else { return Ok(vec![None; keys.len()]) };
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = self.call(Script::Read, home);
        keys.iter().for_each(|key| {
            call.key(home.record(key));
        });
        let records: Vec<(Option<u64>, Option<Bytes>)> = self.ask(home, &call).await?;
        Ok(records.into_iter().map(|(version, value)| Some(Record { version: version?, value: value? })).collect())
    }

    async fn range(&self, shard: Shard, range: Range) -> Result<Vec<IndexEntry>, StoreError> {
        let Some(home) = self.home(shard).filter(|_| range.limit > 0) else { return Ok(Vec::new()) };
        let Range { index, after, up_to, descending, limit } = range;
        let within = |score: i64| score.clamp(-BEYOND, BEYOND);
        let (score, member) = after.map(|entry| (within(entry.score), entry.member)).unzip();
        let member = member.unwrap_or_default();
        let mut call = self.call(Script::Range, home);
        call.key(home.index(&index)).shown(score).text(&member).shown(up_to.map(within));
        call.text(if descending { "descending" } else { "" }).shown(Some(limit.min(BEYOND as usize)));
        let found: Vec<(String, i64)> = self.ask(home, &call).await?;
        let mut page: Vec<_> = found.into_iter().map(|(member, score)| IndexEntry { score, member }).collect();
        if descending {
            page.reverse();
        }
        Ok(page)
    }

    async fn log(
        &self,
        shard: Shard,
        log: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        // The first entry has the number 1, and nothing comes before it.
        let before = before.unwrap_or(u64::MAX).saturating_sub(1);
        let Some(home) = self.home(shard).filter(|_| before > 0 && limit > 0) else { return Ok(Vec::new()) };
        let mut call = self.call(Script::One, home);
        call.key(home.log(log)).text("XREVRANGE").shown(Some(before)).text("-");
        call.text("COUNT").shown(Some(i64::try_from(limit).unwrap_or(i64::MAX)));
        let found: Vec<(String, (Value, Bytes))> = self.ask(home, &call).await?;
        let entry = |(id, (_, value)): (String, (Value, Bytes))| {
            let sequence = id.split('-').next().and_then(|number| number.parse().ok());
            let sequence = sequence.ok_or_else(|| StoreError::Corrupt(format!("a log entry has the id `{id}`")))?;
            Ok(LogEntry { sequence, value })
        };
        found.into_iter().map(entry).collect()
    }

    async fn counters(&self, shard: Shard, group: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        let Some(home) = self.home(shard) else { return Ok(BTreeMap::new()) };
        let mut call = self.call(Script::One, home);
        call.key(home.counters(group)).text("HGETALL");
        self.ask(home, &call).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let shard = commit.shard;
        let home = self.home(shard);
        let home = home.ok_or_else(|| {
            StoreError::Unavailable(format!("it has no shard `{shard}`; the id is from another installation"))
        })?;
        let call = commit::call(home, &self.books().epoch, &commit);
        let generation = self.hearing().generation(shard);
        let answer = self.fleet.call(home, &call, commit.narrows).await.map_err(|failure| failure.of_commit())?;
        let (committed, terms) = commit::answer(&commit, answer)?;
        if commit.announce {
            self.hearing().committed(shard, generation, committed.sequence, &Change::of(&commit));
        }
        drop(call);
        if let Some(terms) = terms {
            let (number, at) = (committed.sequence, self.fleet.clock.monotonic());
            self.fleet.recent.keep(Deed { commit: Arc::new(commit), number, terms, at });
        }
        Ok(committed)
    }

    /// Redis forgets by itself.
    async fn sweep(&self, _now: Timestamp, _most: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    /// Watchers are called where announcements are read and where commits are answered, so they must be quick.
    fn watch(&self, watcher: Watcher) {
        self.hearing().watch(watcher);
    }

    fn freshness(&self) -> Option<Arc<Freshness>> {
        Some(Arc::clone(self.hearing().freshness()))
    }
}
