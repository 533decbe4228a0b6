//! OAuth2, server to server: clients, their tokens, and everything that ends one.

mod clients;
mod ends;
mod libraries;
mod spoiled;

use std::fs;

use harness::process::workspace_root;
use harness::{Host, Key, Question, Request, Response, Setup};
use serde_json::{Value, json};

/// A client, as it was registered.
struct Client {
    id: String,
    secret: String,
}

impl Client {
    /// The demo's: of `acme`, serving `main`, with every scope.
    fn demo(host: &Host) -> Self {
        let client = host.identity().client.clone();
        Self { id: client.client_id, secret: client.client_secret }
    }

    /// Registers one.
    fn register(host: &Host, terms: &Value) -> Self {
        let answer = host.operator().post(&clients(host), terms).check_json(201);
        Self::shown(&answer)
    }

    fn shown(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
        Self { id: text("client_id"), secret: text("client_secret") }
    }

    /// Sends a form to an endpoint of `/oauth`, with the secret in `Authorization`.
    fn post(&self, host: &Host, endpoint: &str, form: &str) -> Response {
        host.client(None).send(&self.request(endpoint, form))
    }

    fn request(&self, endpoint: &str, form: &str) -> Request {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", self.id, self.secret));
        let request =
            Request::new("POST", &format!("/oauth/{endpoint}")).header("Authorization", format!("Basic {pair}"));
        request.body("application/x-www-form-urlencoded", form)
    }

