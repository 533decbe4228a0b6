//! The yardstick: a bare axum server that reads the question of `POST /v1/authorize` into types of the same shape and
//! answers JSON of the same shape and size, having decided nothing. What the product costs beyond this is what a decision
//! costs; what it costs below this nobody can save who speaks HTTP and JSON here. To a gateway's `/v1/forward-auth` it answers
//! a bare 204; to the forms of `/oauth/token` and `/oauth/introspect`, JSON like theirs.
//!
//! Runtime, listener and socket options are the product's. It prints its base URL, and serves until it is ended.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write as _;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use cronflow_policy_cases::{Attributes, Resource};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    credential: String,
    #[serde(default)]
    request: Request,
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    resource: Resource,
    #[serde(default)]
    context: Attributes,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    environment: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    decision: &'a str,
    status: u16,
    decision_id: &'a str,
    policy_revision: u64,
    set_digest: &'a str,
    reasons: &'a [&'a str],
    principal: Principal<'a>,
    quota: Quota,
}

#[derive(Serialize)]
struct Principal<'a> {
    kind: &'a str,
    id: &'a str,
    key_kind: &'a str,
    organization: &'a str,
    workspace: &'a str,
    environment: Option<&'a str>,
    scopes: &'a [&'a str],
}

#[derive(Serialize)]
struct Quota {
    limit: u32,
    remaining: u32,
    reset_seconds: u64,
}

/// As many as a production key of the demo holds.
const SCOPES: &[&str] = &[
    "jobs:read",
    "jobs:write",
    "workers:manage",
    "webhooks:configure",
    "keys:read",
    "keys:write",
    "network:read",
    "network:write",
    "policies:read",
    "policies:write",
    "audit:read",
    "settings:read",
    "settings:write",
    "usage:read",
];

async fn echo(body: Bytes) -> Response {
    let Ok(question) = serde_json::from_slice::<Question>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // Everything that was read counts as used, so that none of the reading is optimized away.
    let Question { credential, request, action, resource, context } = &question;
    black_box((credential, &request.method, &request.path, &request.ip, action, resource, context));
    let told = Answer {
        decision: "allow",
        status: 200,
        decision_id: "dec_000000000000000000",
        policy_revision: 0,
        set_digest: "0000000000000000000000000000000000000000000000000000000000000000",
        reasons: &[],
        principal: Principal {
            kind: "api_key",
            id: "key_000000000000000000",
            key_kind: "production",
            organization: "org_000000000000000000",
            workspace: "ws_000000000000000000",
            environment: request.environment.as_deref(),
            scopes: SCOPES,
        },
        quota: Quota { limit: 1_000_000_000, remaining: 999_999_999, reset_seconds: 60 },
    };
    answer(&told)
}

#[derive(Serialize)]
struct Token<'a> {
    access_token: &'a str,
    token_type: &'a str,
    expires_in: u64,
    scope: &'a str,
}

#[derive(Serialize)]
struct Introspection<'a> {
    active: bool,
    scope: &'a str,
    client_id: &'a str,
    sub: &'a str,
    token_type: &'a str,
    exp: u64,
    iat: u64,
    organization: &'a str,
    workspace: &'a str,
}

/// Scopes as the bench's tokens hold them.
const TOKEN_SCOPES: &str = "jobs:read jobs:write";

async fn token(body: Bytes) -> Response {
    form(&body);
    answer(&Token {
        access_token: "cf_at_0000000000000000000000000000000000000000000000000000000000",
        token_type: "Bearer",
        expires_in: 3_600,
        scope: TOKEN_SCOPES,
    })
}

async fn introspection(body: Bytes) -> Response {
    form(&body);
    answer(&Introspection {
        active: true,
        scope: TOKEN_SCOPES,
        client_id: "cl_000000000000000000",
        sub: "cl_000000000000000000",
        token_type: "Bearer",
        exp: 1_800_000_000,
        iat: 1_800_000_000,
        organization: "org_000000000000000000",
        workspace: "ws_000000000000000000",
    })
}

/// Reads a form.
fn form(body: &[u8]) {
    black_box(form_urlencoded::parse(body).into_owned().collect::<BTreeMap<String, String>>());
}

fn answer(body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(640);
    if serde_json::to_writer(&mut bytes, body).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(CONTENT_TYPE, "application/json")], bytes).into_response()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let mut out = std::io::stdout();
        writeln!(out, "http://{}", listener.local_addr()?)?;
        out.flush()?;
        let listener = listener.tap_io(|stream| {
            // As the product: without it, the connection keeps its delay, and the measurement says so.
            let _ = stream.set_nodelay(true);
        });
        let allow = any(async || StatusCode::NO_CONTENT);
        let routes = Router::new()
            .route("/v1/authorize", post(echo))
            .route("/v1/forward-auth", allow)
            .route("/oauth/token", post(token))
            .route("/oauth/introspect", post(introspection));
        let mut ended = signal(SignalKind::terminate())?;
        // It leaves by itself, so that a build that is to be trained says what it saw.
        tokio::select! {
            served = axum::serve(listener, routes) => served?,
            _ = ended.recv() => {}
        }
        Ok(())
    })
}
