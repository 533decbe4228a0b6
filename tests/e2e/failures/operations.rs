//! Everything that is asked of a host, once each, for whoever wants to know what becomes of it while something is broken.

use harness::{Client, Host, Key, Request, Response};
use serde_json::{Value, json};

use crate::policies::{forbids_deleting, policy};

/// One of each, for a host that has a key, a token and a published policy.
pub(super) struct Operations<'a> {
    host: &'a Host,
    key: Key,
    token: String,
}

impl<'a> Operations<'a> {
    /// Makes what they are about.
    #[track_caller]
    pub(super) fn on(host: &'a Host) -> Self {
        let key = host.issue("production", &["jobs:read"]);
        let published = host.operator().put(&policy(host, "standing", "?publish=true"), &forbids_deleting("standing"));
        published.check_json(200);
        Self { host, key, token: host.token(&["jobs:read"]) }
    }

    /// The secrets that they are about, which live.
    pub(super) fn secrets(&self) -> [String; 2] {
        [self.key.secret.clone(), self.token.clone()]
    }

    /// What changes something, by the operator.
    pub(super) fn changes(&self) -> Vec<Request> {
        let (host, nothing) = (self.host, json!({}));
        let post = |path: &str, body: &Value| Request::new("POST", path).json(body);
        let organization = format!("/v1/organizations/{}", host.identity().organization);
        vec![
            post(&host.workspace("/keys"), &json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] })),
            post(&host.key(&self.key, "/rotate"), &json!({ "overlap_seconds": 3_600 })),
            post(&host.key(&self.key, "/disable"), &nothing),
            post(&host.key(&self.key, "/revoke"), &nothing),
            Request::new("PUT", &host.workspace("/network")).json(&json!({ "ip_allow": ["203.0.113.0/24"] })),
            Request::new("PUT", &host.workspace("/settings")).json(&json!({ "description": "changed" })),
            Request::new("PUT", &policy(host, "standing", "?publish=true")).json(&forbids_deleting("another")),
            post(&policy(host, "standing", "/rollback"), &nothing),
            post(&host.workspace("/webhooks"), &json!({ "url": "http://127.0.0.1:9009/", "events": ["job.*"] })),
            post(&host.workspace("/webhooks/messages"), &json!({ "type": "job.done", "payload": {} })),
            post(&host.workspace("/suspend"), &nothing),
            post(&format!("{organization}/workspaces"), &json!({ "name": "another" })),
            post(&format!("{organization}/clients"), &json!({ "name": "another", "scopes": [], "workspaces": [] })),
            post(&format!("{organization}/invitations"), &json!({ "email": "bob@example.com", "roles": ["viewer"] })),
        ]
    }

    /// What only looks, by the operator.
    pub(super) fn reads(&self) -> Vec<Request> {
        let (host, key) = (self.host, self.host.key(&self.key, ""));
        let paths = ["/keys", "/network", "/settings", "/policies", "/webhooks", "/audit", "/events", "/usage"];
        let paths = paths.iter().map(|path| host.workspace(path)).chain([key]);
        paths.map(|path| Request::new("GET", &path)).collect()
    }

    /// Checks that nobody is given a token, and none is ended.
    #[track_caller]
    pub(super) fn check_no_tokens(&self, anybody: &Client) {
        for (path, fields) in [
            ("/oauth/token", "grant_type=client_credentials&scope=jobs:read".to_owned()),
            ("/oauth/revoke", format!("token={}", self.token)),
        ] {
            check_temporarily_unavailable(&self.form(anybody, path, &fields));
        }
    }

    /// Asks about the token, as its client.
    #[track_caller]
    pub(super) fn introspect(&self, anybody: &Client) -> Response {
        self.form(anybody, "/oauth/introspect", &format!("token={}", self.token))
    }

    #[track_caller]
    fn form(&self, anybody: &Client, path: &str, fields: &str) -> Response {
        let client = &self.host.identity().client;
        let form = format!("{fields}&client_id={}&client_secret={}", client.client_id, client.client_secret);
        anybody.send(&Request::new("POST", path).body("application/x-www-form-urlencoded", form))
    }

    /// Checks that nobody comes in.
    #[track_caller]
    pub(super) fn check_no_sign_in(&self, anybody: &Client) {
        let owner = &self.host.identity().owner;
        let body = json!({ "email": owner.email, "password": owner.password });
        anybody.post("/v1/sessions", &body).check_problem(503, "store_unavailable");
    }
}

/// Checks that this says so in OAuth2's words, and when to come back.
#[track_caller]
pub(super) fn check_temporarily_unavailable(response: &Response) {
    assert_eq!(response.status, 503, "{response:?}");
    assert!(response.body.contains(r#""error":"temporarily_unavailable""#), "{response:?}");
    assert!(response.header("retry-after").is_some(), "{response:?}");
}

/// Checks that these are refused, since the store can't be reached or written to, and told when to come back.
#[track_caller]
pub(super) fn check_refused(client: &Client, requests: &[Request]) {
    for request in requests {
        let response = client.send(request);
        assert_eq!(response.status, 503, "{request:?}: {response:?}");
        response.check_problem(503, "store_unavailable");
        assert!(response.header("retry-after").is_some(), "{request:?}: {response:?}");
    }
}

/// Checks that these are answered.
#[track_caller]
pub(super) fn check_answered(client: &Client, requests: &[Request]) {
    for request in requests {
        let response = client.send(request);
        assert_eq!(response.status, 200, "{request:?}: {response:?}");
    }
}

/// What is shown of everything that the changes are about; of clients their names, since when they were used comes by itself.
#[track_caller]
pub(super) fn shown(host: &Host) -> Vec<Value> {
    let organization = format!("/v1/organizations/{}", host.identity().organization);
    let read = |path: &str| host.operator().get(path).check_json(200);
    let of_workspace = ["/network", "/settings", "/policies", "/webhooks", ""].map(|path| read(&host.workspace(path)));
    let of_organization = ["/workspaces", "/invitations"].map(|path| read(&format!("{organization}{path}")));
    let clients = read(&format!("{organization}/clients"));
    let clients = clients["items"].as_array().expect("items").iter().map(|client| client["name"].clone());
    of_workspace.into_iter().chain(of_organization).chain(clients).collect()
}
