//! Errors as RFC 6749 §5.2 has them.

use access_authority::{Answer, Error};
use access_model::meter::QuotaView;
use axum::http::header::{CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::endpoints::json;
use crate::headers::HeaderWriter;
use crate::problem::Problem;

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
    challenge: Challenge,
    quota: Option<QuotaView>,
    retry_after: Option<u64>,
}

/// How whoever could not be authenticated is to go about it.
#[derive(Debug, Clone, Copy)]
enum Challenge {
    /// As a client (RFC 6749 §5.2).
    Basic,
    /// By the bearer secret that was presented, or a better one (RFC 6750 §3).
    Bearer,
}

impl OAuthError {
    pub(crate) fn new(status: u16, error: &'static str, description: &str) -> Self {
        // RFC 6749 §5.2: visible ASCII, neither quote nor backslash.
        let legal = |c: char| if matches!(c, ' '..='~' if c != '"' && c != '\\') { c } else { '\'' };
        let error_description = description.chars().take(300).map(legal).collect();
        Self {
            status,
            body: ErrorBody { error, error_description },
            challenge: Challenge::Basic,
            quota: None,
            retry_after: None,
        }
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
        Self { quota: answer.quota, retry_after: answer.retry_after, ..error }
    }

    /// The same, told to whoever presented a bearer secret (RFC 6750 §3.1, to which RFC 7662 §2.3 refers).
    pub(super) fn of_bearer(error: Error) -> Self {
        let told = match &error {
            Error::Denied(answer) if answer.status == 401 => {
                Self::new(401, "invalid_token", "the bearer secret identifies nobody")
            }
            Error::Denied(answer) if answer.status == 403 => {
                let first = answer.reasons.first().map_or("no policy permits this", |reason| reason.message.as_str());
                Self { quota: answer.quota, ..Self::new(403, "insufficient_scope", first) }
            }
            _ => error.into(),
        };
        Self { challenge: Challenge::Bearer, ..told }
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

impl From<&Problem> for OAuthError {
    fn from(problem: &Problem) -> Self {
        Self::new(problem.status(), "invalid_request", problem.detail())
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = uncached(json(status, &self.body));
        let headers = response.headers_mut();
        let challenge = match (self.challenge, self.status) {
            (Challenge::Basic, 401) => Some(r#"Basic realm="cronflow-access", charset="UTF-8""#),
            (Challenge::Bearer, 401) => Some(r#"Bearer realm="cronflow-access", error="invalid_token""#),
            (Challenge::Bearer, 403) => Some(r#"Bearer realm="cronflow-access", error="insufficient_scope""#),
            _ => None,
        };
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(quota) = self.quota {
            HeaderWriter::new(headers).rate_limit(quota);
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
