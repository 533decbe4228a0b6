//! A store that is only looked at: no heartbeat, no change. For those who ask how it is, while hosts serve from it or not.

use std::collections::BTreeMap;
use std::time::Duration;

use access_model::{Clock, Shard, Timestamp};
use access_store::{Commit, CommitError, Committed, IndexEntry, LogEntry, Range, Record, Store, StoreError, Watcher};
use redis::{InfoDict, Pipeline};

use crate::begin::{Aim, begin};
use crate::error::OpenError;
use crate::options::Options;
use crate::skew::Skew;
use crate::store::Redis;

/// Times that Redis is asked for its clock.
const TRIES: usize = 5;

/// A store that is only looked at. It is never told of a change, and a commit is refused.
#[derive(Debug)]
pub struct Look {
    pub(crate) redis: Redis,
    server: Server,
}

/// How the Redis is that holds the store.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its version.
    pub version: String,
    /// Bytes of memory that it uses.
    pub used_memory: u64,
    /// Bytes of memory that it may use; none where it may use all that there is.
    pub max_memory: Option<u64>,
    /// Which of its settings let it lose what it has acknowledged, if any do.
    pub weakness: Option<String>,
    /// Whether its last attempt to write to the disk failed.
    pub failed_to_write: bool,
    /// Drawn when the store was created; another one means another store.
    pub epoch: String,
    /// The shortest of a few.
    pub round_trip: Duration,
    /// Its wall clock minus this machine's, in milliseconds.
    pub skew_millis: i64,
}

impl Look {
    /// Looks at the store that `options` name.
    ///
    /// # Errors
    /// As [`Redis::open`] has them; a store that is absent is an error whatever the options say.
    pub async fn at(options: Options, clock: &dyn Clock) -> Result<Self, OpenError> {
        let begun = begin(&options, Aim::Look).await?;
        let redis = Redis::unproven(&begun, &options).await?;
        let clocks = clocks(&redis, clock).await;
        let (round_trip, skew_millis) =
            clocks.map_err(|detail| OpenError::Unreachable { address: begun.place.to_string(), detail })?;
        let number = |name: &str| begun.info.get::<u64>(name).unwrap_or_default();
        let server = Server {
            version: begun.info.get("redis_version").unwrap_or_default(),
            used_memory: number("used_memory"),
            max_memory: Some(number("maxmemory")).filter(|bytes| *bytes > 0),
            weakness: begun.weakness,
            failed_to_write: has_failed_to_write(&begun.info),
            epoch: begun.epoch,
            round_trip,
            skew_millis,
        };
        Ok(Self { redis, server })
    }

    /// Where Redis is: host and port, or path.
    pub fn address(&self) -> &str {
        self.redis.address()
    }

    /// How the Redis is.
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// Names of all logs, where each is, and the number of its last entry.
    ///
    /// # Errors
    /// When Redis can't answer.
    pub async fn logs(&self) -> Result<Vec<(Shard, String, u64)>, StoreError> {
        let mut logs = Vec::new();
        for shard in (0..self.shards()).filter_map(Shard::new) {
            let numbers = self.redis.log_numbers(shard).await?;
            logs.extend(numbers.into_iter().map(|(log, last)| (shard, log, last)));
        }
        Ok(logs)
    }
}

/// The shortest round trip of a few, and how far the clock of Redis is from this machine's.
async fn clocks(redis: &Redis, clock: &dyn Clock) -> Result<(Duration, i64), String> {
    let commands = redis.commands(Shard::PLATFORM).ok_or("nobody holds the platform's shard")?;
    let live = commands.live().map_err(|failure| failure.of_read().to_string())?;
    let mut pipeline = Pipeline::new();
    pipeline.cmd("TIME");
    let (mut skew, mut shortest, mut found) = (Skew::default(), Duration::MAX, 0);
    for _ in 0..TRIES {
        let (sent, sent_at) = (clock.monotonic(), clock.machine_now());
        let answers = commands.send_all(&live, &pipeline).await;
        let mut answers = answers.map_err(|failure| failure.of_read().to_string())?;
        let (round_trip, answered_at) = (clock.monotonic().saturating_sub(sent), clock.machine_now());
        let time = answers.pop().and_then(|time| redis::from_redis_value::<(i64, i64)>(time).ok());
        let (seconds, micros) = time.ok_or("it does not tell the time")?;
        let middle = sent_at.as_millis() + (answered_at.as_millis() - sent_at.as_millis()) / 2;
        shortest = shortest.min(round_trip);
        found = skew.measured(round_trip, seconds * 1_000 + micros / 1_000 - middle);
    }
    Ok((shortest, found))
}

fn has_failed_to_write(info: &InfoDict) -> bool {
    ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"]
        .iter()
        .any(|name| info.get::<String>(name).is_some_and(|status| status == "err"))
}

#[async_trait::async_trait]
impl Store for Look {
    fn shards(&self) -> u8 {
        self.redis.shards()
    }

    async fn read(&self, shard: Shard, keys: &[String]) -> Result<Vec<Option<Record>>, StoreError> {
        self.redis.read(shard, keys).await
    }

    async fn range(&self, shard: Shard, range: Range) -> Result<Vec<IndexEntry>, StoreError> {
        self.redis.range(shard, range).await
    }

    async fn log(
        &self,
        shard: Shard,
        log: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.redis.log(shard, log, before, limit).await
    }

    async fn counters(&self, shard: Shard, group: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        self.redis.counters(shard, group).await
    }

    async fn commit(&self, _: Commit) -> Result<Committed, CommitError> {
        Err(only_looking().into())
    }

    async fn sweep(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Err(only_looking())
    }

    fn watch(&self, _: Watcher) {}
}

fn only_looking() -> StoreError {
    StoreError::Unavailable("it is only looked at here".to_owned())
}
