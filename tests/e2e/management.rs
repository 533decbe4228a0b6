//! The books: who may keep them, how they are read in pages, and what they tell of every change.

use std::collections::BTreeSet;

use harness::{Host, Key, in_parallel};
use serde_json::{Value, json};

/// All items of a list, by pages of `limit`; and how many pages there were.
#[track_caller]
fn all_pages(host: &Host, list: &str, limit: usize) -> (Vec<Value>, usize) {
    let (mut items, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = host.operator().get(&host.workspace(&format!("{list}?limit={limit}{cursor}"))).check_json(200);
        let of_page = page["items"].as_array().unwrap();
        assert!(of_page.len() <= limit, "{page}");
        items.extend(of_page.clone());
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (items, pages),
        }
    }
}

/// The records that a filter lets through, oldest first.
#[track_caller]
fn audit(host: &Host, filter: &str) -> Vec<Value> {
    let page = host.operator().get(&host.workspace(&format!("/audit?limit=200&{filter}"))).check_json(200);
    assert_eq!(page["next_cursor"], Value::Null);
    page["items"].as_array().unwrap().iter().rev().cloned().collect()
}

#[test]
fn nobody_manages_anything() {
    let host = Host::dev();
    let wrong = harness::secret::guessed(&host.identity().operator_token);
    for nobody in [None, Some("x"), Some(wrong.as_str()), Some("cf_op_")] {
        let nobody = host.client(nobody);
        nobody.get(&host.workspace("/keys")).check_problem(401, "unauthenticated");
        nobody.post(&host.workspace("/keys"), &json!({ "kind": "nope" })).check_problem(401, "unauthenticated");
        nobody.put(&host.workspace("/network"), &json!({})).check_problem(401, "unauthenticated");
        nobody.post("/v1/gateways", &json!({})).check_problem(401, "unauthenticated");
        nobody.post("/v1/dev/clock", &json!({ "advance_seconds": 1 })).check_problem(401, "unauthenticated");
    }
}