    /// Obtains a token.
    fn token(&self, host: &Host, more: &str) -> String {
        let answer = self.post(host, "token", &format!("grant_type=client_credentials{more}")).check_json(200);
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    fn is_active(&self, host: &Host, token: &str) -> bool {
        let answer = self.post(host, "introspect", &format!("token={token}")).check_json(200);
        let is_active = answer["active"].as_bool().expect("yes or no");
        assert!(is_active || answer == json!({ "active": false }), "{answer}");
        is_active
    }
}

fn clients(host: &Host) -> String {
    format!("/v1/organizations/{}/clients", host.identity().organization)
}

fn client(host: &Host, client: &Client, then: &str) -> String {
    format!("{}/{}{then}", clients(host), client.id)
}

/// The error that OAuth2 names, told to a client.
#[track_caller]
fn check_error(response: &Response, status: u16, error: &str) {
    check_body(response, status, error);
    assert_eq!(response.header("www-authenticate").is_some(), status == 401);
}

#[track_caller]
fn check_body(response: &Response, status: u16, error: &str) {
    assert_eq!(response.status, status, "{}", response.body);
    let body: Value = serde_json::from_str(&response.body).expect("JSON");
    assert_eq!(body["error"], error, "{body}");
    assert!(body["error_description"].is_string(), "{body}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

#[test]
fn a_token_does_what_its_client_may_until_it_is_revoked() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let response = demo.post(&host, "token", "grant_type=client_credentials&scope=jobs%3Aread+jobs:write");
    let answer = response.check_json(200);
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(answer["scope"], "jobs:read jobs:write");
    assert!(answer.get("refresh_token").is_none(), "RFC 6749 §4.4.3");
    assert_eq!((response.header("cache-control"), response.header("pragma")), (Some("no-store"), Some("no-cache")));
    let token = answer["access_token"].as_str().unwrap();
    assert!(token.starts_with("cf_at_") && demo.secret.starts_with("cf_cs_"));

    let decided = host.decide(&Question::of(token).to("POST /v1/jobs").within("production"));
    decided.check_allow();
    let principal = &decided.0["principal"];
    assert_eq!((&principal["kind"], &principal["client"]), (&json!("access_token"), &json!(demo.id)));
    assert_eq!(principal["workspace"], host.identity().workspace);
    host.decide(&Question::of(token).to("POST /v1/workers/w/pause").within("production"))
        .check_deny(&["missing_scope"]);
    host.decide(&Question::reads_jobs(token).in_workspace("other")).check_deny(&["wrong_workspace"]);

    let known = demo.post(&host, "introspect", &format!("token={token}&token_type_hint=refresh_token")).check_json(200);
    assert_eq!(
        (&known["active"], &known["client_id"], &known["sub"]),
        (&json!(true), &json!(demo.id), &json!(demo.id))
    );
    assert_eq!(known["exp"].as_i64().unwrap() - known["iat"].as_i64().unwrap(), 3600);
    assert_eq!((&known["scope"], &known["iss"]), (&json!("jobs:read jobs:write"), &json!(host.url())));

    let revoked = demo.post(&host, "revoke", &format!("token={token}"));
    assert_eq!((revoked.status, revoked.body.as_str()), (200, ""));
    host.decide(&Question::reads_jobs(token)).check_unauthenticated();
    assert!(!demo.is_active(&host, token));
    assert_eq!(demo.post(&host, "revoke", &format!("token={token}")).status, 200, "ended already");
    let records = host.operator().get(&format!("/v1/organizations/{}/audit?limit=2", host.identity().organization));
    let actions: Vec<_> =
        records.check_json(200)["items"].as_array().unwrap().iter().map(|of| of["action"].clone()).collect();
    assert_eq!(actions, ["tokens.revoke", "tokens.issue"]);
}

#[test]
fn a_secret_of_a_client_is_no_credential() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    host.decide(&Question::reads_jobs(&demo.secret)).check_unauthenticated();
    assert_eq!(host.client(Some(&demo.secret)).get(&host.workspace("/keys")).status, 401);
    assert!(!demo.is_active(&host, &demo.secret));
}

#[test]
fn scopes_and_workspaces_are_narrowed_and_never_widened() {
    let host = Host::dev();
    let here = host.identity().workspace.clone();
    let limited = Client::register(
        &host,
        &json!({ "name": "limited", "scopes": ["jobs:read", "keys:read"], "workspaces": [here] }),
    );
    let ask = |more: &str| limited.post(&host, "token", &format!("grant_type=client_credentials{more}"));
    assert_eq!(ask("").check_json(200)["scope"], "jobs:read keys:read", "all that it holds");
    check_error(&ask("&scope=jobs:read+jobs:write"), 400, "invalid_scope");
    check_error(&ask("&scope=%2A"), 400, "invalid_scope");
    check_error(&ask("&scope=jobs:rite"), 400, "invalid_scope");
    check_error(&ask("&scope=jobs:read++keys:read"), 400, "invalid_scope");
    let issuer = host.url();
    let other = host.create_workspace(&host.identity().organization, "third");
    assert_eq!(ask(&format!("&resource={issuer}/v1/workspaces/{here}")).status, 200);
    assert_eq!(ask(&format!("&resource={here}")).status, 200);
    check_error(&ask(&format!("&resource={issuer}/v1/workspaces/{other}")), 400, "invalid_target");
    check_error(&ask("&resource=ws_00aaaaaaaaaaaaaaaa"), 400, "invalid_target");
    check_error(&ask("&resource=https://elsewhere.example/"), 400, "invalid_target");
    let organization = host.create_organization("globex");
    let theirs = host.create_workspace(&organization, "main");
    check_error(&ask(&format!("&resource={theirs}")), 400, "invalid_target");
    let token = limited.token(&host, "");
    for elsewhere in [&theirs, &other] {
        host.decide(&Question::reads_jobs(&token).in_workspace(elsewhere)).check_deny(&["wrong_workspace"]);
    }
    // Nothing of another organization's can be given to it.
    let refused = host.operator().post(&clients(&host), &json!({ "name": "x", "workspaces": [theirs] }));
    assert_eq!(refused.status, 400, "{}", refused.body);
}

#[test]
fn a_token_for_several_workspaces_acts_in_the_one_that_is_named() {
    let host = Host::dev();
    let (here, organization) = (host.identity().workspace.clone(), host.identity().organization.clone());
    let third = host.create_workspace(&organization, "third");
    let both = Client::register(
        &host,
        &json!({ "name": "both", "scopes": ["jobs:read", "keys:read"], "workspaces": [here, third] }),
    );
    let token = both.token(&host, "");
    host.decide(&Question::reads_jobs(&token)).check_deny(&["workspace_missing"]);
    for named in [&here, &third, &"main".to_owned(), &"third".to_owned()] {
        host.decide(&Question::reads_jobs(&token).in_workspace(named)).check_allow();
    }
    host.decide(&Question::reads_jobs(&token).in_workspace("other")).check_deny(&["wrong_workspace"]);
    // It manages each as far as its scopes go.
    let bearer = host.client(Some(&token));
    for workspace in [&here, &third] {
        assert_eq!(bearer.get(&format!("/v1/workspaces/{workspace}/keys")).status, 200);
    }
    assert_eq!(bearer.get("/v1/workspaces/own/keys").status, 403, "which one is not said");
    // What one workspace's policy forbids, it forbids there.
    let forbids = json!({ "engine": "cel", "source": "forbid(\"closed\", \"not now\")" });
    host.operator().put(&format!("/v1/workspaces/{third}/policies/closed?publish=true"), &forbids).check_json(200);
    host.decide(&Question::reads_jobs(&token).in_workspace("third")).check_deny(&["closed"]);
    host.decide(&Question::reads_jobs(&token).in_workspace("main")).check_allow();
    // It has a say where a token is for it alone, and none where it is for all.
    check_error(
        &both.post(&host, "token", &format!("grant_type=client_credentials&resource={third}")),
        400,
        "unauthorized_client",
    );
    assert_eq!(both.post(&host, "token", "grant_type=client_credentials").status, 200);
    host.operator().post(&format!("/v1/workspaces/{third}/suspend"), &json!({})).check_json(200);
    host.decide(&Question::reads_jobs(&token).in_workspace("third")).check_unauthenticated();
    host.decide(&Question::reads_jobs(&token).in_workspace("main")).check_allow();
}

#[test]
fn networks_environments_and_the_quota_are_the_clients() {
    let host = Host::dev();
    let here = host.identity().workspace.clone();
    let office = Client::register(
        &host,
        &json!({ "name": "office", "scopes": ["jobs:read"], "workspaces": [here], "environments": ["staging"],
                 "ip_allow": ["127.0.0.0/8", "203.0.113.0/24"] }),
    );
    let (one, other) = (office.token(&host, ""), office.token(&host, ""));
    let ask = |token: &str, environment: &str, ip: &str| {
        host.decide(&Question::of(token).to("GET /v1/jobs").within(environment).from(ip))
    };
    let first = ask(&one, "staging", "203.0.113.7");
    first.check_allow();
    assert_eq!(first.remaining() - ask(&other, "staging", "203.0.113.7").remaining(), 1, "one quota");
    ask(&one, "production", "203.0.113.7").check_deny(&["environment_not_allowed"]);
    ask(&one, "staging", "198.51.100.7").check_deny(&["ip_not_allowed"]);
    let moved = json!({ "ip_allow": ["198.51.100.0/24"] });
    host.operator().put(&client(&host, &office, ""), &moved).check_json(200);
    ask(&one, "staging", "198.51.100.7").check_allow();
    check_error(&office.post(&host, "token", "grant_type=client_credentials"), 400, "unauthorized_client");
}

#[test]
fn gateways_ask_about_tokens_of_their_organizations_and_clients_about_their_own() {
    let host = Host::dev();
    let here = host.identity().workspace.clone();
    let (demo, other) = (
        Client::demo(&host),
        Client::register(&host, &json!({ "name": "other", "scopes": ["jobs:read"], "workspaces": [here] })),
    );
    let token = demo.token(&host, "&scope=jobs:read");
    assert!(demo.is_active(&host, &token) && !other.is_active(&host, &token));
    check_error(&other.post(&host, "revoke", &format!("token={token}")), 400, "unauthorized_client");
    assert!(demo.is_active(&host, &token));
    let ask = |bearer: &str, endpoint: &str| {
        let request = Request::new("POST", &format!("/oauth/{endpoint}"));
        host.client(Some(bearer)).send(&request.body("application/x-www-form-urlencoded", format!("token={token}")))
    };
    let identity = host.identity();
    assert_eq!(ask(&identity.gateway_token, "introspect").check_json(200)["active"], true);
    let elsewhere = host.create_organization("globex");
    let stranger = host.operator().post("/v1/gateways", &json!({ "name": "g", "organizations": [elsewhere] }));
    let stranger = stranger.check_json(201)["secret"].as_str().unwrap().to_owned();
    assert_eq!(ask(&stranger, "introspect").check_json(200), json!({ "active": false }));
    // Whoever presents a bearer secret is told of that (RFC 6750 §3.1).
    for (bearer, endpoint, status, error) in [
        (identity.gateway_token.as_str(), "revoke", 403, "insufficient_scope"),
        (&identity.keys["production"], "introspect", 403, "insufficient_scope"),
        ("cf_gw_nobody", "introspect", 401, "invalid_token"),
        ("cf_gw_nobody", "revoke", 401, "invalid_token"),
    ] {
        let told = ask(bearer, endpoint);
        check_body(&told, status, error);
        let challenge = format!("Bearer realm=\"cronflow-access\", error=\"{error}\"");
        assert_eq!(told.header("www-authenticate"), Some(challenge.as_str()));
    }
    let key = host.demo_key("production");
    assert!(!demo.is_active(&host, &key.secret), "an API key is no token");
    assert_eq!(ask(&identity.operator_token, "revoke").status, 200);
    assert!(!demo.is_active(&host, &token));
}

#[test]
fn whoever_spends_a_clients_quota_does_not_keep_it_from_ending_tokens() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let token = demo.token(&host, "&scope=jobs:read");
    let batch = json!({ "items": vec![Question::reads_jobs(&token).body().clone(); 100] });
    for _ in 0..101 {
        host.gateway().post("/v1/authorize/batch", &batch).check_json(200);
    }
    let spent = demo.post(&host, "introspect", &format!("token={token}"));
    check_error(&spent, 429, "temporarily_unavailable");
    assert!(spent.header("ratelimit").is_some_and(|limit| limit.starts_with("\"default\";r=0;t=")), "{spent:?}");
    assert_eq!(spent.header("ratelimit-policy"), Some("\"default\";q=10000"));
    assert_eq!(demo.post(&host, "revoke", &format!("token={token}")).status, 200);
    host.decide(&Question::reads_jobs(&token)).check_unauthenticated();
}

