//! `/health/alive` (the process answers) and `/health/ready` (it can decide). For orchestrators, so open to all.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::endpoints::json;

#[derive(Serialize)]
struct Alive {
    status: &'static str,
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
    store: &'static str,
    policies: Policies,
}

#[derive(Serialize)]
struct Policies {
    /// Digest of what decides: platform set and catalog.
    set_digest: Arc<str>,
    names: Vec<String>,
    /// Why the files in the policy folder are not what decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

pub(crate) async fn alive() -> Response {
    json(StatusCode::OK, &Alive { status: "alive" })
}

pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let store = app.authority.check_store().await;
    let in_force = app.authority.policies();
    let policies = Policies { set_digest: in_force.digest(), names: in_force.names(), problem: in_force.problem() };
    let (code, status) = match (&store, app.is_draining()) {
        (_, true) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (Err(_), _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        (Ok(()), false) => (StatusCode::OK, "ready"),
    };
    json(code, &Ready { status, store: if store.is_ok() { "ok" } else { "unavailable" }, policies })
}