#[test]
fn pages_hold_every_key_once() {
    let host = Host::real();
    let mut issued = BTreeSet::new();
    for number in 0..25 {
        issued.insert(host.issue_with("staging", &[], &json!({ "name": format!("key {number}") })).id);
    }
    for (limit, expected_pages) in [(10, 3), (5, 5), (1, 25), (200, 1)] {
        let (items, pages) = all_pages(&host, "/keys", limit);
        let ids: BTreeSet<_> = items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!((items.len(), &ids, pages), (25, &issued, expected_pages), "limit {limit}");
        assert!(items.iter().all(|item| item.get("secret").is_none()));
    }
    let times: Vec<_> = all_pages(&host, "/keys", 10).0.iter().map(|item| item["created_at"].to_string()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");

    // What is issued meanwhile moves nothing between the pages.
    let first = host.operator().get(&host.workspace("/keys?limit=10")).check_json(200);
    host.issue("staging", &[]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = host.operator().get(&host.workspace(&format!("/keys?limit=200&cursor={cursor}"))).check_json(200);
    assert_eq!(second["items"].as_array().unwrap().len(), 15);
    assert_eq!(host.operator().get(&host.workspace("/keys")).check_json(200)["items"].as_array().unwrap().len(), 26);
}

#[test]
fn limits_and_cursors_that_are_none() {
    let host = Host::dev();
    for _ in 0..3 {
        host.issue("staging", &[]);
    }
    for list in ["/keys", "/audit"] {
        let refused = |query: &str, says: &str| {
            let refused = host.operator().get(&host.workspace(&format!("{list}?{query}")));
            refused.check_problem_says(400, "invalid_request", says);
        };
        for limit in ["0", "201", "x", "-1", "", "1.5", "99999999999999999999999"] {
            refused(&format!("limit={limit}"), "`limit`");
        }
        refused("limit=1&limit=2", "`limit`");
        refused("limt=1", "`limit`");
        let other = if list == "/keys" { "/audit" } else { "/keys" };
        let cursor_of = |list: &str| {
            let page = host.operator().get(&host.workspace(&format!("{list}?limit=1"))).check_json(200);
            page["next_cursor"].as_str().unwrap().to_owned()
        };
        let (own, foreign) = (cursor_of(list), cursor_of(other));
        host.operator().get(&host.workspace(&format!("{list}?limit=1&cursor={own}"))).check_json(200);
        refused(&format!("cursor={foreign}"), "`cursor`");
        for at in 0..own.len() {
            let with = if own[at..].starts_with('A') { "B" } else { "A" };
            let mut tampered = own.clone();
            tampered.replace_range(at..=at, with);
            refused(&format!("cursor={tampered}"), "`cursor`");
        }
        for garbage in ["", "x", "%00", "%F0%9F%91%BB", &own[1..], &own[..own.len() - 2], &format!("{own}{own}")] {
            refused(&format!("cursor={garbage}"), "`cursor`");
        }
    }
}

#[test]
fn every_change_is_told_with_before_and_after() {
    let host = Host::real();
    let key = host.issue("production", &["jobs:read"]);
    let successor = host.rotate(&key, 3_600);
    host.change(&successor, "disable");
    host.change(&successor, "enable");
    host.change(&successor, "revoke");
    host.allow_from(&json!(["203.0.113.0/24"]));
    // What changes nothing is not told.
    host.change(&successor, "revoke");
    host.allow_from(&json!(["203.0.113.0/24"]));
    host.try_rotate(&successor, 0).check_problem(409, "conflict");

    let records = audit(&host, "");
    let state = |of: &Value| of["state"].clone();
    let workspace = &host.identity().workspace;
    let expected = [
        ("keys.issue", &key.id, Value::Null, json!("active")),
        ("keys.rotate", &key.id, json!("active"), json!("active")),
        ("keys.issue", &successor.id, Value::Null, json!("active")),
        ("keys.disable", &successor.id, json!("active"), json!("disabled")),
        ("keys.enable", &successor.id, json!("disabled"), json!("active")),
        ("keys.revoke", &successor.id, json!("active"), json!("revoked")),
        ("network.update", workspace, Value::Null, Value::Null),
    ];
    let told: Vec<_> = records.iter().filter(|record| record["actor"]["kind"] == "operator").collect();
    assert_eq!(told.len(), expected.len(), "{records:#?}");
    let operator = &told[0]["actor"]["id"];
    assert!(operator.as_str().is_some_and(|id| id.starts_with("op_")), "{operator}");
    for (record, (action, target, before, after)) in told.iter().zip(expected) {
        assert_eq!((&record["action"], &record["target"]), (&json!(action), &json!(target)), "{record}");
        assert_eq!((state(&record["before"]), state(&record["after"])), (before, after), "{record}");
        assert_eq!((&record["actor"]["id"], &record["workspace"]), (operator, &json!(workspace)), "{record}");
        assert!(record["decision_id"].as_str().is_some_and(|id| id.starts_with("dec_")), "{record}");
        assert!(record["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{record}");
        assert!(record["sha256"].as_str().is_some_and(|hash| hash.len() == 64), "{record}");
    }
    let rotated = told[1];
    assert_eq!((&rotated["before"]["successor"], &rotated["after"]["successor"]), (&Value::Null, &json!(successor.id)));
    assert_eq!(told[2]["decision_id"], rotated["decision_id"], "one decision allowed both");
    let network = told[6];
    assert_eq!(network["before"], json!({ "ip_allow": null, "egress_allow": null }));
    assert_eq!(network["after"]["ip_allow"], json!(["203.0.113.0/24"]));

    // A crash takes none of it back.
    let host = host.kill_9().start();
    assert_eq!(audit(&host, ""), records);
}

#[test]
fn the_sequence_has_no_gap_over_a_hundred_issues_at_once() {
    let host = Host::real();
    let issued: BTreeSet<_> = in_parallel(100, |number| {
        let operator = host.client(Some(&host.identity().operator_token));
        let body = json!({ "kind": "staging", "name": format!("key {number}") });
        Key::of(operator.post(&host.workspace("/keys"), &body).check_json(201)).id
    })
    .into_iter()
    .collect();
    assert_eq!(issued.len(), 100);
    let (records, _) = all_pages(&host, "/audit", 7);
    let records: Vec<_> = records.iter().filter(|record| record["action"] == "keys.issue").collect();
    let sequence: Vec<_> = records.iter().rev().map(|record| record["sequence"].as_u64().unwrap()).collect();
    let first = sequence[0];
    assert_eq!(sequence, (first..first + 100).collect::<Vec<_>>());
    let targets: BTreeSet<_> = records.iter().map(|record| record["target"].as_str().unwrap().to_owned()).collect();
    assert_eq!(targets, issued);
}

#[test]
fn the_trail_is_filtered() {
    let host = Host::dev();
    let keys: Vec<_> = (0..4).map(|_| host.issue("staging", &[])).collect();
    host.advance(60);
    host.change(&keys[0], "disable");
    host.change(&keys[1], "disable");
    host.advance(60);
    host.change(&keys[2], "revoke");
    let disabled = audit(&host, "action=keys.disable");
    assert_eq!(
        disabled.iter().map(|record| record["target"].clone()).collect::<Vec<_>>(),
        [&*keys[0].id, &*keys[1].id]
    );
    let operator = disabled[0]["actor"]["id"].as_str().unwrap();
    assert_eq!(audit(&host, &format!("actor={operator}")).len(), 7);
    for nobody in ["action=nope", "actor=op_00doesnotexist0000", "actor=nobody"] {
        assert_eq!(audit(&host, nobody), Vec::<Value>::new());
    }
    let (first, second) = (disabled[0]["at"].as_str().unwrap(), disabled[1]["at"].as_str().unwrap());
    let revoked = audit(&host, "action=keys.revoke").remove(0);
    let from_first = audit(&host, &format!("since={first}"));
    assert_eq!((from_first.len(), &from_first[2]), (3, &revoked), "its own instant is within");
    let revoked_at = revoked["at"].as_str().unwrap();
    let between = audit(&host, &format!("since={first}&until={revoked_at}&actor={operator}"));
    assert_eq!(between, disabled, "the end is not; {second}");
    assert_eq!(audit(&host, &format!("until={first}&action=keys.disable")).len(), 0);
    for wrong in ["since=yesterday", "until=5", "surprise=1", "since="] {
        let refused = host.operator().get(&host.workspace(&format!("/audit?{wrong}")));
        refused.check_problem(400, "invalid_request");
    }
}

#[test]
fn what_can_not_be_issued_is_refused_by_field() {
    let host = Host::dev();
    let (count, _) = all_pages(&host, "/keys", 200);
    let in_an_hour = host.hours_from_now(1);
    for (field, value, says) in [
        ("kind", json!("gateway"), "`kind`: must be one of `production`, `read_only`, `staging`"),
        ("kind", json!("operator"), "`kind`"),
        ("kind", json!("admin"), "`kind`"),
        ("kind", json!(""), "`kind`"),
        ("name", json!(""), "`name`"),
        ("name", json!(" \u{a0} "), "`name`"),
        ("name", json!("x".repeat(121)), "`name`: must have 1 to 120 characters"),
        ("scopes", json!(["jobs:admin"]), "can't hold the scope `jobs:admin`"),
        ("scopes", json!(["jobs:read", "*"]), "the scope `*`"),
        ("scopes", json!("jobs:read"), "`scopes`"),
        ("ip_allow", json!(["203.0.113.7/24"]), "did you mean `203.0.113.0/24`?"),
        ("ip_allow", json!(["2001:db8::1/32"]), "did you mean `2001:db8::/32`?"),
        ("ip_allow", json!(["0.0.0.0/0"]), "`ip_allow`: `0.0.0.0/0` allows every address; use null"),
        ("ip_allow", json!(["::/0"]), "allows every address"),
        ("ip_allow", json!([]), "`ip_allow`: an empty list would lock everybody out; use null"),
        ("ip_allow", json!(["here"]), "`ip_allow`: `here` is not a network"),
        ("ip_allow", json!(vec!["203.0.113.7"; 257]), "more than 256 networks"),
        ("expires_at", json!("2020-01-01T00:00:00Z"), "end before it begins"),
        ("expires_at", json!("soon"), "`expires_at`: not a date and time in RFC 3339 form"),
        ("expires_at", json!(5), "`expires_at`"),
        ("not_before", json!("2026-13-01T00:00:00Z"), "`not_before`"),
        ("metadata", json!({ "a": "x".repeat(513) }), "`metadata`"),
        ("metadata", json!({ "": "x" }), "`metadata`"),
        ("metadata", json!({ "a": 1 }), "`metadata.a`"),
        ("id", json!("key_00doesnotexist0000"), "unknown field `id`"),
        ("secret", json!("x"), "unknown field `secret`"),
    ] {
        let mut body = json!({ "kind": "production", "name": "e2e", "scopes": [] });
        body[field] = value;
        host.try_issue(&body).check_problem_says(400, "invalid_request", says);
    }
    for (kind, scope) in [("read_only", "jobs:write"), ("read_only", "workers:manage"), ("staging", "keys:write")] {
        let body = json!({ "kind": kind, "name": "e2e", "scopes": ["jobs:read", scope] });
        let says = format!("keys of kind `{kind}` can't hold the scope `{scope}`");
        host.try_issue(&body).check_problem_says(400, "invalid_request", &says);
    }
    let backwards =
        json!({ "kind": "production", "name": "e2e", "not_before": host.hours_from_now(2), "expires_at": in_an_hour });
    host.try_issue(&backwards).check_problem_says(400, "invalid_request", "end before it begins");
    host.try_issue(&json!({ "kind": "production" })).check_problem_says(400, "invalid_request", "missing field `name`");
    assert_eq!(all_pages(&host, "/keys", 200).0, count, "nothing was issued");
    let whole = host.issue_with("production", &["jobs:read", "jobs:read"], &json!({ "expires_at": in_an_hour }));
    assert_eq!(whole.view["scopes"], json!(["jobs:read"]));
}
