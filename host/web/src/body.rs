//! JSON in: strict, and with errors that name the field, the line and the column, never the value.

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A body as it arrived, within the catalog's limit. Handlers parse it once they have their permit.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Bytes,
    is_json: bool,
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(|error| {
            if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(413, "payload_too_large", "the body is larger than this installation's limit; send less")
            } else {
                Problem::new(400, "invalid_request", "the body could not be read to its end")
            }
        })?;
        Ok(Self { bytes, is_json })
    }
}

impl Body {
    /// Reads the body as `T`. Unknown, missing and doubled fields are errors.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if !self.is_json {
            return Err(Problem::new(
                415,
                "unsupported_media_type",
                "send JSON, with `Content-Type: application/json`",
            ));
        }
        serde_json::from_slice(&self.bytes).map_err(|_| self.fault::<T>())
    }

    /// Like [`Self::json`], where an empty body stands for the defaults.
    pub(crate) fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.bytes.is_empty() { Ok(T::default()) } else { self.json() }
    }

    /// Reads the body again, slowly, to say where it is wrong.
    fn fault<T: DeserializeOwned>(&self) -> Problem {
        let mut reader = serde_json::Deserializer::from_slice(&self.bytes);
        let (path, error) = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Ok(_) => return Problem::new(400, "invalid_request", "there is something after the JSON document"),
            Err(error) => (error.path().to_string(), error.into_inner()),
        };
        let place = format!("line {} column {}", error.line(), error.column());
        // INVARIANT: serde's texts about types and values quote the value, which may be a secret; those are not shown.
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        let quotable = ["unknown field", "missing field", "duplicate field", "not a date", "unknown variant"];
        if error.is_syntax() || error.is_eof() {
            return Problem::new(400, "invalid_request", format!("the body is not JSON ({place})"));
        }
        let what = if quotable.iter().any(|start| text.starts_with(start)) {
            text
        } else {
            "the value has the wrong type or form"
        };
        let field = if path == "." { String::new() } else { format!("`{path}`: ") };
        Problem::new(400, "invalid_request", format!("{field}{what} ({place})"))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}
