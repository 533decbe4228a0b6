//! What becomes of requests, and what both sides are told.

use harness::{Make, Proxy, Request, Setup};
use serde_json::json;

use super::rig::{Rig, get};
use crate::kind_table::table::{self, KINDS, read_table};

pub(super) fn each_cell_of_the_kind_table(make: Make) {
    let Some(rig) = Rig::start(make) else { return };
    let staging = rig.gateway_for("staging");
    for action in read_table() {
        for kind in KINDS {
            let secret = rig.host.demo_key(kind).secret;
            let in_production = rig.client(&secret);
            let client = if kind == "staging" { staging.client(Some(&secret)) } else { rig.client(&secret) };
            let methods = if action.method == "GET" { vec!["GET", "HEAD"] } else { vec![action.method.as_str()] };
            for method in methods {
                let request = Request::new(method, &action.sample_path());
                if action.kinds.contains(kind) {
                    let (received, _) = rig.check_passes(&client, &request);
                    assert_eq!((received.method.as_str(), received.target), (method, action.sample_path()));
                } else {
                    rig.check_stopped(&client, &request, &[403]);
                }
                if kind == "staging" {
                    rig.check_stopped(&in_production, &request, &[403]);
                }
            }
        }
    }
}

pub(super) fn who_it_is_reaches_the_api_and_what_is_left_the_client(make: Make) {
    let Some(rig) = Rig::start(make) else { return };
    let key = rig.host.issue("production", &["jobs:read", "jobs:write"]);
    let client = rig.client(&key.secret);
    for left in (0..3).map(|used| 9_999 - used) {
        let (received, told) = rig.check_passes(&client, &get("/v1/jobs?limit=1"));
        let identity = rig.host.identity();
        for (name, expected) in [
            ("x-access-principal", key.id.as_str()),
            ("x-access-organization", &identity.organization),
            ("x-access-workspace", &identity.workspace),
            ("x-access-environment", "production"),
            ("x-access-scopes", "jobs:read jobs:write"),
        ] {
            assert_eq!(received.header(name), Some(expected), "{name}");
        }
        assert!(received.header("x-access-decision-id").is_some_and(|id| id.starts_with("dec_")), "{received:?}");
        assert_eq!((received.method.as_str(), received.target.as_str()), ("GET", "/v1/jobs?limit=1"));

        // The API says something of a rate limit too, and is not believed.
        let said = |name: &str| {
            let mut all = told.headers.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
            (all.next().unwrap_or_default(), all.count())
        };
        let (limit, further) = said("ratelimit");
        assert!(limit.starts_with(&format!("\"default\";r={left};t=")) && further == 0, "{told:?}");
        assert_eq!(said("ratelimit-policy"), ("\"default\";q=10000", 0));
        assert_eq!(told.body, "the API");
    }
    // What the API answers is its own.
    for status in [204, 401, 403, 404, 429, 500, 502, 503] {
        rig.api.answer_with(status);
        let told = client.send(&Request::new("HEAD", "/v1/jobs"));
        assert_eq!((told.status, rig.api.take().len()), (status, 1), "{told:?}");
    }
    rig.api.answer_with(200);
    let body = "x".repeat(300_000);
    let (received, _) = rig.check_passes(&client, &Request::new("POST", "/v1/jobs").body("text/plain", body.clone()));
    assert!(received.body == body.as_bytes(), "the body arrives whole");
}

