//! Headers out, where their values are worked out for each answer.

use std::fmt::{Display, Write as _};

use access_model::meter::QuotaView;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::BytesMut;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Bytes that the values of one answer nearly always fit in.
const ROOM: usize = 384;

/// Writes headers; their values share one piece of memory.
pub(crate) struct HeaderWriter<'h> {
    headers: &'h mut HeaderMap,
    room: BytesMut,
}

impl<'h> HeaderWriter<'h> {
    pub(crate) fn new(headers: &'h mut HeaderMap) -> Self {
        Self { headers, room: BytesMut::with_capacity(ROOM) }
    }

    /// Writes one, in place of any that is there. A value that can't stand in a header is left out.
    pub(crate) fn write(&mut self, name: HeaderName, value: impl Display) {
        let written = write!(self.room, "{value}");
        let value = HeaderValue::from_maybe_shared(self.room.split().freeze());
        if let (Ok(()), Ok(value)) = (written, value) {
            self.headers.insert(name, value);
        }
    }

    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn rate_limit(&mut self, quota: QuotaView) {
        let QuotaView { limit, remaining, reset_seconds } = quota;
        self.write(RATE_LIMIT_POLICY, format_args!("\"default\";q={limit}"));
        self.write(RATE_LIMIT, format_args!("\"default\";r={remaining};t={reset_seconds}"));
    }
}
