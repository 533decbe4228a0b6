//! A host that is killed in the middle of it: what was acknowledged is there, with its record, and the chain holds.

use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{Host, in_parallel};
use rustix::process::Signal;
use serde_json::json;

use super::{change, export, operators, records, signing_key, verify};

const CONNECTIONS: usize = 6;
/// Acknowledged changes after which it dies.
const DIES_AFTER: usize = 600;

#[test]
fn what_was_acknowledged_is_there_with_its_record_and_the_chain_holds() {
    let mut host = Host::dev();
    let keys = host.issue_many(CONNECTIONS);
    for _ in 0..2 {
        let acknowledged = AtomicUsize::new(0);
        let before: Vec<usize> = keys.iter().map(|key| recorded(&export(&host, ""), &key.id)).collect();
        let operators = operators(&host);
        let counts = in_parallel(CONNECTIONS, |number| {
            let (operator, key) = (&operators[number % operators.len()], &keys[number]);
            let mut count = 0_usize;
            loop {
                let what = if count.is_multiple_of(2) { "disable" } else { "enable" };
                let Ok(answered) = operator.try_send(&change(&host, key, what)) else { return count };
                answered.check_json(200);
                count += 1;
                if acknowledged.fetch_add(1, Ordering::Relaxed) == DIES_AFTER {
                    host.signal(Signal::KILL);
                }
            }
        });
        assert!(counts.iter().sum::<usize>() >= DIES_AFTER);
        host = host.kill_9().start();
        let text = export(&host, "");
        verify(text.as_bytes(), &["--key", &signing_key(&host)]).check(0, &["verified"]);
        for ((key, count), before) in keys.iter().zip(counts).zip(before) {
            // One more may have been made whose answer was cut off.
            let made = recorded(&text, &key.id) - before;
            assert!((count..=count + 1).contains(&made), "{made} records of {count} changes");
            let state = if made.is_multiple_of(2) { "active" } else { "disabled" };
            assert_eq!(host.show(key)["state"], json!(state), "as the records say");
            if !made.is_multiple_of(2) {
                host.change(key, "enable");
            }
        }
    }
}

/// How often a key was disabled or enabled, by an export.
fn recorded(text: &str, key: &str) -> usize {
    let is_change = |record: &&serde_json::Value| {
        record["target"] == json!(key)
            && ["keys.disable", "keys.enable"].contains(&record["action"].as_str().unwrap_or(""))
    };
    records(text).iter().filter(is_change).count()
}
