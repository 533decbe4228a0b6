//! Exports that are checked: whole ones pass, and whatever was done to one is found where it was done.

use harness::{Host, in_parallel};
use serde_json::json;

use super::{change, export, operators, records, signing_key, verify};

const CONNECTIONS: usize = 8;
const EACH: usize = 1_250;

#[test]
fn ten_thousand_changes_are_all_there_and_verified() {
    let host = Host::dev();
    let keys = host.issue_many(CONNECTIONS);
    let operators = operators(&host);
    in_parallel(CONNECTIONS, |number| {
        let operator = &operators[number % operators.len()];
        for turn in 0..EACH {
            let what = if turn.is_multiple_of(2) { "disable" } else { "enable" };
            operator.send(&change(&host, &keys[number], what)).check_json(200);
        }
    });
    host.wait_until_all_know();
    let text = export(&host, "");
    let key = signing_key(&host);
    let told = verify(text.as_bytes(), &["--key", &key, "--output", "json"]).check_json(0);
    assert_eq!((&told["verified"], &told["keys"]), (&json!(true), &json!([key])));
    let mut changes = [0; CONNECTIONS];
    for record in records(&text)
        .iter()
        .filter(|record| ["keys.disable", "keys.enable"].contains(&record["action"].as_str().unwrap()))
    {
        let target = record["target"].as_str().unwrap();
        changes[keys.iter().position(|key| key.id == target).expect("one of those keys")] += 1;
    }
    assert_eq!(changes, [EACH; CONNECTIONS], "each has its record, and one");
    // What is left out stands there as its hash.
    let filtered = export(&host, "?action=keys.issue");
    let told = verify(filtered.as_bytes(), &["--key", &key, "--output", "json"]).check_json(0);
    assert!(told["trailer"]["left_out"].as_u64().unwrap() >= (CONNECTIONS * EACH) as u64, "{told}");
    assert_eq!(told["trailer"]["records"], records(&filtered).len());
}

#[test]
fn what_is_done_to_an_export_is_found_where_it_was_done() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    host.change(&key, "disable");
    let text = export(&host, "");
    let trusted = signing_key(&host);
    verify(text.as_bytes(), &["--key", &trusted]).check(0, &["verified", &trusted]);
    verify(text.as_bytes(), &[]).check(0, &["give --key"]);
    verify(text.as_bytes(), &["--key", &"0".repeat(64)]).check(2, &["line 1", "not the one that was given"]);
    verify(text.as_bytes(), &["--key", "nonsense"]).check(64, &["hexadecimal"]);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = lines.iter().position(|line| line.contains("\"keys.disable\"")).expect("the change is there");
    let sequence = serde_json::from_str::<serde_json::Value>(lines[at]).unwrap()["sequence"].clone();
    let (line, record) = (format!("line {}, ", at + 1), format!("record {sequence} of `audit/"));
    // A byte.
    let changed = text.replacen("\"keys.disable\"", "\"keys.disabla\"", 1);
    verify(changed.as_bytes(), &[]).check(2, &[&line, &record, "was changed"]);
    // A record that is dropped, and one that is swapped with its neighbour.
    let mut dropped = lines.clone();
    dropped.remove(at);
    verify(dropped.concat().as_bytes(), &[]).check(2, &[&line, &record, "is not in its place"]);
    let mut swapped = lines.clone();
    swapped.swap(at, at + 1);
    verify(swapped.concat().as_bytes(), &[]).check(2, &[&line, &record, "is not in its place"]);
    // What is cut off, between two lines and within one.
    let fault = verify(lines[..lines.len() - 1].concat().as_bytes(), &["--output", "json"]).check_json(3);
    assert_eq!((&fault["verified"], &fault["fault"]["line"]), (&json!(false), &json!(lines.len())));
    verify(&text.as_bytes()[..text.len() / 2], &[]).check(3, &["not verified"]);
    verify(b"", &[]).check(3, &["line 1", "trailer"]);
    verify(export(&host, "?format=csv").as_bytes(), &[]).check(2, &["line 1"]);
    // A host's trail after that of another, or twice.
    verify(text.repeat(2).as_bytes(), &[]).check(2, &[&format!("line {}", lines.len() + 1)]);
}

#[test]
fn a_day_before_its_end_a_record_is_there_and_a_day_after_it_is_gone() {
    const DAY: u64 = 86_400;
    let host = Host::dev();
    let key = host.issue("read_only", &["jobs:read"]);
    let is_told = |text: &str| records(text).iter().any(|record| record["target"] == json!(key.id));
    host.advance(364 * DAY);
    let text = export(&host, "");
    assert!(is_told(&text));
    verify(text.as_bytes(), &["--key", &signing_key(&host)]).check(0, &[]);
    let first = |text: &str| {
        text.lines().nth(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["sequence"].clone())
    };
    assert_eq!(first(&text), Some(json!(1)));
    host.advance(2 * DAY);
    harness::wait_until("it is deleted", || first(&export(&host, "")) != Some(json!(1)));
    let text = export(&host, "");
    assert!(!is_told(&text));
    verify(text.as_bytes(), &["--key", &signing_key(&host)]).check(0, &[]);
    // And after a crash.
    let host = host.kill_9().start();
    verify(export(&host, "").as_bytes(), &["--key", &signing_key(&host)]).check(0, &[]);
}
