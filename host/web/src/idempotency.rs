//! `Idempotency-Key` in: what the caller calls a request that may be sent again. `Idempotency-Replayed` out, where it was.

use std::convert::Infallible;

use access_authority::Done;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use crate::endpoints::json;
use crate::problem::Problem;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Characters of a key at most.
const LENGTH: usize = 255;

/// The key, or the problem with it, to be told after the permit.
#[derive(Debug)]
pub(crate) struct IdempotencyKey(pub(crate) Result<Option<String>, Problem>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut given = parts.headers.get_all(KEY).iter();
        let (first, second) = (given.next(), given.next());
        let is_one = |value: &&HeaderValue| {
            second.is_none() && (1..=LENGTH).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        Ok(Self(match first {
            None => Ok(None),
            Some(value) => {
                value.to_str().ok().filter(|_| is_one(&value)).map(|key| Some(key.to_owned())).ok_or_else(|| {
                    let detail = format!("`Idempotency-Key` must be one, of 1 to {LENGTH} visible ASCII characters");
                    Problem::new(400, "invalid_request", detail)
                })
            }
        }))
    }
}

/// The answer to what was made: just now, as `made` shows it, or before.
pub(crate) fn created<T>(done: Done<T>, made: impl FnOnce(T) -> Response) -> Response {
    match done {
        Done::Now(it) => made(it),
        Done::Before(answer) => {
            let mut response = json(StatusCode::CREATED, &answer);
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            response
        }
    }
}
