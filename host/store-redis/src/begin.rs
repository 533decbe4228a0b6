//! What is looked at before the store is used, and how it comes into being.
//!
//! Hosts may begin at the same time, and any of them may die on the way: each step leaves what it finds, and the last one says
//! that the store is whole. From then on a shard without the store's epoch is a shard that was lost.

mod loading;

use std::collections::BTreeMap;

use access_model::{Entropy, Shard};
use redis::aio::MultiplexedConnection;
use redis::{InfoDict, RedisError};

use crate::checks::{ask_sentinels, check};
use crate::error::{OpenError, describe};
use crate::names;
use crate::options::Options;
use crate::place::{Kind, Place};
use crate::seek::{connect, seek};
use crate::slots::{Primary, Slots};

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
    pub(crate) place: Place,
    pub(crate) slots: Slots,
    pub(crate) epoch: String,
    pub(crate) shards: u8,
    /// So many replicas are waited for by what narrows.
    pub(crate) replicas: u32,
    /// What the server says of itself that knows which store this is.
    pub(crate) info: InfoDict,
    /// Which settings let Redis lose what it has acknowledged, if any do.
    pub(crate) weakness: Option<String>,
}

/// Looks at the Redis that `options` name, then at the store in it, or makes one.
pub(crate) async fn begin(options: &Options, aim: Aim<'_>) -> Result<Begun, OpenError> {
    let place = Place::of(options)?;
    let replicas = options.wait_replicas.unwrap_or(u32::from(place.kind != Kind::Alone));
    let found = seek(&place, &[], 0, options.time_out).await;
    let slots = found.map_err(|detail| OpenError::Unreachable { address: place.to_string(), detail })?;
    let sentinels = ask_sentinels(&place, options.time_out).await;
    let mut beginning = Beginning { servers: Vec::new(), slots: &slots, options, place: &place };
    let (mut info, mut weakness) = (None, None);
    for primary in slots.primaries() {
        let address = primary.address.to_string();
        let unreachable =
            |error: RedisError| OpenError::Unreachable { address: address.clone(), detail: describe(&error) };
        let connected = connect(place.client(&primary.address), options.time_out).await;
        let mut connection = connected.map_err(unreachable)?;
        let said: InfoDict = redis::cmd("INFO").query_async(&mut connection).await.map_err(unreachable)?;
        check_server(&said, &address)?;
        check(&place, &primary.address, &mut connection, &sentinels, replicas).await?;
        let fsync = append_fsync(&mut connection).await;
        if let Some(settings) = weak_persistence(&said, fsync.as_deref()) {
            if matches!(aim, Aim::Serve(_) | Aim::Load(_)) {
                tracing::warn!(
                    address,
                    "Redis may lose changes that were acknowledged, revocations among them, when it ends: {settings}; set \
                     `appendonly yes` and `appendfsync always`"
                );
            }
            weakness.get_or_insert(settings);
        }
        if slots.holder_of(&names::store(&options.prefix)) == Some(primary) {
            info = Some(said);
        }
        beginning.servers.push((primary, connection));
    }
    let info = info.ok_or_else(|| beginning.nobody_holds_it())?;
    let (epoch, shards) = match aim {
        Aim::Look => beginning.store(None).await?,
        Aim::Serve(entropy) => beginning.store(Some(entropy)).await?,
        Aim::Load(entropy) => beginning.load(entropy).await?,
        Aim::Finish(epoch) => beginning.finish(epoch).await?,
    };
    Ok(Begun { slots, epoch, shards, replicas, info, weakness, place })
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
    servers: Vec<(&'a Primary, MultiplexedConnection)>,
    slots: &'a Slots,
    options: &'a Options,
    place: &'a Place,
}

impl Beginning<'_> {
    /// Epoch and number of shards of the store that is there, or was made. Without entropy nothing is made or changed.
    async fn store(&mut self, entropy: Option<&dyn Entropy>) -> Result<(String, u8), OpenError> {
        let mut found = self.read().await?;
        if found.is_empty() {
            let (Some(shards), Some(entropy)) = (self.options.shards_when_new, entropy) else {
                return Err(OpenError::Absent { address: self.place.to_string() });
            };
            if shards == 0 || shards > Shard::LIMIT {
                return Err(OpenError::Shards(shards));
            }
            self.write(shards, entropy).await?;
            found = self.read().await?;
        }
        let field = |name: &str| found.get(name).map(String::as_str);
        if field("format") == Some(loading::LOADING) {
            return Err(OpenError::CutShort { address: self.place.to_string() });
        }
        let format = field("format").and_then(|format| format.parse::<u32>().ok());
        match format {
            Some(found) if found > FORMAT => {
                return Err(OpenError::Newer { address: self.place.to_string(), found, known: FORMAT });
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
        self.query(&store, redis::cmd("HGETALL").arg(&store)).await
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
        let written: Result<Vec<i64>, RedisError> = all.query_async(self.server_of(&store)?).await;
        written.map(drop).map_err(|error| self.unreachable(&error))
    }

    /// Sees that every shard belongs to the store.
    async fn shards(&mut self, shards: u8, epoch: &str, is_whole: bool) -> Result<(), OpenError> {
        for shard in (0..shards).filter_map(Shard::new) {
            let state = names::state(&self.options.prefix, shard);
            if !is_whole {
                let _: i64 = self.query(&state, redis::cmd("HSETNX").arg(&state).arg("epoch").arg(epoch)).await?;
            }
            let found: Option<String> = self.query(&state, redis::cmd("HGET").arg(&state).arg("epoch")).await?;
            if found.as_deref() != Some(epoch) {
                return Err(self.damaged(&format!("its shard {shard} is missing, or from another store")));
            }
        }
        if !is_whole {
            let store = names::store(&self.options.prefix);
            let _: i64 = self.query(&store, redis::cmd("HSET").arg(&store).arg("whole").arg(1)).await?;
        }
        Ok(())
    }

    async fn query<T: redis::FromRedisValue>(&mut self, key: &str, command: &redis::Cmd) -> Result<T, OpenError> {
        let answered = command.query_async(self.server_of(key)?).await;
        answered.map_err(|error| self.unreachable(&error))
    }

    /// The server that holds a key.
    fn server_of(&mut self, key: &str) -> Result<&mut MultiplexedConnection, OpenError> {
        let nobody = self.nobody_holds_it();
        let holder = self.slots.holder_of(key);
        let server = self.servers.iter_mut().find(|(primary, _)| Some(*primary) == holder);
        server.map(|(_, connection)| connection).ok_or(nobody)
    }

    fn nobody_holds_it(&self) -> OpenError {
        let detail = "it has slots that no server holds".to_owned();
        OpenError::Unreachable { address: self.place.to_string(), detail }
    }

    fn unreachable(&self, error: &RedisError) -> OpenError {
        OpenError::Unreachable { address: self.place.to_string(), detail: describe(error) }
    }

    fn damaged(&self, detail: &str) -> OpenError {
        OpenError::Damaged { address: self.place.to_string(), detail: detail.to_owned() }
    }
}
