//! Segments of a path. What is not UTF-8 is a thing that isn't there, and told like one.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The segments that a route names, or the problem with them, to be told after the permit.
#[derive(Debug)]
pub(crate) struct Segments<T>(pub(crate) Result<T, Problem>);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let segments = Path::<T>::from_request_parts(parts, state).await;
        let unreadable = |_| Problem::new(404, "not_found", "the path has an escape that is not UTF-8");
        Ok(Self(segments.map(|Path(segments)| segments).map_err(unreadable)))
    }
}
