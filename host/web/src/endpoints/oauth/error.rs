//! Errors as RFC 6749 §5.2 has them.

use access_authority::{Answer, Error};
use axum::http::header::{CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::endpoints::json;

/// An error body of OAuth2 (RFC 6749 §5.2).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OAuthError", example = serde_json::json!({
    "error": "invalid_scope",
    "error_description": "this client doesn't hold every scope that it asks for",
}))]
pub(crate) struct ErrorBody {
    /// Machine-readable.
    error: &'static str,
    /// For people.
    error_description: String,
}

/// An error, and what goes with its status.
#[derive(Debug)]
pub(crate) struct OAuthError {
    status: u16,
    body: ErrorBody,
    retry_after: Option<u64>,
}

impl OAuthError {
    pub(crate) fn new(status: u16, error: &'static str, description: &str) -> Self {
        // RFC 6749 §5.2: visible ASCII, neither quote nor backslash.
        let legal = |c: char| if matches!(c, ' '..='~' if c != '"' && c != '\\') { c } else { '\'' };
        let error_description = description.chars().take(300).map(legal).collect();
        Self { status, body: ErrorBody { error, error_description }, retry_after: None }
    }

    pub(crate) fn invalid_request(description: &str) -> Self {
        Self::new(400, "invalid_request", description)
    }

    pub(crate) fn invalid_client() -> Self {
        Self::new(401, "invalid_client", "the client could not be authenticated")
    }

    fn denied(answer: &Answer) -> Self {
        let said = |code: &str| answer.reasons.iter().find(|reason| reason.code.starts_with(code));
        let first = answer.reasons.first().map_or("no policy permits this", |reason| reason.message.as_str());
        let error = match answer.status {
            401 => Self::invalid_client(),
            429 => Self::new(429, "temporarily_unavailable", first),
            503 => Self::new(503, "temporarily_unavailable", first),
            _ => match (said("token_scopes_"), said("token_workspace_not_allowed")) {
                (_, Some(reason)) => Self::new(400, "invalid_target", &reason.message),
                (Some(reason), _) => Self::new(400, "invalid_scope", &reason.message),
                _ => Self::new(400, "unauthorized_client", first),
            },
        };
        Self { retry_after: answer.retry_after, ..error }
    }
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Denied(answer) => Self::denied(&answer),
            Error::StoreUnavailable
            | Error::AuditFull
            | Error::Unconfirmed
            | Error::Contended
            | Error::HostBehind { .. }
            | Error::Busy => Self { retry_after: Some(1), ..Self::new(503, "temporarily_unavailable", &text) },
            Error::Conflict(_) => Self::new(400, "unsupported_grant_type", &text),
            _ => Self::new(500, "server_error", "something went wrong inside; the log says what"),
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = uncached(json(status, &self.body));
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static(r#"Basic realm="cronflow-access", charset="UTF-8""#),
            );
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// RFC 6749 §5.1.
pub(super) fn uncached(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
