//! What is looked at before the store is used, and how it comes into being.
//!
//! Hosts may begin at the same time, and any of them may die on the way: each step leaves what it finds, and the last one says
//! that the store is whole. From then on a shard without the store's epoch is a shard that was lost.

mod loading;

use std::collections::BTreeMap;

use access_model::{Entropy, Shard};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, InfoDict, IntoConnectionInfo, ProtocolVersion, RedisError};
use tokio::time::timeout;

use crate::error::{OpenError, describe};
use crate::names;
use crate::options::Options;

/// What this release writes, and the newest that it reads.
const FORMAT: u32 = 1;
/// Characters of base 62.
const EPOCH_LENGTH: usize = 16;

/// What the store is wanted for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim<'a> {
    /// To look at it: nothing is made or changed.
    Look,
    /// To serve from it. One is begun, where the options allow that.
    Serve(&'a dyn Entropy),
    /// To fill a new one from a dump.
    Load(&'a dyn Entropy),
    /// To say that the one of this epoch is filled.
    Finish(&'a str),
}

/// A store that is there.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) client: Client,
    /// Host and port, or path.
    pub(crate) address: String,
    pub(crate) epoch: String,
    pub(crate) shards: u8,
    /// What Redis says of itself.
    pub(crate) info: InfoDict,
    /// Which settings let Redis lose what it has acknowledged, if any do.
    pub(crate) weakness: Option<String>,
}

/// Looks at the Redis that `options` name, then at the store in it, or makes one.
pub(crate) async fn begin(options: &Options, aim: Aim<'_>) -> Result<Begun, OpenError> {
    let (client, address) = client(options)?;
    let unreachable = |error: RedisError| OpenError::Unreachable { address: address.clone(), detail: describe(&error) };
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.time_out))
        .set_response_timeout(Some(options.time_out));
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let connected = timeout(2 * options.time_out, connecting).await;
    let connected = connected
        .map_err(|_| OpenError::Unreachable { address: address.clone(), detail: "it took too long".to_owned() });
    let mut connection = connected?.map_err(unreachable)?;
    let info: InfoDict = redis::cmd("INFO").query_async(&mut connection).await.map_err(unreachable)?;
    check_server(&info, &address)?;
    let fsync = append_fsync(&mut connection).await;
    let weakness = weak_persistence(&info, fsync.as_deref());
    if let Some(settings) = weakness.as_ref().filter(|_| matches!(aim, Aim::Serve(_) | Aim::Load(_))) {
        tracing::warn!(
            address,
            "Redis may lose changes that were acknowledged, revocations among them, when it ends: {settings}; set \
             `appendonly yes` and `appendfsync always`"
        );
    }
    let mut beginning = Beginning { connection, options, address: &address };
    let (epoch, shards) = match aim {
        Aim::Look => beginning.store(None).await?,
        Aim::Serve(entropy) => beginning.store(Some(entropy)).await?,
        Aim::Load(entropy) => beginning.load(entropy).await?,
        Aim::Finish(epoch) => beginning.finish(epoch).await?,
    };
    Ok(Begun { client, epoch, shards, address, info, weakness })
}

/// A client that has not connected yet, and where it will.
pub(crate) fn client(options: &Options) -> Result<(Client, String), OpenError> {
    // What these errors say is fixed text; the URL is not in it.
    let unusable = |error: RedisError| OpenError::Url(error.to_string());
    let url = options.url.expose();
    if url.starts_with("rediss:") || url.starts_with("valkeys:") {
        return Err(OpenError::Url("this release speaks no TLS to Redis".to_owned()));
    }
    let info = url.into_connection_info().map_err(unusable)?;
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let address = info.addr().to_string();
    let client = Client::open(info.set_redis_settings(redis).set_tcp_settings(tcp)).map_err(unusable)?;
    Ok((client, address))
}

fn check_server(info: &InfoDict, address: &str) -> Result<(), OpenError> {
    let address = address.to_owned();
    let found: String = info.get("redis_version").unwrap_or_default();
    let major: Option<u32> = found.split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major| major < 7) {
        return Err(OpenError::TooOld { address, found });
    }
    if info.get::<String>("role").is_some_and(|role| role != "master") {
        return Err(OpenError::Replica { address });
    }
    match info.get::<String>("maxmemory_policy") {
        Some(policy) if policy != "noeviction" => Err(OpenError::Evicts { address, policy }),
        _ => Ok(()),
    }
}

/// When Redis syncs its log to the disk. None: it doesn't say, as where `CONFIG` is forbidden.
async fn append_fsync(connection: &mut MultiplexedConnection) -> Option<String> {
    let asked = redis::cmd("CONFIG").arg("GET").arg("appendfsync").query_async(connection).await;
    asked.ok().and_then(|found: BTreeMap<String, String>| found.into_values().next())
}

