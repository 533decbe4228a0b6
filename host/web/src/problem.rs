//! Errors out: RFC 9457 problem documents, with a stable `type` per code.

use access_authority::policies::{FailedCase, Finding, UploadRefused};
use access_authority::{Answer, Error};
use access_model::client::ClientError;
use access_model::key::KeyError;
use access_model::meter::QuotaView;
use access_model::text::without_long_words;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cronflow_policy_cases::Reason;
use schemars::JsonSchema;
use serde::Serialize;

use crate::headers::HeaderWriter;

/// Bytes of a sentence that are never cut.
const DETAIL_LENGTH: usize = 600;

/// An error body, and the headers that go with its status. Boxed: errors are rare, and results that carry one are passed
/// around.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    code: String,
    detail: String,
    reasons: Vec<Reason>,
    decision_id: Option<String>,
    retry_after: Option<u64>,
    quota: Option<QuotaView>,
    findings: Vec<Finding>,
    cases: Vec<FailedCase>,
}

impl Problem {
    /// A problem with a stable code and a sentence that says what to do.
    pub(crate) fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: code.to_owned(),
            detail: brief(&detail.into()),
            reasons: Vec::new(),
            decision_id: None,
            retry_after: None,
            quota: None,
            findings: Vec::new(),
            cases: Vec::new(),
        }))
    }

    /// A field of the body that can't be what it is.
    pub(crate) fn invalid(field: &str, message: impl std::fmt::Display) -> Self {
        Self::new(400, "invalid_request", format!("`{field}`: {message}"))
    }

    /// The problem that an authority's error is told as.
    pub(crate) fn of(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Denied(answer) => Self::denied(*answer),
            Error::NotFound { .. } => Self::new(404, "not_found", text),
            Error::Invalid { .. } => Self::new(400, "invalid_request", text),
            Error::Transition(KeyError::ScopeNotGrantable { .. }) => Self::invalid("scopes", text),
            Error::Transition(KeyError::NeverValid) => Self::invalid("expires_at", text),
            Error::Client(ClientError::ScopeNotGrantable(_)) => Self::invalid("scopes", text),
            Error::Client(_) | Error::Member(_) | Error::Invitation(_) => Self::new(409, "conflict", text),
            Error::IdempotencyKeyReused => Self::new(422, "idempotency_key_reused", text),
            Error::Stale => Self::new(412, "stale", text),
            Error::NameTaken { .. } => Self::new(409, "name_taken", text),
            Error::UploadRefused(refused) => Self::new(422, "policy_refused", text).refused(*refused),
            Error::TooLarge(refused) => Self::new(413, "payload_too_large", text).refused(*refused),
            Error::SignInFailed => Self::new(401, "sign_in_failed", text),
            Error::TooManyAttempts { seconds } => Self::new(429, "too_many_attempts", text).retry_after(seconds),
            Error::TooManySignIns | Error::TooManyFollowers | Error::TooManyExports => {
                Self::new(429, "busy", text).retry_after(1)
            }
            Error::FactorRefused => Self::new(403, "factor_refused", text),
            Error::PasswordRefused => Self::new(403, "password_refused", text),
            Error::Busy => Self::new(429, "busy", text).retry_after(1),
            Error::Conflict(_) | Error::NotPublished(_) => Self::new(409, "conflict", text),
            Error::Archived(_) | Error::NotActive { .. } | Error::Transition(_) => Self::new(409, "conflict", text),
            Error::Contended => Self::new(409, "conflict", text).retry_after(1),
            Error::HostBehind { .. } => Self::new(409, "host_behind", text).retry_after(1),
            Error::AuditFull => Self::new(503, "audit_full", text).retry_after(1),
            Error::StoreUnavailable | Error::Unconfirmed => Self::new(503, "store_unavailable", text).retry_after(1),
            Error::Internal => Self::new(500, "internal", text),
        }
    }

    /// The problem that a denial is told as.
    pub(crate) fn denied(answer: Answer) -> Self {
        let (code, detail) = match answer.reasons.first() {
            Some(reason) => (reason.code.as_str(), reason.message.as_str()),
            None => ("not_permitted", "no policy permits this"),
        };
        let mut problem = Self::new(answer.status, code, detail);
        problem.0.decision_id = Some(answer.decision_id.to_string());
        problem.0.retry_after = answer.retry_after;
        problem.0.quota = answer.quota;
        problem.0.reasons = answer.reasons;
        problem
    }

    /// The same, said of `what`.
    pub(crate) fn of_part(mut self, what: &str) -> Self {
        self.0.detail = format!("{what}: {}", self.0.detail);
        self
    }

    /// The first reason alone.
    pub(crate) fn briefly(mut self) -> Self {
        self.0.reasons.clear();
        self
    }

    /// What it says to people.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Its stable code.
    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    /// Its status.
    pub(crate) fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    /// Why it was denied.
    pub(crate) fn reasons(&self) -> &[Reason] {
        &self.0.reasons
    }

    /// Whether there are reasons, and each of them is such.
    pub(crate) fn all_reasons(&self, is_such: impl Fn(&Reason) -> bool) -> bool {
        !self.0.reasons.is_empty() && self.0.reasons.iter().all(is_such)
    }

    /// Names the decision that denied it.
    pub(crate) fn decision_id(&self) -> Option<&str> {
        self.0.decision_id.as_deref()
    }

    /// What the gate objects to in a policy.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.0.findings
    }

    /// Cases that a policy fails.
    pub(crate) fn cases(&self) -> &[FailedCase] {
        &self.0.cases
    }

    fn refused(mut self, refused: UploadRefused) -> Self {
        (self.0.findings, self.0.cases) = (refused.findings, refused.cases);
        self
    }

    fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }
}

