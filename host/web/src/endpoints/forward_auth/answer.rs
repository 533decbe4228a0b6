//! The answer, in headers.

use std::fmt::{self, Display};

use access_authority::{Answer, Outcome};
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::profile::{Headers, PassesOn};
use crate::headers::HeaderWriter;
use crate::problem::Problem;

const DECISION: HeaderName = HeaderName::from_static("x-access-decision");
const DECISION_ID: HeaderName = HeaderName::from_static("x-access-decision-id");
const PRINCIPAL: HeaderName = HeaderName::from_static("x-access-principal");
const ORGANIZATION: HeaderName = HeaderName::from_static("x-access-organization");
const WORKSPACE: HeaderName = HeaderName::from_static("x-access-workspace");
const ENVIRONMENT: HeaderName = HeaderName::from_static("x-access-environment");
const SCOPES: HeaderName = HeaderName::from_static("x-access-scopes");
const STATUS: HeaderName = HeaderName::from_static("x-access-status");
const REASON: HeaderName = HeaderName::from_static("x-access-reason");

/// Tells a gateway.
pub(super) fn tell(gateway: &Headers, answer: Answer) -> Response {
    match answer.decision {
        Outcome::Allow => allow(gateway.allow, &answer),
        Outcome::Deny => deny(gateway.passes_on, answer),
    }
}

/// No body. All that a gateway hands on is there, if need be empty, so that no gateway leaves its client's own in place.
fn allow(status: StatusCode, answer: &Answer) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.reserve(10);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(DECISION, HeaderValue::from_static("allow"));
    let principal = answer.principal.as_ref();
    let facts = principal.map(access_authority::decide::PrincipalView::facts);
    let mut headers = HeaderWriter::new(headers);
    headers.write(DECISION_ID, &answer.decision_id);
    headers.write(PRINCIPAL, facts.map_or("", |facts| &facts.id));
    headers.write(ORGANIZATION, facts.and_then(|facts| facts.organization.as_deref()).unwrap_or_default());
    headers.write(WORKSPACE, facts.and_then(|facts| facts.workspace.as_deref()).unwrap_or_default());
    headers.write(ENVIRONMENT, principal.and_then(|principal| principal.environment()).unwrap_or_default());
    headers.write(SCOPES, Spaced(facts.map_or(&[], |facts| &facts.scopes)));
    if let Some(quota) = answer.quota {
        headers.rate_limit(quota);
    }
    response
}

/// The denial's own status with a short problem, or what the gateway can make one of.
fn deny(passes_on: PassesOn, answer: Answer) -> Response {
    let id = answer.decision_id.clone();
    let problem = Problem::denied(answer).briefly();
    if passes_on == PassesOn::Everything {
        return problem.into_response();
    }
    let reason = problem.code().to_owned();
    let mut response = problem.into_response();
    let meant = response.status();
    if meant != StatusCode::UNAUTHORIZED {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    *response.body_mut() = Body::empty();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    headers.insert(DECISION, HeaderValue::from_static("deny"));
    let mut headers = HeaderWriter::new(headers);
    headers.write(DECISION_ID, id);
    headers.write(STATUS, meant.as_u16());
    headers.write(REASON, reason);
    response
}

/// A list, with spaces between.
struct Spaced<'a>(&'a [String]);

impl Display for Spaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, item) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(item)?;
        }
        Ok(())
    }
}
