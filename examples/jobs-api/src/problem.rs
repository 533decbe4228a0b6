//! Errors: RFC 9457 problem documents.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error body with a stable code and a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    code: &'static str,
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    /// There is no such thing in this workspace. What is another's is told alike.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(404, "not_found", format!("this workspace has no such {what}"))
    }

    pub(crate) fn invalid(field: &str, message: &str) -> Self {
        Self::new(400, "invalid_request", format!("`{field}`: {message}"))
    }

    pub(crate) fn conflict(detail: &str) -> Self {
        Self::new(409, "conflict", detail)
    }

    /// There is as much of it as there may be.
    pub(crate) fn full(what: &str) -> Self {
        Self::new(409, "limit_reached", format!("there are as many {what} as a workspace may have"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let document = json!({
            "type": format!("urn:cronflow:problem:{}", self.code),
            "title": status.canonical_reason(),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        });
        let headers = [(CONTENT_TYPE, "application/problem+json"), (CACHE_CONTROL, "no-store")];
        (status, headers, document.to_string()).into_response()
    }
}