/// Attempts that are denied count too, so a thief's count where the client's own do not.
#[test]
fn whoever_is_denied_the_ending_of_tokens_again_and_again_does_not_keep_the_client_from_it() {
    let setup = Setup::dev();
    let catalog = fs::read_to_string(workspace_root().join("policies/catalog.toml")).unwrap();
    let (platform, client) = catalog.split_once("[kinds.client]").expect("a kind of clients");
    let client = client.replacen(
        "quota = { limit = 10000, window_seconds = 60 }",
        "quota = { limit = 10, window_seconds = 3600 }",
        1,
    );
    let file = setup.folder().join("catalog.toml");
    fs::write(&file, format!("{platform}[kinds.client]{client}")).unwrap();
    let host = setup.args(["--catalog".to_owned(), file.display().to_string()]).start();
    let demo = Client::demo(&host);
    let [stolen, other] = [(); 2].map(|()| demo.token(&host, "&scope=jobs:read"));
    let thief = host.client(Some(&stolen));
    let end = Request::new("POST", "/oauth/revoke").body("application/x-www-form-urlencoded", format!("token={other}"));
    let told: Vec<u16> = (0..60).map(|_| thief.send(&end).status).collect();
    assert_eq!((told[0], told[59]), (403, 429), "{told:?}");
    for token in [stolen, other] {
        assert_eq!(demo.post(&host, "revoke", &format!("token={token}")).status, 200);
        host.decide(&Question::reads_jobs(&token)).check_unauthenticated();
    }
}

