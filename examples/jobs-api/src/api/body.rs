//! Bodies: JSON of a known shape, and problems for what is not.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let stated = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let stated = stated.and_then(|text| text.split(';').next()).map(str::trim);
        if !stated.is_some_and(|stated| stated.eq_ignore_ascii_case("application/json")) {
            return Err(Problem::new(415, "unsupported_media_type", "the body must be application/json"));
        }
        let body =
            Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status().as_u16() {
                413 => Problem::new(413, "payload_too_large", "the body is larger than 32 KiB"),
                _ => Problem::new(400, "invalid_request", "the body could not be read"),
            })?;
        let read = serde_json::from_slice(&body);
        read.map(Self).map_err(|error| Problem::new(400, "invalid_request", format!("the body: {error}")))
    }
}
