//! Enforcement points: what they are bound to, what they may fix, and whose word about addresses is taken.

use harness::{Client, Host, Question, Request, Response, Setup};
use serde_json::{Value, json};

/// A gateway just issued.
struct Gateway {
    id: String,
    secret: String,
    client: Client,
}

fn issue(host: &Host, mut body: Value) -> Gateway {
    body["name"] = json!("e2e");
    let view = host.operator().post("/v1/gateways", &body).check_json(201);
    let text = |field: &str| view[field].as_str().unwrap().to_owned();
    Gateway { id: text("id"), secret: text("secret"), client: host.client(Some(&text("secret"))) }
}

/// A gateway of the organization in every environment, but from these networks alone.
fn within_networks(host: &Host, ip_allow: &[&str]) -> Gateway {
    let organization = &host.identity().organization;
    issue(host, json!({ "organizations": [organization], "environments": ["*"], "ip_allow": ip_allow }))
}

fn asks(host: &Host) -> Question {
    Question::reads_jobs(&host.demo_key("production").secret)
}

fn ask_via(host: &Host, client: &Client, hops: &[&str]) -> Response {
    let request = asks(host).request();
    client.send(&hops.iter().fold(request, |request, hops| request.header("X-Forwarded-For", hops)))
}

#[test]
fn a_gateway_asks_for_the_organizations_it_is_bound_to() {
    let host = Host::dev();
    for organizations in [json!([host.identity().organization]), json!(["*"])] {
        let gateway = issue(&host, json!({ "organizations": organizations, "environments": ["*"] }));
        let answer = asks(&host).ask(&gateway.client);
        assert_eq!(answer.check_allow().0["principal"]["organization"], json!(host.identity().organization));
    }
    for unbound in [json!({ "organizations": [], "environments": ["*"] }), json!({ "environments": ["*"] })] {
        let gateway = issue(&host, unbound);
        let answer = asks(&host).ask(&gateway.client);
        answer.check_deny(&["gateway_not_bound"]);
        // It does not learn whose secret it has.
        assert!(answer.0.get("principal").is_none() && answer.0.get("quota").is_none(), "{}", answer.0);
        assert!(!answer.0.to_string().contains(&host.demo_key("production").id), "{}", answer.0);
    }
    for unknown in [json!(["acme"]), json!(["org_00doesnotexist0000"]), json!([host.identity().workspace])] {
        let body = json!({ "name": "e2e", "organizations": unknown });
        host.operator().post("/v1/gateways", &body).check_problem_says(400, "invalid_request", "`organizations`");
    }
}

#[test]
fn a_gateway_asks_for_the_environments_it_is_bound_to() {
    let host = Host::dev();
    let organizations = [&host.identity().organization];
    let bound = issue(&host, json!({ "organizations": organizations, "environments": ["staging", "preview"] }));
    asks(&host).within("staging").ask(&bound.client).check_allow();
    asks(&host).within("preview").ask(&bound.client).check_allow();
    asks(&host).within("production").ask(&bound.client).check_deny(&["environment_not_allowed"]);
    let silent = Question::of(&host.demo_key("production").secret).to("GET /v1/jobs");
    silent.ask(&bound.client).check_deny(&["environment_missing"]);
    let none = issue(&host, json!({ "organizations": organizations }));
    asks(&host).ask(&none.client).check_deny(&["environment_not_allowed"]);
    for wrong in [json!(["Staging"]), json!([""]), json!(["a b"])] {
        let body = json!({ "name": "e2e", "environments": wrong });
        host.operator().post("/v1/gateways", &body).check_problem_says(400, "invalid_request", "`environments`");
    }
}

