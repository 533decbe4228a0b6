//! What has changed from one revision to another.

use harness::Host;
use serde_json::{Value, json};

use super::{forbids_deleting, policy, publish};

fn upload(source: &str, mode: &str, cost: i64, cases: &[(&str, &str)]) -> Value {
    let case = |(name, effect): &(&str, &str)| json!({ "name": name, "expect": { "effect": effect } });
    json!({
        "engine": "cel",
        "source": source,
        "mode": mode,
        "settings": { "cost": cost },
        "cases": cases.iter().map(case).collect::<Vec<_>>(),
    })
}

#[test]
fn what_differs_is_told() {
    let host = Host::dev();
    let operator = host.operator();
    let diff = |query: &str| operator.get(&policy(&host, "changing", &format!("/diff{query}")));
    diff("").check_problem(404, "not_found");
    publish(&host, "changing", &upload("no_match()\n", "enforce", 1, &[("stays", "no_match"), ("goes", "no_match")]));
    let same = diff("").check_json(200);
    assert_eq!((&same["changes"], &same["cases"], &same["source"]), (&json!([]), &json!([]), &Value::Null), "{same}");

    let second = upload("// quieter\nno_match()\n", "monitor", 2, &[("stays", "no_match"), ("comes", "no_match")]);
    operator.put(&policy(&host, "changing", ""), &second).check_json(200);
    // From what is in force to the latest, when nobody says.
    let told = diff("").check_json(200);
    assert_eq!((&told["from"]["revision"], &told["to"]["revision"]), (&json!(1), &json!(2)), "{told}");
    let fields: Vec<_> = told["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|change| (change["field"].as_str().expect("a name"), change["from"].clone(), change["to"].clone()))
        .collect();
    let cost = |cost: i64| json!({ "cost": cost });
    assert_eq!(fields, [("mode", json!("enforce"), json!("monitor")), ("settings", cost(1), cost(2))], "{told}");
    assert_eq!(told["cases"], json!(["comes", "goes"]));
    assert_eq!(told["source"], "--- from\n+++ to\n@@ -1 +1,2 @@\n+// quieter\n no_match()\n");
    let back = diff("?from=2&to=1").check_json(200);
    assert_eq!(back["source"], "--- from\n+++ to\n@@ -1,2 +1 @@\n-// quieter\n no_match()\n");

    diff("?from=3").check_problem(404, "not_found");
    diff("?to=0").check_problem(404, "not_found");
    for query in ["?from=x", "?form=1", "?from=-1"] {
        diff(query).check_problem(400, "invalid_request");
    }
    // Not somebody else's either.
    publish(&host, "no-deleting", &forbids_deleting("first"));
    let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
    let key = operator.post(&host.workspace("/keys"), &body).check_json(201);
    let client = host.client(key["secret"].as_str());
    for then in ["/diff", "/status"] {
        client.get(&policy(&host, "changing", then)).check_problem(403, "missing_scope");
    }
}
