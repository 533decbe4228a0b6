//! Which problems an endpoint may answer: derived from what it is, never listed by hand.

use std::collections::BTreeSet;

use schemars::Schema;
use serde_json::{Map, Value, json};

use crate::routes::Endpoint;

/// A status that stands for problems: its name among the components, when it is answered, and headers that go with it.
type Row = (u16, &'static str, &'static str, &'static [&'static str]);

const ROWS: [Row; 13] = [
    (400, "InvalidRequest", "The body or the query can't be what it is; `detail` says where.", &[]),
    (401, "Unauthenticated", "No secret was presented, or one that identifies nobody.", &["WWW-Authenticate"]),
    (403, "Forbidden", "A policy forbids it, or none permits it; `reasons` say why.", &["WWW-Authenticate"]),
    (404, "NotFound", "There is no such thing.", &[]),
    (405, "MethodNotAllowed", "The path does not take this method.", &["Allow"]),
    (408, "RequestTimeout", "The body did not arrive in time.", &[]),
    (409, "Conflict", "It is not in a state for that, or was changed by others at the same time.", &["Retry-After"]),
    (412, "Stale", "It was changed since the `ETag` in `If-Match` was shown. Show it again, then change it.", &[]),
    (413, "PayloadTooLarge", "The body is larger than the catalog allows.", &[]),
    (415, "UnsupportedMediaType", "The body does not say that it is JSON.", &[]),
    (
        422,
        "Unprocessable",
        "The `Idempotency-Key` was used before, for another request; or a policy did not pass the gate, and `findings` say why.",
        &[],
    ),
    (429, "RateLimited", "Too many requests.", &["Retry-After", "RateLimit", "RateLimit-Policy"]),
    (
        503,
        "Unavailable",
        "The store is out of reach, so nothing can be decided; or (`audit_full`) no change can be recorded.",
        &["Retry-After"],
    ),
];

/// The statuses that an endpoint answers problems with.
pub(super) fn of(endpoint: &Endpoint) -> BTreeSet<u16> {
    let mut statuses: BTreeSet<u16> = endpoint.also.iter().copied().collect();
    let mut add = |applies: bool, more: &[u16]| {
        if applies {
            statuses.extend(more);
        }
    };
    add(endpoint.takes_some_methods(), &[405]);
    add(endpoint.action.is_some(), &[401, 403, 429, 503]);
    add(endpoint.action.is_some() && endpoint.writes, &[409]);
    add(endpoint.segments().next().is_some(), &[404]);
    add(endpoint.query.is_some(), &[400]);
    add(endpoint.body.is_some() && !endpoint.oauth, &[400, 408, 413, 415]);
    add(endpoint.idempotent, &[400, 409, 422]);
    add(endpoint.takes_if_match(), &[400, 412]);
    statuses
}

/// Refers to what [`components`] says of a status.
pub(super) fn reference(status: u16) -> Value {
    let row = ROWS.iter().find(|(of, ..)| *of == status);
    row.map_or(
        json!({ "description": "A problem." }),
        |(_, name, ..)| json!({ "$ref": format!("#/components/responses/{name}") }),
    )
}

/// What each status means.
pub(super) fn components(problem: &Schema) -> Value {
    let response = |(_, name, description, headers): &Row| {
        let mut response = json!({
            "description": description,
            "content": { "application/problem+json": { "schema": problem } },
        });
        let headers = headers
            .iter()
            .map(|header| (header.to_string(), json!({ "$ref": format!("#/components/headers/{header}") })));
        let headers: Map<String, Value> = headers.collect();
        if let (Some(fields), false) = (response.as_object_mut(), headers.is_empty()) {
            fields.insert("headers".into(), headers.into());
        }
        (name.to_string(), response)
    };
    Value::Object(ROWS.iter().map(response).collect())
}

/// What each header means.
pub(super) fn headers() -> Value {
    let header = |description: &str, schema: Value, example: &str| json!({ "description": description, "schema": schema, "example": example });
    let text = || json!({ "type": "string" });
    json!({
        "Allow": header("Methods that the path takes.", text(), "GET,HEAD"),
        "ETag": header("Names what is shown, for `If-Match`.", text(), "\"42\""),
        "Idempotency-Replayed": header("`true`: it was done before, and this was answered then.", text(), "true"),
        "Retry-After": json!({
            "description": "Seconds to wait before trying again.",
            "schema": { "type": "integer", "minimum": 0 },
            "example": 1,
        }),
        "RateLimit": header("What is left of the quota: `r` requests; more in `t` seconds.", text(), "\"default\";r=0;t=42"),
        "RateLimit-Policy": header("The quota: `q` requests in a window.", text(), "\"default\";q=1000"),
        "WWW-Authenticate": header("How to identify, or which scope was missing.", text(), "Bearer realm=\"cronflow-access\""),
    })
}