pub(super) fn denials_say_what_they_are(make: Make) {
    let Some(rig) = Rig::start(make) else { return };
    let challenge = "Bearer realm=\"cronflow-access\"";
    for nobody in [rig.gateway.client(None), rig.client("cf_prod_nobody"), rig.client("")] {
        let told = rig.check_denied(&nobody, &get("/v1/jobs"), 401, "unauthenticated");
        let challenges = told.headers.iter().filter(|(name, _)| name == "www-authenticate").count();
        assert_eq!((told.header("www-authenticate"), challenges), (Some(challenge), 1), "{told:?}");
    }
    let secret = rig.host.demo_key("production").secret;
    for (name, value) in [("authorization", format!("Basic {secret}")), ("x-api-key", secret.clone())] {
        rig.check_denied(&rig.gateway.client(None), &get("/v1/jobs").header(name, value), 401, "unauthenticated");
    }
    let in_query = get(&format!("/v1/jobs?access_token={secret}&key={secret}"));
    for client in [rig.gateway.client(None), rig.client(&secret)] {
        rig.check_denied(&client, &in_query, 403, "secret_in_query");
    }
    // Two secrets are none, whichever comes first; nginx would not even ask.
    let twice = get("/v1/jobs").header("authorization", "Bearer cf_prod_nobody");
    rig.check_stopped(&rig.client(&secret), &twice, &[400, 401]);

    let reader = rig.host.issue("production", &["jobs:read"]);
    let told = rig.check_denied(&rig.client(&reader.secret), &Request::new("POST", "/v1/jobs"), 403, "missing_scope");
    assert_eq!(told.header("www-authenticate"), Some(format!("{challenge}, error=\"insufficient_scope\"").as_str()));
    let read_only = rig.client(&rig.host.demo_key("read_only").secret);
    rig.check_denied(&read_only, &Request::new("DELETE", "/v1/jobs/1"), 403, "kind_not_allowed");
    rig.check_denied(&rig.client(&secret), &get("/v1/nowhere"), 403, "unknown_action");
    let staging = rig.client(&rig.host.demo_key("staging").secret);
    rig.check_denied(&staging, &get("/v1/jobs"), 403, "environment_not_allowed");

    // Clients come from 127.0.0.1 here.
    rig.host.allow_from(&json!(["203.0.113.0/24"]));
    rig.check_denied(&rig.client(&secret), &get("/v1/jobs"), 403, "ip_not_allowed");
    rig.host.allow_from(&json!(["127.0.0.1"]));
    rig.check_passes(&rig.client(&secret), &get("/v1/jobs"));
}

pub(super) fn a_key_that_ends_is_dead_at_once(make: Make) {
    let Some(rig) = Rig::start(make) else { return };
    let read = get("/v1/jobs");
    for change in ["revoke", "disable"] {
        let key = rig.host.issue("production", &["jobs:read"]);
        let client = rig.client(&key.secret);
        rig.check_passes(&client, &read);
        rig.host.change(&key, change);
        rig.check_denied(&client, &read, 401, "unauthenticated");
    }
    let key = rig.host.issue("production", &["jobs:read"]);
    rig.check_passes(&rig.client(&key.secret), &read);
    let successor = rig.host.rotate(&key, 3_600);
    rig.check_passes(&rig.client(&key.secret), &read);
    let last = rig.host.rotate(&successor, 0);
    rig.check_denied(&rig.client(&successor.secret), &read, 401, "unauthenticated");
    rig.check_passes(&rig.client(&last.secret), &read);
    rig.host.advance(3_601);
    rig.check_denied(&rig.client(&key.secret), &read, 401, "unauthenticated");
}

pub(super) fn an_exhausted_quota_says_when_to_come_back(make: Make) {
    let setup = Setup::dev();
    let catalog = table::catalog_text().replace("limit = 1000,", "limit = 5,");
    let file = setup.folder().join("catalog.toml");
    std::fs::write(&file, catalog).unwrap();
    let file = file.display().to_string();
    let Some(rig) = Rig::over(make, setup.args(["--catalog", &file])) else { return };
    let client = rig.client(&rig.host.demo_key("read_only").secret);
    let read = get("/v1/jobs");
    for round in 0..2 {
        for left in (0..5).rev() {
            let (_, told) = rig.check_passes(&client, &read);
            let limit = told.header("ratelimit").unwrap_or_default();
            assert!(limit.starts_with(&format!("\"default\";r={left};")), "{round} {left}: {limit}");
        }
        for _ in 0..3 {
            let told = rig.check_denied(&client, &read, 429, "rate_limited");
            let seconds: u64 = told.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=61).contains(&seconds), "{told:?}");
            assert_eq!(told.header("ratelimit"), Some(format!("\"default\";r=0;t={seconds}").as_str()));
            assert_eq!(told.header("ratelimit-policy"), Some("\"default\";q=5"));
        }
        rig.host.advance(62);
    }
}

pub(super) fn connections_are_kept(make: Make) {
    let Some(rig) = Rig::start(make) else { return };
    let between = Proxy::before(rig.host.address());
    let token = rig.token().to_owned();
    let gateway = harness::Gateway::start(make, between.address(), rig.api.address(), &token);
    let client = gateway.client(Some(&rig.host.demo_key("production").secret));
    for _ in 0..50 {
        rig.check_passes(&client, &get("/v1/jobs"));
        rig.check_stopped(&client, &get("/v1/nowhere"), &[403]);
    }
    // One for each of the gateway's threads at most.
    assert!(between.opened() <= 8, "{} connections for 100 requests", between.opened());
}
