//! Who may be written to: sentinels are asked, or nodes of the cluster, all at once, and the first good answer counts. One that
//! is out of date leads to a server that refuses, and so to being asked again.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisError, RedisResult, Value};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::describe;
use crate::place::{Address, Kind, Place};
use crate::slots::{Primary, Slots};

/// Asks who holds what. `known` are servers that were there before, and may be still when no seed is; whoever tells of an earlier
/// configuration than `epoch` is believed only when nobody tells of a later one.
pub(crate) async fn seek(place: &Place, known: &[Address], epoch: u64, time_out: Duration) -> Result<Slots, String> {
    let mut asked = place.seeds.clone();
    let mut asking = JoinSet::new();
    match &place.kind {
        Kind::Alone => {
            let server = asked.pop().ok_or("nobody is named")?;
            return Ok(Slots::all_at(0, server));
        }
        Kind::Sentinel { master } => {
            for sentinel in asked {
                let (place, master) = (place.clone(), master.clone());
                asking.spawn(async move { ask_sentinel(&place, &sentinel, &master, time_out).await });
            }
        }
        Kind::Cluster => {
            asked.extend(known.iter().filter(|known| !place.seeds.contains(known)).cloned());
            for node in asked {
                let place = place.clone();
                asking.spawn(async move { ask_node(&place, &node, time_out).await });
            }
        }
    }
    let (mut told, mut older) = (Vec::new(), None);
    while let Some(answer) = asking.join_next().await {
        match answer {
            Ok(Ok(slots)) if slots.epoch() >= epoch => return Ok(slots),
            Ok(Ok(slots)) => older = Some(slots),
            Ok(Err(why)) => told.push(why),
            Err(error) => told.push(error.to_string()),
        }
    }
    older.ok_or_else(|| told.join("; "))
}

/// Connects, or says why not.
pub(crate) async fn connect(
    client: RedisResult<Client>,
    time_out: Duration,
) -> Result<MultiplexedConnection, RedisError> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(time_out)).set_response_timeout(Some(time_out));
    let client = client?;
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    // The time-outs of the parts add up; this one bounds them all.
    match timeout(2 * time_out, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

/// Connects to a sentinel: the password is for those who ask for it.
pub(crate) async fn connect_to_sentinel(
    place: &Place,
    sentinel: &Address,
    time_out: Duration,
) -> Result<MultiplexedConnection, RedisError> {
    let ask = async |is_named| {
        let mut connection = connect(place.client_of_sentinel(sentinel, is_named), time_out).await?;
        let _: Value = redis::cmd("PING").query_async(&mut connection).await?;
        Ok(connection)
    };
    match ask(false).await {
        Err(error) if place.has_password() && is_refusal(&error) => ask(true).await,
        answer => answer,
    }
}

fn is_refusal(error: &RedisError) -> bool {
    error.code() == Some("NOAUTH") || error.kind() == redis::ErrorKind::AuthenticationFailed
}

async fn ask_sentinel(place: &Place, sentinel: &Address, master: &str, time_out: Duration) -> Result<Slots, String> {
    let told = |error: RedisError| format!("the sentinel at {sentinel}: {}", describe(&error));
    let mut connection = connect_to_sentinel(place, sentinel, time_out).await.map_err(told)?;
    let mut command = redis::cmd("SENTINEL");
    command.arg("MASTER").arg(master);
    let found: BTreeMap<String, String> = command.query_async(&mut connection).await.map_err(told)?;
    let of = |name: &str| found.get(name).map(String::as_str);
    let address = of("ip").zip(of("port").and_then(|port| port.parse().ok()));
    let address = address.map(|(host, port)| Address::Tcp(host.to_owned(), port));
    let address = address.ok_or_else(|| format!("the sentinel at {sentinel} does not say where `{master}` is"))?;
    let epoch = of("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or_default();
    let told = |error: RedisError| format!("{address}, which the sentinel at {sentinel} names: {}", describe(&error));
    let mut connection = connect(place.client(&address), time_out).await.map_err(told)?;
    let role: Value = redis::cmd("ROLE").query_async(&mut connection).await.map_err(told)?;
    let role = parts(role).and_then(|mut parts| taken::<String>(&mut parts));
    if role.as_deref() != Some("master") {
        return Err(format!("{address}, which the sentinel at {sentinel} names, is no primary"));
    }
    Ok(Slots::all_at(epoch, address))
}

async fn ask_node(place: &Place, node: &Address, time_out: Duration) -> Result<Slots, String> {
    let told = |error: RedisError| format!("{node}: {}", describe(&error));
    let mut connection = connect(place.client(node), time_out).await.map_err(told)?;
    let mut both = redis::pipe();
    both.cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("SLOTS");
    let (state, held): (String, Value) = both.query_async(&mut connection).await.map_err(told)?;
    // A node that is cut off tells of a cluster that is no more.
    if !state.contains("cluster_state:ok") {
        return Err(format!("{node}: the cluster is down, as it sees it"));
    }
    let epoch = state.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:")?.parse().ok());
    read_slots(epoch.unwrap_or_default(), held, node)
        .ok_or_else(|| format!("{node}: what it says of slots can't be read"))
}

/// What `CLUSTER SLOTS` answers: first slot, last slot, the primary, its replicas.
fn read_slots(epoch: u64, answer: Value, asked: &Address) -> Option<Slots> {
    let mut held = Vec::new();
    for range in parts(answer)? {
        let mut range = parts(range)?;
        let (first, last) = (taken(&mut range)?, taken(&mut range)?);
        let mut primary = parts(range.next()?)?;
        // None where it is the one that was asked, which need not know by which name it is reached.
        let host: Option<String> = taken(&mut primary)?;
        let (port, id) = (taken(&mut primary)?, taken(&mut primary)?);
        let address = match (host.filter(|host| !host.is_empty()), asked) {
            (Some(host), _) => Address::Tcp(host, port),
            (None, Address::Tcp(host, _)) => Address::Tcp(host.clone(), port),
            (None, Address::Unix(_)) => asked.clone(),
        };
        held.push((first..=last, Primary { address, id }));
    }
    Some(Slots::new(epoch, held))
}

fn parts(value: Value) -> Option<std::vec::IntoIter<Value>> {
    match value {
        Value::Array(parts) => Some(parts.into_iter()),
        _ => None,
    }
}

fn taken<T: FromRedisValue>(parts: &mut std::vec::IntoIter<Value>) -> Option<T> {
    redis::from_redis_value(parts.next()?).ok()
}