/// Which settings let Redis lose what it has acknowledged, if any do.
fn weak_persistence(info: &InfoDict, fsync: Option<&str>) -> Option<String> {
    if info.get::<u8>("aof_enabled") != Some(1) {
        return Some("it runs with `appendonly no`".to_owned());
    }
    let fsync = fsync.filter(|fsync| *fsync != "always")?;
    Some(format!("it runs with `appendfsync {fsync}`"))
}

struct Beginning<'a> {
    connection: MultiplexedConnection,
    options: &'a Options,
    address: &'a str,
}

impl Beginning<'_> {
    /// Epoch and number of shards of the store that is there, or was made. Without entropy nothing is made or changed.
    async fn store(&mut self, entropy: Option<&dyn Entropy>) -> Result<(String, u8), OpenError> {
        let mut found = self.read().await?;
        if found.is_empty() {
            let (Some(shards), Some(entropy)) = (self.options.shards_when_new, entropy) else {
                return Err(OpenError::Absent { address: self.address.to_owned() });
            };
            if shards == 0 || shards > Shard::LIMIT {
                return Err(OpenError::Shards(shards));
            }
            self.write(shards, entropy).await?;
            found = self.read().await?;
        }
        let field = |name: &str| found.get(name).map(String::as_str);
        if field("format") == Some(loading::LOADING) {
            return Err(OpenError::CutShort { address: self.address.to_owned() });
        }
        let format = field("format").and_then(|format| format.parse::<u32>().ok());
        match format {
            Some(found) if found > FORMAT => {
                return Err(OpenError::Newer { address: self.address.to_owned(), found, known: FORMAT });
            }
            Some(FORMAT) => {}
            _ => return Err(self.damaged("its format is not said")),
        }
        let epoch = field("epoch").ok_or_else(|| self.damaged("its epoch is not said"))?.to_owned();
        let shards = field("shards").and_then(|shards| shards.parse().ok());
        let shards = shards.filter(|shards| (1..=Shard::LIMIT).contains(shards));
        let shards: u8 = shards.ok_or_else(|| self.damaged("its number of shards is not said"))?;
        let is_whole = found.contains_key("whole");
        if !is_whole && entropy.is_none() {
            return Err(self.damaged("it was begun and not finished, which a host does that starts"));
        }
        self.shards(shards, &epoch, is_whole).await?;
        Ok((epoch, shards))
    }

    async fn read(&mut self) -> Result<BTreeMap<String, String>, OpenError> {
        let store = names::store(&self.options.prefix);
        self.query(redis::cmd("HGETALL").arg(store)).await
    }

    /// Says what the store is to be, unless another host has said so already: all of it or nothing.
    async fn write(&mut self, shards: u8, entropy: &dyn Entropy) -> Result<(), OpenError> {
        let store = names::store(&self.options.prefix);
        let epoch = access_model::entropy::random_base62(entropy, EPOCH_LENGTH)?;
        let fields = [("epoch", epoch), ("shards", shards.to_string()), ("format", FORMAT.to_string())];
        let mut all = redis::pipe();
        all.atomic();
        for (field, value) in fields {
            all.cmd("HSETNX").arg(&store).arg(field).arg(value);
        }
        let written: Result<Vec<i64>, RedisError> = all.query_async(&mut self.connection).await;
        written.map(drop).map_err(|error| self.unreachable(&error))
    }

    /// Sees that every shard belongs to the store.
    async fn shards(&mut self, shards: u8, epoch: &str, is_whole: bool) -> Result<(), OpenError> {
        for shard in (0..shards).filter_map(Shard::new) {
            let state = names::state(&self.options.prefix, shard);
            if !is_whole {
                let _: i64 = self.query(redis::cmd("HSETNX").arg(&state).arg("epoch").arg(epoch)).await?;
            }
            let found: Option<String> = self.query(redis::cmd("HGET").arg(&state).arg("epoch")).await?;
            if found.as_deref() != Some(epoch) {
                return Err(self.damaged(&format!("its shard {shard} is missing, or from another store")));
            }
        }
        if !is_whole {
            let store = names::store(&self.options.prefix);
            let _: i64 = self.query(redis::cmd("HSET").arg(store).arg("whole").arg(1)).await?;
        }
        Ok(())
    }

    async fn query<T: redis::FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, OpenError> {
        let answered = command.query_async(&mut self.connection).await;
        answered.map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &RedisError) -> OpenError {
        OpenError::Unreachable { address: self.address.to_owned(), detail: describe(error) }
    }

    fn damaged(&self, detail: &str) -> OpenError {
        OpenError::Damaged { address: self.address.to_owned(), detail: detail.to_owned() }
    }
}
