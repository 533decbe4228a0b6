//! What due work costs the store: counted, not timed. `tests/bench/due` does the same with a hundred thousand organizations and
//! a million keys, and by the clock.

use access_authority::PageRequest;
use access_authority::events::{ACTION_LIST, EventFilter};
use access_model::{Catalog, Clock as _, Timestamp};

use crate::bench::{Bench, CATALOG};
use crate::stock::{self, Owner};

/// Reads and commits of so many ticks; every fourth looks at the same shard again.
async fn ticks(bench: &Bench, count: usize) -> (u64, u64) {
    let before = bench.failing.calls();
    for _ in 0..count {
        bench.authority.tick().await;
    }
    let after = bench.failing.calls();
    (after.0 - before.0, after.1 - before.1)
}

/// A host over so many organizations and keys, of which some of the demo's are due. What the demo itself left to do is done.
async fn host(organizations: usize, keys: usize, due: usize) -> Bench {
    let bench = Bench::new().await;
    let catalog = Catalog::parse(CATALOG).unwrap();
    let (kind, now) = (&catalog.kinds["production"], bench.clock.now());
    let owners = stock::organizations(bench.failing.as_ref(), organizations).await;
    stock::keys(bench.failing.as_ref(), &owners, 0..keys, kind, (now, now), stock::nobodys()).await;
    ticks(&bench, 16).await;
    let demo = Owner { organization: bench.demo.organization, workspace: bench.demo.workspace };
    let issued_at = Timestamp::from_millis(now.as_millis() - 76 * stock::DAY.as_millis() as i64);
    let numbers = keys..keys + due;
    stock::keys(bench.failing.as_ref(), &[demo], numbers, kind, (issued_at, now), stock::nobodys()).await;
    bench
}

#[tokio::test]
async fn with_nothing_due_a_turn_of_all_shards_is_a_read_for_each_however_many_organizations_and_keys_there_are() {
    for (organizations, keys) in [(0, 0), (10, 10), (100_000, 0), (1_000, 100_000)] {
        let bench = host(organizations, keys, 0).await;
        for _ in 0..3 {
            assert_eq!(ticks(&bench, 4).await, (16, 0), "{organizations} organizations and {keys} keys");
        }
    }
}

#[tokio::test]
async fn what_is_due_costs_what_it_costs_however_much_is_not() {
    let mut costs = Vec::new();
    for due in [0, 20, 40, 80] {
        let [few, many] = [(1, 1), (1_000, 50_000)].map(async |(organizations, keys)| {
            let bench = host(organizations, keys, due).await;
            let cost = ticks(&bench, 16).await;
            let filter = EventFilter { event: Some("key.rotation_due".to_owned()), severity: None };
            let page = PageRequest { limit: Some(200), cursor: None };
            let told = bench.authority.list_events(&bench.permit(ACTION_LIST).await, &filter, &page).await.unwrap();
            assert_eq!(told.items.len(), due, "each is told of once");
            assert_eq!(ticks(&bench, 4).await, (16, 0), "and then nothing is left to do");
            cost
        });
        let (few, many) = (few.await, many.await);
        assert_eq!(few, many, "{due} are due");
        costs.push(few);
    }
    // As much more for each that is due.
    let more = |at: usize| (costs[at].0 - costs[at - 1].0, costs[at].1 - costs[at - 1].1);
    assert_eq!((2 * more(2).0, 2 * more(2).1), more(3), "{costs:?}");
    assert!(costs[0] == (64, 0) && more(2).1 > 0, "{costs:?}");
}
