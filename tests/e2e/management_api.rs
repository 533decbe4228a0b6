//! The management API, asked by keys: what their scopes let them do, and what nothing lets them do.

mod grants;
mod idempotency;
mod organizations;
mod scopes;
mod slow;
mod traffic;
mod trail;
mod usage;
mod versions;

use harness::{Host, Request, Response};
use serde_json::{Value, json};

/// An endpoint of the management API.
struct Endpoint {
    method: &'static str,
    /// `ORG` is the first organization, `WS` a workspace, `KEY` a key of it.
    path: &'static str,
    body: Option<Value>,
    /// The scope with which a production key may use it; none: operators alone.
    scope: Option<&'static str>,
}

/// Every one.
fn endpoints() -> Vec<Endpoint> {
    let get = |path, scope| Endpoint { method: "GET", path, body: None, scope };
    let post = |path, body, scope| Endpoint { method: "POST", path, body: Some(body), scope };
    let put = |path, body, scope| Endpoint { method: "PUT", path, body: Some(body), scope };
    vec![
        post("/v1/workspaces/WS/keys", json!({ "kind": "staging", "name": "e2e" }), Some("keys:write")),
        get("/v1/workspaces/WS/keys", Some("keys:read")),
        get("/v1/workspaces/WS/keys/KEY", Some("keys:read")),
        post("/v1/workspaces/WS/keys/KEY/disable", json!({}), Some("keys:write")),
        post("/v1/workspaces/WS/keys/KEY/enable", json!({}), Some("keys:write")),
        post("/v1/workspaces/WS/keys/KEY/rotate", json!({}), Some("keys:write")),
        post("/v1/workspaces/WS/keys/KEY/revoke", json!({}), Some("keys:write")),
        get("/v1/workspaces/WS/network", Some("network:read")),
        put("/v1/workspaces/WS/network", json!({ "egress_allow": null }), Some("network:write")),
        post("/v1/workspaces/WS/network/preview", json!({ "ip_allow": ["203.0.113.0/24"] }), Some("network:read")),
        get("/v1/workspaces/WS/audit", Some("audit:read")),
        get("/v1/workspaces/WS/audit/export", Some("audit:read")),
        get("/v1/workspaces/WS/traffic", Some("usage:read")),
        get("/v1/workspaces/WS/overview", Some("keys:read")),
        get("/v1/workspaces/WS", Some("settings:read")),
        get("/v1/workspaces/WS/settings", Some("settings:read")),
        get("/v1/workspaces/WS/usage", Some("usage:read")),
        put("/v1/workspaces/WS/settings", json!({ "description": "e2e" }), Some("settings:write")),
        put(
            "/v1/workspaces/WS/policies/e2e",
            json!({ "engine": "cel", "source": "no_match()" }),
            Some("policies:write"),
        ),
        put(
            "/v1/workspaces/WS/policies/e2e?publish=true",
            json!({ "engine": "cel", "source": "no_match()" }),
            Some("policies:write"),
        ),
        post("/v1/workspaces/WS/policies/e2e/publish", json!({ "revision": 1 }), Some("policies:write")),
        post("/v1/workspaces/WS/policies/e2e/rollback", json!({}), Some("policies:write")),
        put(
            "/v1/workspaces/WS/policies/e2e-2",
            json!({ "engine": "cel", "source": "no_match()" }),
            Some("policies:write"),
        ),
        Endpoint {
            method: "DELETE",
            path: "/v1/workspaces/WS/policies/e2e-2",
            body: None,
            scope: Some("policies:write"),
        },
        get("/v1/workspaces/WS/policies", Some("policies:read")),
        get("/v1/workspaces/WS/policies/e2e", Some("policies:read")),
        get("/v1/workspaces/WS/policies/e2e/revisions", Some("policies:read")),
        get("/v1/workspaces/WS/policies/e2e/revisions/1", Some("policies:read")),
        post(
            "/v1/workspaces/WS/webhooks",
            json!({ "url": "https://example.com/hooks", "events": ["*"] }),
            Some("webhooks:write"),
        ),
        get("/v1/workspaces/WS/webhooks", Some("webhooks:read")),
        post(
            "/v1/workspaces/WS/webhooks/messages",
            json!({ "type": "job.done", "payload": {} }),
            Some("webhooks:send"),
        ),
        post("/v1/workspaces/WS/suspend", json!({}), None),
        post("/v1/workspaces/WS/resume", json!({}), None),
        post("/v1/workspaces/WS/archive", json!({}), None),
        post("/v1/organizations", json!({ "name": "e2e" }), None),
        get("/v1/organizations", None),
        get("/v1/organizations/ORG", None),
        post("/v1/organizations/ORG/suspend", json!({}), None),
        post("/v1/organizations/ORG/resume", json!({}), None),
        post("/v1/organizations/ORG/archive", json!({}), None),
        get("/v1/organizations/ORG/settings", None),
        get("/v1/organizations/ORG/audit/export", None),
        put("/v1/organizations/ORG/settings", json!({ "description": "e2e" }), None),
        get("/v1/organizations/ORG/audit", None),
        get("/v1/organizations/ORG/audit/report", None),
        post("/v1/organizations/ORG/workspaces", json!({ "name": "e2e" }), None),
        get("/v1/organizations/ORG/workspaces", None),
        get("/v1/audit", None),
        get("/v1/gateways", None),
        get("/v1/gateways/gw_00doesnotexist0000", None),
        post("/v1/gateways", json!({ "name": "e2e" }), None),
        post("/v1/gateways/gw_00doesnotexist0000/revoke", json!({}), None),
        post("/v1/dev/clock", json!({ "advance_seconds": 0 }), None),
    ]
}

impl Endpoint {
    /// Asks it with a bearer, about `workspace` and `key`.
    #[track_caller]
    fn ask(&self, host: &Host, bearer: &str, workspace: &str, key: &str) -> Response {
        // Segment by segment: an id may hold any letters.
        let segment = |name| match name {
            "ORG" => host.identity().organization.as_str(),
            "WS" => workspace,
            "KEY" => key,
            other => other,
        };
        let path = self.path.split('/').map(segment).collect::<Vec<_>>().join("/");
        let request = Request::new(self.method, &path);
        let request = match &self.body {
            Some(body) => request.json(body),
            None => request,
        };
        host.client(Some(bearer)).send(&request)
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
