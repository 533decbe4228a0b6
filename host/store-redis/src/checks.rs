//! Whether a fail-over would lose what was confirmed: looked at before the store is used, where somebody may fail over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};

use crate::error::OpenError;
use crate::place::{Address, Kind, Place};
use crate::seek::connect_to_sentinel;

/// What is looked at on each primary.
const SETTINGS: [&str; 3] = ["min-replicas-to-write", "min-replicas-max-lag", "cluster-node-timeout"];

/// What a sentinel says of a server.
type Told = BTreeMap<String, String>;

/// What sentinels know.
#[derive(Debug, Default)]
pub(crate) struct Sentinels {
    /// After so many milliseconds of silence they fail over.
    down_after: Option<u64>,
    priorities: BTreeSet<String>,
}

/// Asks the first sentinel that answers.
pub(crate) async fn ask_sentinels(place: &Place, time_out: Duration) -> Sentinels {
    let Kind::Sentinel { master } = &place.kind else { return Sentinels::default() };
    for sentinel in &place.seeds {
        let asked = async {
            let mut connection = connect_to_sentinel(place, sentinel, time_out).await?;
            let mut both = redis::pipe();
            both.cmd("SENTINEL").arg("MASTER").arg(master).cmd("SENTINEL").arg("REPLICAS").arg(master);
            both.query_async(&mut connection).await
        };
        let answered: Result<(Told, Vec<Told>), RedisError> = asked.await;
        if let Ok((of_master, replicas)) = answered {
            let down_after = of_master.get("down-after-milliseconds").and_then(|millis| millis.parse().ok());
            let priorities = replicas.into_iter().filter_map(|mut of| of.remove("slave-priority")).collect();
            return Sentinels { down_after, priorities };
        }
    }
    Sentinels::default()
}

/// Looks at one primary.
pub(crate) async fn check(
    place: &Place,
    address: &Address,
    connection: &mut MultiplexedConnection,
    sentinels: &Sentinels,
    replicas: u32,
) -> Result<(), OpenError> {
    if place.kind == Kind::Alone && replicas == 0 {
        return Ok(());
    }
    let asked: Result<BTreeMap<String, Value>, RedisError> =
        redis::cmd("CONFIG").arg("GET").arg(&SETTINGS).query_async(connection).await;
    let Ok(found) = asked else {
        tracing::warn!(
            %address,
            "Redis does not tell how it is set; see that `min-replicas-to-write` is 1 or more, and `min-replicas-max-lag` \
             shorter than it takes to fail over: revocations may be lost otherwise"
        );
        return Ok(());
    };
    let number = |name: &str| {
        let value = found.get(name).cloned()?;
        redis::from_redis_value::<String>(value).ok()?.parse::<u64>().ok()
    };
    let loses = |detail: String, todo: &str| {
        Err(OpenError::Loses { address: address.to_string(), detail, todo: todo.to_owned() })
    };
    if let [Some(0), ..] = SETTINGS.map(number) {
        let detail = "it is set to `min-replicas-to-write 0`, so that it goes on writing when it is cut off".to_owned();
        return loses(
            detail,
            "`min-replicas-to-write 1`, and `min-replicas-max-lag` shorter than it takes to fail over",
        );
    }
    let [_, lag, node_time_out] = SETTINGS.map(number);
    let (fails_over, by, todo) = match place.kind {
        Kind::Cluster => {
            (node_time_out, "cluster-node-timeout", "`min-replicas-max-lag` shorter, or `cluster-node-timeout` longer")
        }
        _ => (
            sentinels.down_after,
            "down-after-milliseconds",
            "`min-replicas-max-lag` shorter, or the sentinels' `down-after-milliseconds` longer",
        ),
    };
    if let (Some(lag), Some(millis)) = (lag, fails_over)
        && (lag == 0 || lag * 1_000 >= millis)
    {
        let detail = format!(
            "with `min-replicas-max-lag {lag}` (seconds) it may still be writing when another takes its place, after \
             `{by} {millis}` (milliseconds)"
        );
        return loses(detail, todo);
    }
    if sentinels.priorities.len() > 1 {
        let all = sentinels.priorities.iter().cloned().collect::<Vec<_>>().join(", ");
        let detail = format!(
            "its replicas have different `replica-priority` ({all}), so that one may take its place that has less than another"
        );
        return loses(detail, "the same `replica-priority` on all of them");
    }
    Ok(())
}
