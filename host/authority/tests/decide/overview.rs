//! The overview: keys that something is to be done about, and policies that are in trouble.

use std::time::Duration;

use access_authority::overview::{ACTION_GET, DueKeys, OverviewView};
use serde_json::json;

use crate::bench::{Ask, Bench};

const DAY: Duration = Duration::from_secs(86_400);

impl Bench {
    async fn overview(&self) -> OverviewView {
        self.authority.get_overview(&self.permit(ACTION_GET).await).await.unwrap()
    }
}

fn names(keys: &DueKeys) -> Vec<&str> {
    assert_eq!(keys.count, keys.keys.len() as u64);
    let mut names: Vec<_> = keys.keys.iter().map(|key| key.name.as_str()).collect();
    // Several were made, and never used, at the same instant.
    names.sort_unstable();
    names
}

#[tokio::test]
async fn keys_are_told_of_when_something_is_to_be_done_about_them() {
    let bench = Bench::new().await;
    let view = bench.overview().await;
    assert_eq!((view.active_keys, view.more_keys, view.policies), (3, false, 0));
    for none in [&view.rotation_due, &view.expiring, &view.unused] {
        assert_eq!(names(none), [""; 0]);
    }
    bench.clock.advance(31 * DAY);
    bench.ask(Ask::default()).await;
    bench.authority.tick().await;
    let view = bench.overview().await;
    assert_eq!(names(&view.unused), ["demo read_only", "demo staging"]);
    bench.clock.advance(46 * DAY);
    let view = bench.overview().await;
    assert_eq!((names(&view.rotation_due), names(&view.expiring)), (vec!["demo production"], vec!["demo staging"]));
    assert_eq!(view.expiring.keys[0].at.map(|at| at.to_string()).as_deref(), Some("2026-04-01T00:00:00.000Z"));
    assert_eq!(view.unused.count, 3);
    // What was rotated has been dealt with; what has ended is over.
    let production = view.rotation_due.keys[0].id;
    bench.rotate(&production, Some(3_600)).await;
    let view = bench.overview().await;
    assert_eq!(view.rotation_due.count, 0);
    bench.clock.advance(14 * DAY);
    let view = bench.overview().await;
    assert_eq!((view.active_keys, view.expiring.count, names(&view.unused)), (2, 0, vec!["demo read_only"]));
}

#[tokio::test]
async fn a_list_names_twenty_and_counts_all() {
    let bench = Bench::new().await;
    for number in 0..25 {
        let expires_at = bench.authority.now().plus(Duration::from_secs(3_600 * (30 - number)));
        let request = json!({ "kind": "staging", "name": format!("key {number}"), "expires_at": expires_at });
        bench.issue(serde_json::from_value(request).unwrap()).await;
    }
    let expiring = bench.overview().await.expiring;
    assert_eq!((expiring.count, expiring.keys.len(), expiring.keys[0].name.as_str()), (25, 20, "key 24"));
}
