//! Swapping the set while it is asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{Answer, AtEnd, Question, in_parallel};
use serde_json::json;

use super::{IN_FORCE, from_outside, served, wait_for};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;

#[test]
fn swapping_under_load_is_seen_as_one_set_or_the_other() {
    let (host, folder) = served();
    host.allow_from(&json!(["203.0.113.0/24"]));
    let with = host.decide(&from_outside(&host)).set_digest().to_owned();
    // A key for each connection, so that no quota comes in between.
    let keys: Vec<_> = (0..CONNECTIONS).map(|_| host.issue("production", &["jobs:read"])).collect();

    let over = AtomicBool::new(false);
    let answers = in_parallel(CONNECTIONS + 1, |number| {
        let mut seen: BTreeMap<(String, Vec<String>), usize> = BTreeMap::new();
        let Some(key) = keys.get(number) else {
            let _end = AtEnd(&over);
            for _ in 0..ROUNDS {
                wait_for(&host, IN_FORCE, || folder.take_out("ip-allow-list"));
                wait_for(&host, IN_FORCE, || folder.put_back("ip-allow-list"));
            }
            return seen;
        };
        let client = host.client(Some(&host.identity().gateway_token));
        let asked = Question::reads_jobs(&key.secret).from("198.51.100.7").request();
        while !over.load(Ordering::Relaxed) {
            let response = client.try_send(&asked).expect("no connection breaks");
            let answer = Answer::of(response.check_json(200));
            *seen.entry((answer.set_digest().to_owned(), answer.codes())).or_default() += 1;
        }
        seen
    });

    let mut all: BTreeMap<(String, Vec<String>), usize> = BTreeMap::new();
    for (said, count) in answers.into_iter().flatten() {
        *all.entry(said).or_default() += count;
    }
    let denied = |codes: &[String]| codes == ["ip_not_allowed"];
    assert_eq!(all.len(), 2, "two sets, each with its one answer: {all:?}");
    for ((digest, codes), count) in &all {
        assert!(if *digest == with { denied(codes) } else { codes.is_empty() }, "{all:?}");
        assert!(*count > CONNECTIONS, "{all:?}");
    }
    assert_eq!(host.decide(&from_outside(&host)).set_digest(), with);
}
