//! Hosts of one store know of each other.

use std::time::Duration;

use access_model::{Clock, Shard};

use crate::bench::{Bench, CATALOG};

#[tokio::test]
async fn hosts_see_each_other_come_and_go() {
    let (bench, freshness) = Bench::shared(CATALOG).await;
    let until = bench.clock.monotonic() + Duration::from_secs(3_600);
    (0..16).for_each(|shard| freshness.prove(Shard::new(shard).unwrap(), 1, until));
    let other = bench.second_host().await;
    let look = async || {
        bench.clock.advance(Duration::from_secs(5));
        other.tick().await;
        bench.authority.tick().await;
        bench.authority.other_hosts()
    };
    let seen = look().await;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].set_digest, *other.policies().digest());
    assert_eq!(look().await.len(), 1);
    other.shut_down().await;
    bench.clock.advance(Duration::from_secs(5));
    bench.authority.tick().await;
    assert_eq!(bench.authority.other_hosts(), []);
    // One that is killed says nothing.
    assert_eq!(look().await.len(), 1);
    bench.clock.advance(Duration::from_secs(21));
    bench.authority.tick().await;
    assert_eq!(bench.authority.other_hosts(), []);
}
