//! Whoever lets the host wait for a body must be somebody still when it comes.

use harness::http::Connection;
use harness::{Host, Request};
use serde_json::json;

#[test]
fn a_key_that_is_revoked_while_its_body_is_waited_for_changes_nothing() {
    let host = Host::real();
    for (path, body, scope) in [
        ("/network", json!({ "ip_allow": ["203.0.113.0/24"] }), "network:write"),
        ("/settings", json!({ "description": "mine" }), "settings:write"),
    ] {
        let key = host.issue("production", &[scope]);
        let put = Request::new("PUT", &host.workspace(path)).json(&body);
        let before = host.operator().get(&host.workspace(path)).check_json(200);
        let mut slow = Connection::open(host.address()).unwrap();
        slow.begin(&put, &key.secret).unwrap();
        host.change(&key, "revoke");
        slow.finish(&put).unwrap().check_problem(401, "unauthenticated");
        assert_eq!(host.operator().get(&host.workspace(path)).check_json(200), before);
    }
}
