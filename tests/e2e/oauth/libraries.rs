//! Libraries that people use, unmodified, against the jobs API: discover, obtain, use, introspect, revoke, dead at once.

use std::process::Command;

use harness::{Host, JobsApi, Ran, Request, Setup, is_left_to_tests_run, tools};
use oauth2::basic::BasicClient;
use oauth2::http::HeaderName;
use oauth2::{
    AccessToken, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, IntrospectionUrl, RevocationUrl, Scope,
    StandardRevocableToken, TokenIntrospectionResponse as _, TokenResponse as _, TokenUrl,
};
use serde_json::{Value, json};

const WAYS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// A host and the jobs API that asks it.
fn served(setup: Setup) -> (Host, JobsApi) {
    let host = setup.start();
    let api = JobsApi::that_asks(host.address(), &host.identity().gateway_token, "production", &[]);
    (host, api)
}

/// Runs a program that has a token's life, by each way to authenticate; checks what it saw.
fn check(host: &Host, api: &JobsApi, program: impl Fn() -> Command) {
    for way in WAYS {
        let client = &host.identity().client;
        let mut program = program();
        program
            .env("ACCESS_URL", host.url())
            .env("JOBS_URL", format!("http://{}", api.address()))
            .env("CLIENT_ID", &client.client_id)
            .env("CLIENT_SECRET", &client.client_secret)
            .env("AUTH_METHOD", way)
            .env("NODE_TOOLS", tools().join("node"));
        let ran = Ran::of(&mut program);
        ran.check(0, &[]);
        let seen: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        assert_eq!(seen, life(), "{way}: {ran:?}");
    }
}

fn life() -> Value {
    json!({
        "scope": "jobs:read", "used": 200, "active": true, "revoked": 200, "used_after": 401, "active_after": false,
    })
}

#[test]
fn authlib() {
    let python = tools().join("python/bin/python");
    if is_left_to_tests_run(&python.to_string_lossy()) {
        return;
    }
    let (host, api) = served(Setup::dev());
    check(&host, &api, || {
        let mut command = Command::new(&python);
        command.arg("data/oauth/authlib_client.py");
        command
    });
}

#[test]
fn openid_client() {
    if is_left_to_tests_run(&tools().join("node/node_modules/openid-client/package.json").to_string_lossy()) {
        return;
    }
    let (host, api) = served(Setup::dev());
    check(&host, &api, || {
        let mut command = Command::new("node");
        command.arg("data/oauth/openid_client.mjs");
        command
    });
}

#[test]
fn the_oauth2_crate() {
    // The crate revokes over https alone (RFC 7009 §2), which a proxy in front would speak.
    let (host, api) = served(Setup::dev().args(["--public-url", "https://access.example.com"]));
    let metadata = host.client(None).get("/.well-known/oauth-authorization-server").check_json(200);
    let at = |name: &str| metadata[name].as_str().expect("a URL").to_owned();
    let identity = &host.identity().client;
    let send = |request: HttpRequest| exchange(&host, request);
    for way in [AuthType::BasicAuth, AuthType::RequestBody] {
        let client = BasicClient::new(ClientId::new(identity.client_id.clone()))
            .set_client_secret(ClientSecret::new(identity.client_secret.clone()))
            .set_auth_type(way)
            .set_token_uri(TokenUrl::new(at("token_endpoint")).unwrap())
            .set_introspection_url(IntrospectionUrl::new(at("introspection_endpoint")).unwrap())
            .set_revocation_url(RevocationUrl::new(at("revocation_endpoint")).unwrap());
        let token = client.exchange_client_credentials().add_scope(Scope::new("jobs:read".to_owned())).request(&send);
        let token: AccessToken = token.expect("a token").access_token().clone();
        let jobs = api.client(Some(token.secret()));
        let is_active = || client.introspect(&token).request(&send).expect("an answer").active();
        assert!(jobs.get("/v1/jobs").status == 200 && is_active());
        client.revoke_token(StandardRevocableToken::AccessToken(token.clone())).unwrap().request(&send).expect("done");
        assert!(jobs.get("/v1/jobs").status == 401 && !is_active());
    }
}

/// What the crate asks to be sent, sent.
fn exchange(host: &Host, request: HttpRequest) -> Result<HttpResponse, std::io::Error> {
    let (parts, body) = request.into_parts();
    let mut asked = Request::new(parts.method.as_str(), parts.uri.path());
    for (name, value) in &parts.headers {
        if *name != oauth2::http::header::CONTENT_TYPE {
            asked = asked.header(name.as_str(), value.as_bytes());
        }
    }
    let response = host.client(None).send(&asked.body("application/x-www-form-urlencoded", body));
    let kind = response.header("content-type").unwrap_or("text/plain");
    let answer = oauth2::http::Response::builder()
        .status(response.status)
        .header(HeaderName::from_static("content-type"), kind)
        .body(response.body.clone().into_bytes());
    answer.map_err(std::io::Error::other)
}
