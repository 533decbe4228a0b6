//! Answers: problem documents for denials, and how much is left.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::decision::{Denial, Quota};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_id: Option<&'a str>,
}

/// The answer that a denial is. `presented`: a credential was.
pub(super) fn deny<B: From<Bytes>>(denial: &Denial, presented: bool) -> Response<B> {
    let status = StatusCode::from_u16(denial.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let problem = Problem {
        r#type: format!("urn:cronflow-access:problem:{}", denial.code()),
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        code: denial.code(),
        detail: denial.message(),
        decision_id: denial.decision_id.as_deref(),
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(B::from(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(challenge) = challenge(denial, presented) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if let Some(quota) = denial.quota {
        rate_limit(headers, quota);
    }
    if let Some(seconds) = denial.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// RFC 6750 §3. A request that presents nothing is told no error.
fn challenge(denial: &Denial, presented: bool) -> Option<&'static str> {
    match (denial.status, denial.code()) {
        (400, _) => Some("Bearer realm=\"cronflow-access\", error=\"invalid_request\""),
        (401, _) if presented => Some("Bearer realm=\"cronflow-access\", error=\"invalid_token\""),
        (401, _) => Some("Bearer realm=\"cronflow-access\""),
        (403, "missing_scope") => Some("Bearer realm=\"cronflow-access\", error=\"insufficient_scope\""),
        _ => None,
    }
}

/// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers), in place of what the service says.
pub(super) fn rate_limit(headers: &mut HeaderMap, quota: Quota) {
    let Quota { limit, remaining, reset_seconds } = quota;
    write(headers, RATE_LIMIT_POLICY, format!("\"default\";q={limit}"));
    write(headers, RATE_LIMIT, format!("\"default\";r={remaining};t={reset_seconds}"));
}

fn write(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