#[test]
fn what_a_gateway_fixes_may_be_repeated_and_not_changed() {
    let host = Host::dev();
    let organizations = [&host.identity().organization];
    for environments in [json!([]), json!(["*"]), json!(["production"])] {
        let body = json!({ "organizations": organizations, "environments": environments, "environment": "staging" });
        let fixing = issue(&host, body);
        let silent = Question::of(&host.demo_key("staging").secret).to("GET /v1/jobs");
        let answer = silent.ask(&fixing.client);
        assert_eq!(answer.check_allow().0["principal"]["environment"], "staging");
        silent.clone().within("staging").ask(&fixing.client).check_allow();
        silent.clone().within("preview").ask(&fixing.client).check_deny(&["environment_not_allowed"]);
        asks(&host).within("production").ask(&fixing.client).check_deny(&["environment_not_allowed"]);
    }
    // What it fixes is still judged by what the key may do.
    let body = json!({ "organizations": organizations, "environment": "production" });
    let fixing = issue(&host, body);
    let silent = Question::of(&host.demo_key("staging").secret).to("GET /v1/jobs");
    silent.ask(&fixing.client).check_deny(&["environment_not_allowed"]);
}

#[test]
fn a_gateway_asks_from_its_networks() {
    let host = Host::dev();
    let inside = within_networks(&host, &["203.0.113.0/24", "127.0.0.0/8"]);
    ask_via(&host, &inside.client, &[]).check_json(200);
    let outside = within_networks(&host, &["203.0.113.0/24"]);
    ask_via(&host, &outside.client, &[]).check_problem(403, "ip_not_allowed");
    for wrong in [json!([]), json!(["203.0.113.7/24"]), json!(["0.0.0.0/0"]), json!(["here"])] {
        let body = json!({ "name": "e2e", "ip_allow": wrong });
        host.operator().post("/v1/gateways", &body).check_problem_says(400, "invalid_request", "`ip_allow`");
    }
}

#[test]
fn a_revoked_gateway_is_nobody_at_once_and_for_good() {
    let host = Host::dev();
    let bound = || issue(&host, json!({ "organizations": ["*"], "environments": ["*"] }));
    let (revoked, kept) = (bound(), bound());
    asks(&host).ask(&revoked.client).check_allow();
    asks(&host).ask(&kept.client).check_allow();
    // Saying so twice changes nothing.
    for _ in 0..2 {
        let path = format!("/v1/gateways/{}/revoke", revoked.id);
        let view = host.operator().post(&path, &json!({})).check_json(200);
        assert_eq!((&view["state"], view.get("secret")), (&json!("revoked"), None), "{view}");
    }
    revoked.client.send(&asks(&host).request()).check_problem(401, "unauthenticated");
    asks(&host).ask(&kept.client).check_allow();
    for nothing in ["gw_00doesnotexist0000", "nonsense", &host.demo_key("staging").id] {
        let path = format!("/v1/gateways/{nothing}/revoke");
        host.operator().post(&path, &json!({})).check_problem(404, "not_found");
    }

    let host = host.kill_9().start();
    host.client(Some(&revoked.secret)).send(&asks(&host).request()).check_problem(401, "unauthenticated");
    asks(&host).ask(&host.client(Some(&kept.secret))).check_allow();
}

#[test]
fn customers_ask_for_no_decisions_and_gateways_manage_nothing() {
    let host = Host::dev();
    for kind in ["production", "staging", "read_only"] {
        let customer = host.client(Some(&host.demo_key(kind).secret));
        let refused = customer.send(&asks(&host).request());
        let problem = refused.check_problem(403, "kind_not_allowed");
        assert_eq!(problem["reasons"][0]["policy"], "gateway", "{problem}");
    }
    let key = host.demo_key("staging");
    let posts = [
        (host.workspace("/keys"), json!({ "kind": "staging", "name": "e2e" })),
        (host.key(&key, "/rotate"), json!({})),
        (host.key(&key, "/revoke"), json!({})),
        (host.key(&key, "/disable"), json!({})),
        ("/v1/gateways".to_owned(), json!({ "name": "e2e" })),
        ("/v1/gateways/gw_00doesnotexist0000/revoke".to_owned(), json!({})),
        ("/v1/dev/clock".to_owned(), json!({ "advance_seconds": 1 })),
    ];
    for (path, body) in posts {
        host.gateway().post(&path, &body).check_problem(403, "kind_not_allowed");
    }
    host.gateway()
        .put(&host.workspace("/network"), &json!({ "ip_allow": null }))
        .check_problem(403, "kind_not_allowed");
    for path in ["/keys", "/audit", "/network", &format!("/keys/{}", key.id)] {
        host.gateway().get(&host.workspace(path)).check_problem(403, "kind_not_allowed");
    }
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
}

