//! A host that is asked to stop answers what it has begun, forgets nothing and gives back what it held.

use harness::http::Connection;
use harness::{Answer, Host, Key, Question, Request, Setup, flood};
use rustix::process::Signal;
use serde_json::json;

#[test]
fn what_was_begun_is_answered() {
    for signal in [Signal::TERM, Signal::INT] {
        let host = Host::real();
        let key = host.issue("production", &["jobs:read"]);
        let question = Question::reads_jobs(&key.secret).request();
        let issue = Request::new("POST", &host.workspace("/keys")).json(&json!({ "kind": "staging", "name": "late" }));
        let (mut asking, mut issuing) =
            (Connection::open(host.address()).unwrap(), Connection::open(host.address()).unwrap());
        asking.begin(&question, &host.identity().gateway_token).unwrap();
        issuing.begin(&issue, &host.identity().operator_token).unwrap();

        host.signal(signal);
        assert!(host.log().wait_for(r#""message":"stopping"#, 0));
        Answer::of(asking.finish(&question).unwrap().check_json(200)).check_allow();
        let late = Key::of(issuing.finish(&issue).unwrap().check_json(201));

        let address = host.address();
        let stopped = host.wait();
        assert_eq!(stopped.status.code(), Some(0), "{}", stopped.stderr);
        assert!(stopped.stderr.contains(r#""message":"stopped""#), "{}", stopped.stderr);
        assert!(Connection::open(address).is_err(), "nobody listens any more");

        let host = stopped.start();
        host.decide(&Question::reads_jobs(&key.secret)).check_allow();
        assert_eq!(host.show(&late)["name"], "late");
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    let host = Host::real();
    let keys: Vec<_> = (0..10).map(|_| host.issue("production", &["jobs:read"])).collect();
    host.change(&keys[0], "revoke");
    host.change(&keys[1], "disable");
    let successor = host.rotate(&keys[2], 0);
    host.allow_from(&json!(["203.0.113.0/24"]));
    let listed = host.operator().get(&host.workspace("/keys")).check_json(200);
    // But for the end of the replaced key, which is told when a host comes to it.
    let trail = |host: &Host| {
        let page = host.operator().get(&host.workspace("/audit?limit=200")).check_json(200);
        let records = page["items"].as_array().unwrap().iter().filter(|record| record["action"] != "keys.expire");
        records.cloned().collect::<Vec<_>>()
    };
    let before = trail(&host);

    let stopped = host.terminate();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.stderr);
    let host = stopped.start();
    assert_eq!(host.operator().get(&host.workspace("/keys")).check_json(200), listed);
    assert_eq!(trail(&host), before);
    for dead in &keys[..3] {
        host.decide(&Question::reads_jobs(&dead.secret).from("203.0.113.7")).check_unauthenticated();
    }
    for living in keys[3..].iter().chain([&successor]) {
        host.decide(&Question::reads_jobs(&living.secret).from("203.0.113.7")).check_allow();
        host.decide(&Question::reads_jobs(&living.secret).from("198.51.100.7")).check_deny(&["ip_not_allowed"]);
    }
}

#[test]
fn leases_go_back() {
    let host = Host::dev();
    let key = host.issue("staging", &["jobs:read"]);
    let asks = |_| Question::reads_jobs(&key.secret);
    let before = flood(&host, 8, 333, asks);
    assert_eq!(before.allowed, 333);
    let host = host.terminate().start();
    let between = flood(&host, 8, 111, asks);
    let host = host.terminate().start();
    let after = flood(&host, 8, 1_000, asks);
    let all = before.and(between).and(after);
    all.check_within_a_minute();
    assert_eq!((all.allowed, all.lost), (1_000, 0));
}

#[test]
fn metrics_behind_a_token() {
    let host = Setup::dev().env("CRONFLOW_ACCESS_METRICS_TOKEN", "let-me-read").start();
    for stranger in [None, Some("let-me"), Some("let-me-read!"), Some(host.identity().operator_token.as_str())] {
        host.scraper(stranger).get("/metrics").check_problem(401, "unauthenticated");
    }
    let scraped = host.scraper(Some("let-me-read")).get("/metrics");
    assert_eq!(scraped.status, 200, "{scraped:?}");
    assert!(
        scraped.body.contains("access_store_reads_total") && !scraped.body.contains("let-me-read"),
        "{}",
        scraped.body
    );
    // The token opens nothing else.
    host.client(Some("let-me-read")).get(&host.workspace("/keys")).check_problem(401, "unauthenticated");
}

#[test]
fn metrics_beyond_loopback_need_a_token() {
    let refused = Setup::dev().args(["--metrics-listen", "0.0.0.0:0"]).try_start().unwrap_err();
    refused.check_says(&["metrics beyond loopback need a token"]);
    let token = "CRONFLOW_ACCESS_METRICS_TOKEN";
    let host = Setup::dev().args(["--metrics-listen", "0.0.0.0:0"]).env(token, "let-me-read").start();
    host.scraper(None).get("/metrics").check_problem(401, "unauthenticated");
    assert_eq!(host.scraper(Some("let-me-read")).get("/metrics").status, 200);
}

#[test]
fn metrics_are_on_a_listener_of_their_own() {
    let host = Host::dev();
    assert_eq!(host.scraper(None).get("/metrics").status, 200);
    host.operator().get("/metrics").check_problem(404, "not_found");
    host.scraper(None).get("/health/alive").check_problem(404, "not_found");
    host.scraper(None).get(&host.workspace("/keys")).check_problem(404, "not_found");
}
