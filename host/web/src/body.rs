//! JSON in (and forms, unread): strict, and with errors that name the field, the line and the column, never the value.

use std::convert::Infallible;
use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use access_authority::{Idempotency, Permit};
use access_model::Object;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::app::App;
use crate::problem::Problem;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body that has not been read yet. Handlers read it once they have their permit, so that nobody makes the host hold
/// what is never looked at.
#[derive(Debug)]
pub(crate) struct Body {
    body: axum::body::Body,
    declared: usize,
    limit: usize,
    is_json: bool,
    boundary: Option<String>,
    app: Arc<App>,
}

impl FromRequest<Arc<App>> for Body {
    type Rejection = Infallible;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Infallible> {
        let is_json = is_json(request.headers());
        let boundary = content_type(request.headers()).and_then(|text| multer::parse_boundary(text).ok());
        let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let declared = declared.unwrap_or_default();
        Ok(Self {
            body: request.into_body(),
            declared,
            limit: app.authority.catalog().limits.body_bytes,
            is_json,
            boundary,
            app: Arc::clone(app),
        })
    }
}

impl Body {
    /// The same, which may have so many bytes.
    pub(crate) fn up_to(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// Whether it says that it is JSON.
    pub(crate) const fn is_json(&self) -> bool {
        self.is_json
    }

    /// What stands between its parts, if it is a form (RFC 7578).
    pub(crate) fn boundary(&self) -> Option<String> {
        self.boundary.clone()
    }

    /// Reads the body as `T`. Unknown, missing and doubled fields are errors.
    pub(crate) async fn json<T: DeserializeOwned>(self, permit: &Permit) -> Result<T, Problem> {
        let is_json = self.is_json;
        parse(is_json, &self.read(permit).await?)
    }

    /// Like [`Self::json`], with what a request that may be sent again is known by.
    pub(crate) async fn keyed_json<T: DeserializeOwned>(
        self,
        permit: &Permit,
        key: Option<String>,
    ) -> Result<(T, Option<Idempotency>), Problem> {
        let is_json = self.is_json;
        let bytes = self.read(permit).await?;
        Ok((parse(is_json, &bytes)?, key.map(|key| Idempotency::new(key, &bytes))))
    }

    /// Like [`Self::keyed_json`], where an empty body stands for the defaults.
    pub(crate) async fn keyed_json_or_default<T: DeserializeOwned + Default>(
        self,
        permit: &Permit,
        key: Option<String>,
    ) -> Result<(T, Option<Idempotency>), Problem> {
        let is_json = self.is_json;
        let bytes = self.read(permit).await?;
        let body = if bytes.is_empty() { T::default() } else { parse(is_json, &bytes)? };
        Ok((body, key.map(|key| Idempotency::new(key, &bytes))))
    }

    /// Reads it as JSON, where it says itself who sends it.
    pub(crate) async fn open_json<T: DeserializeOwned>(self) -> Result<T, Problem> {
        let is_json = self.is_json;
        parse(is_json, &self.collect().await?)
    }

    /// Reads it to its end. Whoever lets us wait for it must be somebody still when it is there.
    pub(crate) async fn read(self, permit: &Permit) -> Result<Bytes, Problem> {
        let app = Arc::clone(&self.app);
        let mut reading = pin!(self.collect());
        if let Some(read) = at_once(reading.as_mut()).await {
            return read;
        }
        let read = reading.await;
        app.authority.check_still(permit).await?;
        read
    }

    /// Reads it to its end, where it says itself who sends it.
    pub(crate) async fn collect(self) -> Result<Bytes, Problem> {
        let too_large = || {
            let detail = format!("the body is larger than {} bytes; send less", self.limit);
            Problem::new(413, "payload_too_large", detail)
        };
        if self.declared > self.limit {
            return Err(too_large());
        }
        let mut reading = pin!(to_bytes(self.body, self.limit));
        // Most bodies have come with their headers, and need no timer.
        let read = match at_once(reading.as_mut()).await {
            Some(read) => Ok(read),
            None => timeout(PATIENCE, reading).await,
        };
        match read {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) if error.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) => {
                Err(too_large())
            }
            Ok(Err(_)) => Err(Problem::new(400, "invalid_request", "the body could not be read to its end")),
            Err(_) => Err(Problem::new(408, "request_timeout", "the body did not arrive in time; send it again")),
        }
    }
}

/// What `future` comes to, if it need not wait.
async fn at_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    match poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn parse<T: DeserializeOwned>(is_json: bool, bytes: &[u8]) -> Result<T, Problem> {
    if !is_json {
        return Err(Problem::new(415, "unsupported_media_type", "send JSON, with `Content-Type: application/json`"));
    }
    from_json(bytes)
}

/// Reads JSON as `T`.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map(|Object(value)| value).map_err(|_| fault::<T>(bytes))
}

/// Reads the body again, slowly, to say where it is wrong.
fn fault<T: DeserializeOwned>(bytes: &[u8]) -> Problem {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let (path, error) = match serde_path_to_error::deserialize::<_, Object<T>>(&mut reader) {
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

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let text = content_type(headers).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}
