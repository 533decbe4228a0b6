//! `ETag` and `If-Match`: of two who edit what they were shown, one is told that it has changed.

use harness::{Host, Request, Response, in_parallel};
use serde_json::{Value, json};

fn put(host: &Host, path: &str, if_match: &str, body: &Value) -> Response {
    let operator = host.client(Some(&host.identity().operator_token));
    operator.send(&Request::new("PUT", path).header("if-match", if_match).json(body))
}

fn tag(response: &Response) -> String {
    response.header("etag").unwrap_or_else(|| panic!("no ETag: {response:?}")).to_owned()
}

#[test]
fn of_two_writers_one_is_told_that_it_is_late() {
    let host = Host::dev();
    for round in 0..20 {
        for (path, field) in [(host.workspace("/network"), "ip_allow"), (host.workspace("/settings"), "description")] {
            let shown = tag(&host.operator().get(&path));
            let mut statuses = in_parallel(2, |writer| {
                let value = format!("192.0.2.{}", 2 * round + writer);
                let value = if field == "ip_allow" { json!([value]) } else { json!(value) };
                put(&host, &path, &shown, &json!({ field: value })).status
            });
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 412], "{path}");
        }
    }
}

#[test]
fn a_stale_change_changes_nothing() {
    let host = Host::dev();
    let path = host.workspace("/settings");
    let shown = tag(&host.operator().get(&path));
    let changed = put(&host, &path, &shown, &json!({ "description": "first" }));
    assert_eq!(changed.status, 200);
    assert_ne!(tag(&changed), shown);
    assert_eq!(tag(&changed), tag(&host.operator().get(&path)));
    put(&host, &path, &shown, &json!({ "description": "second" })).check_problem(412, "stale");
    put(&host, &path, &format!("W/{}", tag(&changed)), &json!({ "description": "second" })).check_problem(412, "stale");
    assert_eq!(host.operator().get(&path).check_json(200)["description"], "first");
    for malformed in ["", "first", "42", "\"42", "*, \"42\"", "W/42"] {
        put(&host, &path, malformed, &json!({})).check_problem_says(400, "invalid_request", "`If-Match`");
    }
    for matching in ["*", &format!("\"0\", {}", tag(&changed))] {
        put(&host, &path, matching, &json!({ "description": "first" })).check_json(200);
    }
    // Whoever may not act learns nothing from it.
    let nobody = host.client(None).send(&Request::new("PUT", &path).header("if-match", "?").json(&json!({})));
    nobody.check_problem(401, "unauthenticated");
}

#[test]
fn keys_have_versions_too() {
    let host = Host::dev();
    let key = host.issue("staging", &[]);
    let change = |change: &str, if_match: &str| {
        let request = Request::new("POST", &host.key(&key, &format!("/{change}"))).header("if-match", if_match);
        host.operator().send(&request)
    };
    let shown = tag(&host.operator().get(&host.key(&key, "")));
    let disabled = change("disable", &shown);
    assert_eq!(disabled.status, 200);
    for stale in ["enable", "disable", "rotate", "revoke"] {
        change(stale, &shown).check_problem(412, "stale");
    }
    let enabled = change("enable", &tag(&disabled));
    let rotated = change("rotate", &tag(&enabled));
    assert_eq!(rotated.status, 201, "{rotated:?}");
    let successor = rotated.check_json(201)["id"].as_str().unwrap().to_owned();
    let shown = host.operator().get(&host.workspace(&format!("/keys/{successor}")));
    assert_eq!(tag(&shown), tag(&rotated));
    // Without a condition it is done whatever it is.
    host.change(&key, "revoke");
}
