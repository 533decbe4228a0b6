//! `GET /openapi.json` and `GET /docs`: what is served here, for tools and for people. Open to all: it tells nothing of
//! anybody.

use std::sync::Arc;

use access_model::Catalog;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::app::App;
use crate::{docs, openapi, routes};

/// Both documents, made when the first is asked for.
#[derive(Debug)]
pub(crate) struct Documents {
    openapi: Bytes,
    html: Bytes,
    policy: String,
}

impl Documents {
    /// The documents of the table and `catalog`.
    pub(crate) fn new(catalog: &Catalog) -> Self {
        let document = openapi::document(&routes::table(), catalog);
        let docs::Page { html, policy } = docs::page(&document);
        Self { openapi: document.to_string().into(), html: html.into(), policy }
    }
}

pub(crate) async fn openapi(State(app): State<Arc<App>>) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    (headers, app.documents().openapi.clone()).into_response()
}

pub(crate) async fn docs(State(app): State<Arc<App>>) -> Response {
    let Documents { html, policy, .. } = app.documents();
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, policy.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, html.clone()).into_response()
}
