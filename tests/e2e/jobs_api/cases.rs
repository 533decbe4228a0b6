//! Who comes to the doors, and what for. To try another sort of credential on every route, add to [`presenters`].

use std::collections::BTreeSet;

use harness::{Host, Request};

use crate::kind_table::table::{Action, KINDS, catalog, strings};

/// Somebody who presents a credential.
pub(super) struct Presenter {
    /// For failures.
    pub(super) name: String,
    pub(super) secret: String,
    /// Where.
    pub(super) environment: &'static str,
    /// The kind that decides what it may do at all.
    pub(super) kind: &'static str,
    /// What was granted to it.
    pub(super) scopes: BTreeSet<String>,
}

impl Presenter {
    /// The code of each reason to deny it an action; none, and it may.
    pub(super) fn reasons_against(&self, action: &Action) -> Vec<&'static str> {
        let is_of_kind = action.kinds.contains(self.kind);
        let has_scope = !self.scopes.is_disjoint(&action.scopes);
        let reasons = [(!is_of_kind, "kind_not_allowed"), (!has_scope, "missing_scope")];
        reasons.into_iter().filter(|(is_so, _)| *is_so).map(|(_, code)| code).collect()
    }
}

/// A key of each kind with all of its scopes; a production and a staging key with each scope alone, and with none; tokens.
pub(super) fn presenters(host: &Host) -> Vec<Presenter> {
    let mut presenters = Vec::new();
    for kind in KINDS {
        let environment = if kind == "staging" { "staging" } else { "production" };
        let all = strings(&catalog()["kinds"][kind]["scopes"]);
        let whole = host.demo_key(kind).secret;
        presenters.push(Presenter { name: kind.to_owned(), secret: whole, environment, kind, scopes: all.clone() });
        let alone = all.iter().map(|scope| BTreeSet::from([scope.clone()])).chain([BTreeSet::new()]);
        for scopes in alone.filter(|_| kind != "read_only") {
            let granted: Vec<&str> = scopes.iter().map(String::as_str).collect();
            let secret = host.issue(kind, &granted).secret;
            presenters.push(Presenter { name: format!("{kind} {scopes:?}"), secret, environment, kind, scopes });
        }
    }
    presenters.extend(tokens(host));
    presenters
}

/// A token with all scopes of its kind, and one with each scope alone. They may do what a production key may.
fn tokens(host: &Host) -> Vec<Presenter> {
    let all = strings(&catalog()["kinds"]["access_token"]["scopes"]);
    let alone = all.iter().map(|scope| BTreeSet::from([scope.clone()]));
    let of = |scopes: BTreeSet<String>| Presenter {
        name: format!("token {scopes:?}"),
        secret: host.token(&scopes.iter().map(String::as_str).collect::<Vec<_>>()),
        environment: "production",
        kind: "production",
        scopes,
    };
    std::iter::once(all.clone()).chain(alone).map(of).collect()
}

/// Requests that no door may let through, whoever presents whatever of the kind `read_only`; with the statuses that may say so.
pub(super) fn roads_to_a_write() -> Vec<(Request, &'static [u16])> {
    let denied: &[u16] = &[403];
    let refused: &[u16] = &[400, 403, 404, 405, 501];
    let mut roads = Vec::new();
    for header in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override"] {
        roads.push((Request::new("POST", "/v1/jobs").header(header, "GET").json(&job()), denied));
    }
    for header in ["X-Original-URI", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri"] {
        roads.push((Request::new("POST", "/v1/queues").header(header, "/v1/jobs").json(&job()), denied));
    }
    for target in [
        "/v1//queues",
        "//v1/queues",
        "/v1/jobs/../queues",
        "/v1/jobs/..%2fqueues",
        "/v1/jobs/%2e%2e/queues",
        "/v1/jobs%2f..%2fqueues",
        "/v1/jobs;/../queues",
        "/v1/jobs%00",
        "/v1/jobs%252e%252e/queues",
        "/V1/queues",
        "/v1/queues",
        "/v1/queues?x=/v1/jobs",
    ] {
        roads.push((Request::new("GET", target), refused));
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "PURGE"] {
        roads.push((Request::new(method, "/v1/jobs").json(&job()), refused));
        roads.push((Request::new(method, "/v1/jobs/job_1").json(&job()), refused));
    }
    roads
}

fn job() -> serde_json::Value {
    serde_json::json!({ "type": "echo", "payload": 1 })
}