/// Cuts a sentence that quotes more than anybody reads, and words in it that may be secrets.
fn brief(detail: &str) -> String {
    let detail = without_long_words(detail);
    if detail.len() <= DETAIL_LENGTH {
        return detail.into_owned();
    }
    detail.chars().take(DETAIL_LENGTH / 4).chain(['…']).collect()
}

/// What went wrong (RFC 9457).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Document<'a> {
    /// `urn:cronflow-access:problem:` and the code.
    r#type: String,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// What went wrong, for machines.
    #[schemars(example = &"missing_scope")]
    code: &'a str,
    /// What went wrong, for people, and what to do.
    detail: &'a str,
    /// Why it was denied.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(with = "Vec<Reason>")]
    reasons: &'a [Reason],
    /// The second factor that it needs, where that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Factor")]
    factor: Option<Factor>,
    /// Names the decision that denied it.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_id: Option<&'a str>,
    /// What the gate objects to in a policy.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(with = "Vec<Finding>")]
    findings: &'a [Finding],
    /// Cases that a policy fails.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(with = "Vec<FailedCase>")]
    cases: &'a [FailedCase],
}

/// The second factor that something needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Factor {
    /// `totp`: a code from an authenticator, or a recovery code.
    r#type: &'static str,
    /// Whether one was given in this session, and is to be given once more.
    again: bool,
}

impl Factor {
    /// Reads it from why a member was denied: nothing where a factor alone would not help.
    fn of(reasons: &[Reason]) -> Option<Self> {
        let is_factor = |reason: &Reason| matches!(reason.code.as_str(), "factor_missing" | "factor_stale");
        let helps = !reasons.is_empty() && reasons.iter().all(is_factor);
        helps.then(|| Self { r#type: "totp", again: reasons.iter().any(|reason| reason.code == "factor_stale") })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(parts) = self;
        let document = Document {
            r#type: format!("urn:cronflow-access:problem:{}", parts.code),
            title: parts.status.canonical_reason().unwrap_or("Error"),
            status: parts.status.as_u16(),
            code: &parts.code,
            detail: &parts.detail,
            reasons: &parts.reasons,
            factor: Factor::of(&parts.reasons),
            decision_id: parts.decision_id.as_deref(),
            findings: &parts.findings,
            cases: &parts.cases,
        };
        let json = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (parts.status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if parts.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"cronflow-access\""));
        }
        if parts.code == "missing_scope" {
            let insufficient = "Bearer realm=\"cronflow-access\", error=\"insufficient_scope\"";
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(insufficient));
        }
        if let Some(quota) = parts.quota {
            HeaderWriter::new(headers).rate_limit(quota);
        }
        if let Some(seconds) = parts.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Nothing is served at this path.
pub(crate) async fn not_found(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(404, "not_found", format!("nothing is served at `{path}`"))
}

/// The path is served, but not to this method.
pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(405, "method_not_allowed", format!("`{path}` does not take {method}; `Allow` says what it takes"))
}
