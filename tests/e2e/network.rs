//! Where requests may come from: the workspace's list and the key's, from the next request on.

use harness::{Host, Key, Question};
use serde_json::{Value, json};

#[track_caller]
fn check_lets_in(host: &Host, key: &Key, from: &str) {
    host.decide(&Question::reads_jobs(&key.secret).from(from)).check_allow();
}

#[track_caller]
fn check_keeps_out(host: &Host, key: &Key, from: &str) {
    host.decide(&Question::reads_jobs(&key.secret).from(from)).check_deny(&["ip_not_allowed"]);
}

#[test]
fn the_allow_list_holds_from_the_next_request_on() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    check_lets_in(&host, &key, "198.51.100.7");
    host.allow_from(&json!(["203.0.113.0/24", "2001:db8::/32"]));
    check_keeps_out(&host, &key, "198.51.100.7");
    for inside in ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::7"] {
        check_lets_in(&host, &key, inside);
    }
    host.decide(&Question::reads_jobs(&key.secret)).check_deny(&["ip_not_allowed"]);
    host.allow_from(&json!(["198.51.100.0/24"]));
    check_lets_in(&host, &key, "198.51.100.7");
    check_keeps_out(&host, &key, "203.0.113.7");

    let host = host.kill_9().start();
    check_lets_in(&host, &key, "198.51.100.7");
    check_keeps_out(&host, &key, "203.0.113.7");
    host.allow_from(&Value::Null);
    check_lets_in(&host, &key, "203.0.113.7");
}

#[test]
fn an_address_must_be_in_the_list_of_the_workspace_and_in_that_of_the_key() {
    let host = Host::dev();
    let key = host.issue_with("production", &["jobs:read"], &json!({ "ip_allow": ["203.0.113.0/25"] }));
    check_lets_in(&host, &key, "203.0.113.7");
    check_keeps_out(&host, &key, "203.0.113.200");
    host.allow_from(&json!(["203.0.113.4/30"]));
    check_lets_in(&host, &key, "203.0.113.7");
    check_keeps_out(&host, &key, "203.0.113.8");
    host.allow_from(&json!(["203.0.113.128/25"]));
    check_keeps_out(&host, &key, "203.0.113.7");
    host.decide(&Question::reads_jobs(&key.secret).from("203.0.113.200")).check_deny(&["ip_not_allowed"]);
}

#[test]
fn null_lifts_empty_is_refused_and_what_is_left_out_stays() {
    let host = Host::dev();
    let network = host.workspace("/network");
    let put = |body: Value| host.operator().put(&network, &body);
    let both = json!({ "ip_allow": ["203.0.113.0/24"], "egress_allow": ["198.51.100.0/24"] });
    assert_eq!(put(both.clone()).check_json(200), both);
    for empty in [json!({ "ip_allow": [] }), json!({ "egress_allow": null, "ip_allow": [] })] {
        put(empty).check_problem_says(400, "invalid_request", "`ip_allow`: an empty list would lock everybody out");
    }
    put(json!({ "egress_allow": [] })).check_problem_says(400, "invalid_request", "`egress_allow`");
    assert_eq!(put(json!({})).check_json(200), both);
    assert_eq!(host.operator().get(&network).check_json(200), both);
    let lifted = json!({ "ip_allow": null, "egress_allow": ["198.51.100.0/24"] });
    assert_eq!(put(json!({ "ip_allow": null })).check_json(200), lifted);
    let key = host.issue("production", &["jobs:read"]);
    check_lets_in(&host, &key, "192.0.2.1");
    assert_eq!(put(json!({ "egress_allow": null })).check_json(200), json!({ "ip_allow": null, "egress_allow": null }));
}
