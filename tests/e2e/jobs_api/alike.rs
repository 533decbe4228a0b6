//! Both doors decide alike.

use std::collections::BTreeMap;

use harness::{Request, Setup, secret};
use serde_json::json;

use super::cases::{Presenter, presenters, roads_to_a_write};
use super::rig::{Doors, denied};
use crate::kind_table::table::{Action, read_table};

#[track_caller]
fn check_alike(doors: &Doors, who: &Presenter, action: &Action, request: &Request) {
    let [nginx, layer] = doors.ask(Some(&who.secret), request);
    let what = format!("{} {request:?}: {nginx:?} {layer:?}", who.name);
    assert_eq!(nginx.status, layer.status, "{what}");
    let reasons = who.reasons_against(action);
    for told in [&nginx, &layer] {
        match denied(told) {
            None => assert!(reasons.is_empty(), "let through: {what}"),
            // HEAD is told nothing in a body.
            Some(code) if told.body.is_empty() => assert!(!reasons.is_empty(), "`{code}`: {what}"),
            Some(code) => assert!(told.status == 403 && reasons.contains(&code.as_str()), "`{code}`: {what}"),
        }
        if reasons.is_empty() {
            assert!(told.header("ratelimit").is_some_and(|said| said.starts_with("\"default\";r=")), "{what}");
        }
    }
    assert_eq!(denied(&nginx), denied(&layer), "{what}");
}

#[test]
fn each_credential_on_every_route() {
    let Some((host, production)) = Doors::start(Setup::dev()) else { return };
    let doors = BTreeMap::from([("production", production), ("staging", Doors::of(&host, "staging"))]);
    let table = read_table();
    for who in presenters(&host) {
        for action in &table {
            let doors = &doors[who.environment];
            check_alike(doors, &who, action, &Request::new(&action.method, &action.sample_path()));
            if action.method == "GET" {
                check_alike(doors, &who, action, &Request::new("HEAD", &action.sample_path()));
            }
        }
    }
}

#[test]
fn a_read_only_key_reaches_no_write() {
    let Some((host, doors)) = Doors::start(Setup::dev()) else { return };
    let (secret, reader) = (host.demo_key("read_only").secret, host.demo_key("production").secret);
    for (request, statuses) in roads_to_a_write() {
        for told in doors.ask(Some(&secret), &request) {
            assert!(statuses.contains(&told.status), "{request:?}: {told:?}");
        }
    }
    // A body makes nothing else of a GET.
    for told in doors.ask(Some(&secret), &Request::new("GET", "/v1/jobs").json(&json!({ "type": "echo" }))) {
        assert_eq!(told.status, 200, "{told:?}");
    }
    for told in doors.ask(Some(&reader), &Request::new("GET", "/v1/jobs")) {
        assert_eq!(told.check_body()["items"], json!([]), "something was written");
    }
    for told in doors.ask(Some(&reader), &Request::new("GET", "/v1/queues")) {
        assert_eq!(told.check_body()["items"].as_array().unwrap().len(), 1, "something was written");
    }
}

#[test]
fn what_identifies_nobody_is_401_and_says_how_to_come_back() {
    let Some((host, doors)) = Doors::start(Setup::dev()) else { return };
    let known = host.demo_key("production").secret;
    let wrong = secret::with_broken_checksum(&known);
    let get = Request::new("GET", "/v1/jobs");
    for bearer in [None, Some("nonsense"), Some("cf_prod_nobody"), Some(wrong.as_str())] {
        for told in doors.ask(bearer, &get) {
            assert_eq!((told.status, denied(&told).as_deref()), (401, Some("unauthenticated")), "{bearer:?} {told:?}");
            assert!(told.header("www-authenticate").unwrap().starts_with("Bearer"), "{told:?}");
        }
    }
    for told in doors.ask(None, &get.clone().header("authorization", "Basic Y2Y6eA==")) {
        assert_eq!(told.status, 401, "{told:?}");
    }
    // A gateway's own is no customer's.
    for told in doors.ask(Some(&host.identity().gateway_token), &get) {
        assert_eq!((told.status, denied(&told).as_deref()), (403, Some("gateway_not_bound")), "{told:?}");
    }
    // Of two secrets neither counts.
    for told in doors.ask(Some(&known), &get.clone().header("authorization", format!("Bearer {known}"))) {
        assert!(matches!(told.status, 400 | 401), "{told:?}");
    }
    // Whoever says who they are is nobody.
    let claims = ["X-Access-Principal", "X-Access-Workspace", "X-Access-Decision-Id", "X_Access_Workspace"];
    let claiming = claims.iter().fold(get, |request, name| request.header(name, "ws_x"));
    for told in doors.ask(None, &claiming) {
        assert_eq!(told.status, 401, "{told:?}");
    }
}

#[test]
fn addresses_and_environments_count_at_both() {
    let Some((host, doors)) = Doors::start(Setup::dev()) else { return };
    let (production, staging) = (host.demo_key("production").secret, host.demo_key("staging").secret);
    let get = Request::new("GET", "/v1/jobs");
    let says = |secret: &str, expected: Option<&str>| {
        for told in doors.ask(Some(secret), &get.clone().header("x-forwarded-for", "203.0.113.7")) {
            assert_eq!(denied(&told).as_deref(), expected, "{told:?}");
        }
    };
    says(&staging, Some("environment_not_allowed"));
    says(&production, None);
    host.allow_from(&json!(["203.0.113.0/24"]));
    says(&production, Some("ip_not_allowed"));
    host.allow_from(&json!(["127.0.0.0/8"]));
    says(&production, None);
}

#[test]
fn an_exhausted_quota_is_429_at_both() {
    let Some((host, doors)) = Doors::start(Setup::dev()) else { return };
    let secret = host.demo_key("read_only").secret;
    let (get, client) = (Request::new("GET", "/v1/jobs"), doors.layered.client(Some(&secret)));
    harness::wait_until("the quota is exhausted", || client.send(&get).status == 429);
    for told in doors.ask(Some(&secret), &get) {
        assert_eq!((told.status, denied(&told).as_deref()), (429, Some("rate_limited")), "{told:?}");
        let seconds: u64 = told.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=61).contains(&seconds), "{told:?}");
        assert!(told.header("ratelimit").unwrap().starts_with("\"default\";r=0;t="), "{told:?}");
    }
}

#[test]
fn what_the_layer_refuses_besides() {
    let host = Setup::dev().start();
    let api = super::rig::layered(&host, "production", &[]);
    let client = api.client(Some(&host.demo_key("production").secret));
    for target in ["/v1/jobs?access_token=x", "/v1/jobs?key=cf_prod_x"] {
        client.get(target).check_problem(400, "invalid_request");
    }
    // The host would take it for /v1/workers/metrics, the API's router does not.
    client.get("/v1/workers/%6Detrics").check_problem(403, "unknown_action");
}