#[test]
fn what_is_not_served_below_oauth_is_told_as_oauth2_tells_errors() {
    let host = Host::dev();
    let send = |method: &str, path: &str| host.client(None).send(&Request::new(method, path));
    check_error(&send("GET", "/oauth/token"), 405, "invalid_request");
    assert_eq!(send("GET", "/oauth/token").header("allow"), Some("POST"));
    check_error(&send("POST", "/oauth/authorize"), 404, "invalid_request");
}

#[test]
fn a_read_only_key_reaches_no_token() {
    let host = Host::dev();
    let read_only: Key = host.demo_key("read_only");
    let demo = Client::demo(&host);
    for (id, secret) in
        [(demo.id.as_str(), read_only.secret.as_str()), (read_only.id.as_str(), read_only.secret.as_str())]
    {
        let client = Client { id: id.to_owned(), secret: secret.to_owned() };
        check_error(&client.post(&host, "token", "grant_type=client_credentials"), 401, "invalid_client");
    }
    let form =
        format!("grant_type=client_credentials&client_id={}&client_secret={}", demo.id, read_only.secret.as_str());
    let request = Request::new("POST", "/oauth/token").body("application/x-www-form-urlencoded", form);
    check_error(&host.client(Some(read_only.secret.as_str())).send(&request), 400, "invalid_request");
    let bearer = host.client(Some(read_only.secret.as_str()));
    let path = clients(&host);
    assert_eq!(bearer.post(&path, &json!({ "name": "x" })).status, 403);
    assert_eq!(bearer.send(&Request::new("HEAD", &path)).status, 403);
    let overridden = Request::new("GET", &path).header("X-HTTP-Method-Override", "POST").json(&json!({ "name": "x" }));
    assert_eq!(bearer.send(&overridden).status, 403);
}

#[test]
fn the_server_says_where_everything_is() {
    let host = Host::dev();
    let metadata = host.client(None).get("/.well-known/oauth-authorization-server").check_json(200);
    let url = host.url();
    assert_eq!(metadata["issuer"], url);
    for (name, path) in [("token", "token"), ("introspection", "introspect"), ("revocation", "revoke")] {
        assert_eq!(metadata[format!("{name}_endpoint")], format!("{url}/oauth/{path}"));
    }
    assert_eq!(metadata["grant_types_supported"], json!(["client_credentials"]));
}

#[test]
fn a_client_has_so_many_tokens_and_no_more() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let statuses: Vec<u16> =
        (0..202).map(|_| demo.post(&host, "token", "grant_type=client_credentials").status).collect();
    let issued = statuses.iter().filter(|status| **status == 200).count();
    let hosts = host.nodes().len();
    assert!(issued <= 200 && issued >= 200 - 10 * (hosts - 1), "{issued}");
    let last = demo.post(&host, "token", "grant_type=client_credentials");
    check_error(&last, 429, "temporarily_unavailable");
    assert!(last.header("retry-after").is_some());
}
