//! One file each, named by what it serves.

pub(crate) mod acceptance;
pub(crate) mod audit;
pub(crate) mod audit_export;
pub(crate) mod audit_follow;
pub(crate) mod audit_keys;
pub(crate) mod audit_report;
pub(crate) mod authorize;
pub(crate) mod authzen;
pub(crate) mod batch;
pub(crate) mod clients;
pub(crate) mod dev_clock;
pub(crate) mod documents;
pub(crate) mod events;
pub(crate) mod forward_auth;
pub(crate) mod gateways;
pub(crate) mod health;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod leaks;
pub(crate) mod members;
pub(crate) mod metrics;
pub(crate) mod network;
pub(crate) mod oauth;
pub(crate) mod organizations;
pub(crate) mod overview;
pub(crate) mod permissions;
pub(crate) mod policies;
pub(crate) mod profile;
pub(crate) mod roles;
pub(crate) mod secrets;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod traffic;
pub(crate) mod usage;
pub(crate) mod webhooks;
pub(crate) mod workspaces;

use std::convert::Infallible;

use access_authority::{PageRequest, Place, Target};
use access_model::{Id, IdKind};
use axum::extract::{FromRequestParts, Query};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;

/// Stands in a path for the workspace that whoever asks belongs to: a key's holder need not know its id.
pub(crate) const OWN: &str = "own";

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

/// The organization that a segment of the path names.
pub(crate) fn organization(segment: Result<String, Problem>) -> Result<Target, Problem> {
    Ok(Target::organization(id(IdKind::Organization, "organization", &segment?)?))
}

/// The workspace that a segment of the path names.
pub(crate) fn workspace(segment: Result<String, Problem>) -> Result<Target, Problem> {
    Ok(Target::workspace(place(&segment?)?))
}

/// The same: a public id, or [`OWN`].
pub(crate) fn place(segment: &str) -> Result<Place, Problem> {
    if segment == OWN { Ok(Place::Own) } else { id(IdKind::Workspace, "workspace", segment).map(Place::Named) }
}

/// Which page of a list is asked for, or the problem with that, to be told after the permit.
#[derive(Debug)]
pub(crate) struct Paging(Option<PageRequest>);

impl Paging {
    /// The page.
    pub(crate) fn read(self) -> Result<PageRequest, Problem> {
        self.0.ok_or_else(|| Problem::new(400, "invalid_request", "the query takes `limit` (a number) and `cursor`"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let query = Query::<PageRequest>::from_request_parts(parts, state).await;
        Ok(Self(query.ok().map(|Query(page)| page)))
    }
}
