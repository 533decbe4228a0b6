//! `X-Request-ID`: what an asker calls its request is said again in the answer, as it came.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

const NAME: HeaderName = HeaderName::from_static("x-request-id");

/// What the asker calls its request, if it says so.
#[derive(Debug)]
pub(crate) struct RequestId(Option<HeaderValue>);

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.get(NAME).cloned()))
    }
}

impl RequestId {
    /// The answer, which says it, whatever became of the request.
    pub(crate) fn on(self, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        if let Some(id) = self.0 {
            response.headers_mut().insert(NAME, id);
        }
        response
    }
}
