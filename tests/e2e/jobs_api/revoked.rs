//! A key that was revoked is dead within the bound, though allows are reused.

use std::time::Duration;

use harness::{Question, Request, Setup, stopwatch};
use serde_json::json;

use super::rig::layered;

/// The most that an allow is reused for.
const BOUND: Duration = Duration::from_secs(1);
/// How often it is asked after the bound.
const AFTERWARDS: usize = 20;

#[test]
fn it_is_dead_within_the_bound() {
    let host = Setup::dev().on_embedded().start();
    let api = layered(&host, "production", &["--reuse-allows-ms", "1000"]);
    for change in ["revoke", "disable"] {
        let key = host.issue("production", &["jobs:read"]);
        let (client, get) = (api.client(Some(&key.secret)), Request::new("GET", "/v1/jobs"));
        for _ in 0..200 {
            assert_eq!(client.send(&get).status, 200);
        }
        // The host was asked about few of them.
        let left = host.decide(&Question::reads_jobs(&key.secret)).remaining();
        assert!(left > 9_900, "{left}");
        host.operator().post(&host.key(&key, &format!("/{change}")), &json!({})).check_json(200);
        let watch = stopwatch();
        let mut afterwards = 0;
        while afterwards < AFTERWARDS {
            let sent = watch();
            let told = client.send(&get);
            match told.status {
                200 => assert!(sent < BOUND, "allowed {sent:?} after it was over"),
                _ => told.check_problem(401, "unauthenticated").as_object().map(|_| afterwards += 1).unwrap(),
            }
        }
    }
}
