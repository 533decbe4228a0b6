//! How much keys were used, as their workspace is told.

use harness::{Host, Question, wait_until};
use serde_json::json;

#[test]
fn what_was_asked_is_counted() {
    let host = Host::real();
    let key = host.issue("production", &["jobs:read"]);
    for _ in 0..3 {
        host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    }
    host.decide(&Question::of(&key.secret).to("POST /v1/jobs").within("staging")).check_deny(&["missing_scope"]);
    let usage = || host.operator().get(&host.workspace("/usage")).check_json(200);
    wait_until("the store was told", || usage()["total"] == json!({ "allowed": 3, "denied": 1, "rate_limited": 0 }));
    let usage = usage();
    assert_eq!(usage["keys"][0]["key"], key.id.as_str(), "{usage}");
    assert_eq!(usage["days"][0]["day"], usage["until"], "{usage}");
    assert!(host.show(&key)["last_used_at"].is_string());
    host.operator().get(&host.workspace("/usage?since=never")).check_problem(400, "invalid_request");
}
