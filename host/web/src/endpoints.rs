//! One file each, named by what it serves.

pub(crate) mod audit;
pub(crate) mod authorize;
pub(crate) mod batch;
pub(crate) mod dev_clock;
pub(crate) mod documents;
pub(crate) mod forward_auth;
pub(crate) mod gateways;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod metrics;
pub(crate) mod network;

use access_model::{Id, IdKind};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;

/// JSON out, never to be cached: it tells of authorization, or holds a secret.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(640);
    if let Err(error) = serde_json::to_writer(&mut bytes, value) {
        tracing::error!(%error, "an answer could not be written");
        return Problem::new(500, "internal", "something went wrong inside; the log says what").into_response();
    }
    let mut response = (status, bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Reads a public id of the expected kind out of a path.
pub(crate) fn id(kind: IdKind, what: &str, text: &str) -> Result<Id, Problem> {
    let parsed = text.parse().ok().filter(|id: &Id| id.kind() == kind);
    // Not the whole: what stands here may be a secret, put in the wrong place.
    let shown: String = text.chars().take(12).flat_map(char::escape_debug).collect();
    parsed.ok_or_else(|| Problem::new(404, "not_found", format!("there is no {what} `{shown}…`")))
}