#[test]
fn a_gateways_or_operators_token_is_no_customers_credential() {
    let host = Host::dev();
    for token in [&host.identity().gateway_token, &host.identity().operator_token] {
        let answer = host.decide(&Question::reads_jobs(token));
        assert!(!answer.is_allow(), "{}", answer.0);
    }
}

#[test]
fn forwarded_addresses_are_believed_from_trusted_proxies() {
    let host = Setup::dev().args(["--trusted-proxies", "127.0.0.0/8"]).start();
    let gateway = within_networks(&host, &["203.0.113.0/24"]);
    for believed in [
        ["203.0.113.9"].as_slice(),
        &[" 203.0.113.9 "],
        &["203.0.113.9:4711"],
        &["::ffff:203.0.113.9"],
        &["[::ffff:203.0.113.9]:4711"],
        &["198.51.100.1, 203.0.113.9"],
        &["198.51.100.1", "203.0.113.9"],
        &["nonsense, 203.0.113.9"],
        &["203.0.113.9, 127.0.0.2"],
        &["203.0.113.9", "127.0.0.3,127.0.0.2"],
    ] {
        ask_via(&host, &gateway.client, believed).check_json(200);
    }
    for not_believed in [
        [].as_slice(),
        &[""],
        &["127.0.0.2"],
        &["198.51.100.1"],
        &["203.0.113.9, 198.51.100.1"],
        &["203.0.113.9", "198.51.100.1"],
        &["203.0.113.9, nonsense"],
        &["203.0.113.9,"],
        &["nonsense"],
        &["203.0.113.9:99999"],
        &["203.0.113.9%eth0"],
        &["203.0.113.9/24"],
        &["for=203.0.113.9"],
        &["203.0.113.9 198.51.100.1"],
    ] {
        ask_via(&host, &gateway.client, not_believed).check_problem(403, "ip_not_allowed");
    }
    let binary = asks(&host).request().header("X-Forwarded-For", "203.0.113.9").header("X-Forwarded-For", b"\xff");
    gateway.client.send(&binary).check_problem(403, "ip_not_allowed");
    // No other header is believed.
    for name in ["Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"] {
        let request = asks(&host).request().header(name, "203.0.113.9");
        gateway.client.send(&request).check_problem(403, "ip_not_allowed");
    }
    assert!(!host.log().text().contains("X-Forwarded-For"), "{}", host.log().text());
}

#[test]
fn forwarded_addresses_are_not_believed_from_others_and_a_warning_says_so() {
    for setup in [Setup::dev(), Setup::dev().args(["--trusted-proxies", "10.0.0.0/8"])] {
        let host = setup.start();
        let gateway = within_networks(&host, &["203.0.113.0/24"]);
        for hops in [["203.0.113.9"].as_slice(), &["203.0.113.9, 127.0.0.1"], &[]] {
            ask_via(&host, &gateway.client, hops).check_problem(403, "ip_not_allowed");
        }
        // And nobody talks himself out of his own address.
        let local = within_networks(&host, &["127.0.0.0/8"]);
        ask_via(&host, &local.client, &["203.0.113.9"]).check_json(200);
    }
    let host = Host::dev();
    let arrives = Request::new("GET", &host.workspace("/keys")).header("X-Forwarded-For", "203.0.113.9");
    let operator = host.client(Some(&host.identity().operator_token));
    operator.send(&arrives).check_json(200);
    assert!(host.log().wait_for("X-Forwarded-For arrives but no proxy is trusted", 0));
    let log = host.log().text();
    let warning = log.lines().find(|line| line.contains("X-Forwarded-For arrives")).unwrap();
    assert!(warning.contains(r#""level":"WARN""#), "{warning}");
    operator.send(&arrives).check_json(200);
    host.decide(&asks(&host)).check_allow();
    assert_eq!(host.log().text().matches("X-Forwarded-For arrives").count(), 1, "it is said once");
}
