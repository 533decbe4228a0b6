//! `/health/alive` (the process answers) and `/health/ready` (it can decide). For orchestrators, so open to all.

use std::sync::Arc;

use access_authority::hosts::HostView;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::endpoints::json;

/// The process answers.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Alive {
    /// `alive`.
    status: &'static str,
}

/// Whether the host can decide.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Readiness")]
pub(crate) struct Ready {
    /// `ready`, `draining` or `unavailable`.
    status: &'static str,
    /// `ok` or `unavailable`.
    store: &'static str,
    /// The release.
    version: &'static str,
    /// What decides.
    policies: Policies,
    /// Other hosts of this store that decide by other rules. It is for people to mend: serve the same policies and catalog.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differing_hosts: Vec<HostView>,
}

/// The policies that decide.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PoliciesInForce")]
struct Policies {
    /// Digest of what decides: platform set and catalog.
    set_digest: Arc<str>,
    /// Their names.
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
    let mut differing_hosts = app.authority.other_hosts();
    differing_hosts.retain(|host| *host.set_digest != *policies.set_digest);
    let store = if store.is_ok() { "ok" } else { "unavailable" };
    json(code, &Ready { status, store, version: env!("CARGO_PKG_VERSION"), policies, differing_hosts })
}
