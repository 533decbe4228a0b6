//! `GET …/audit` with `Accept: text/event-stream`: what comes from now on, as server-sent events (HTML, section 9.2).

use std::sync::Arc;
use std::time::Duration;

use access_authority::Error;
use access_authority::audit::{AuditFilter, Follower};
use axum::body::Body;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::app::App;
use crate::problem::Problem;

/// What else is to be known.
pub(crate) const NOTES: &str = "With `Accept: text/event-stream` the answer is a stream of server-sent events instead, one a record, oldest \
    first, from now on or from `after` or `Last-Event-ID`: `event: record`, its data a record as it stands in `items`, its id what to go on \
    from. A comment, with the id to go on from, comes when there is nothing for a while. The stream ends after a minute, so that whoever \
    comes back is asked again whether they may; sooner when whoever follows is nobody any more, and when the host stops. A client that \
    comes back with the last id it saw misses nothing, and may be told a record twice. A trail has eight followers at a time, an \
    organization sixteen (429 beyond).";

/// Between two looks at what is new.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Milliseconds after which a client comes back.
const COMES_BACK: u32 = 1_000;
/// Looks without anything new, before it is said that somebody is still there.
const QUIET: u32 = 15;
/// Of the standard: where a client was when it lost the stream.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Whoever follows, and how long nothing has come.
struct Following {
    app: Arc<App>,
    follower: Follower,
    looks: Interval,
    quiet: u32,
}

/// Whether a stream is asked for.
pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|range| {
        let media = range.split(';').next().unwrap_or_default();
        media.trim().eq_ignore_ascii_case("text/event-stream")
    })
}

/// The filter, which goes on from where the client says it was.
pub(crate) fn going_on(filter: AuditFilter, headers: &HeaderMap) -> AuditFilter {
    let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).filter(|id| !id.is_empty());
    AuditFilter { after: last.map(ToOwned::to_owned).or(filter.after), ..filter }
}

/// The stream, once its first look has succeeded.
pub(crate) async fn stream(app: Arc<App>, mut follower: Follower) -> Result<Response, Problem> {
    let first = told(&mut follower, &app).await?.filter(|told| !told.is_empty());
    let first = format!("retry: {COMES_BACK}\n\n{}", first.unwrap_or_else(|| nothing(&follower)));
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let following = Following { app, follower, looks, quiet: 0 };
    let parts = stream::unfold((Some(first), following), async |(first, mut following)| {
        let part = match first {
            Some(first) => first,
            None => following.next().await?,
        };
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(part)), (None, following)))
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // nginx would keep the events back until there are many.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

impl Following {
    /// The next events; nothing when the stream is over.
    async fn next(&mut self) -> Option<String> {
        loop {
            if !self.follower.is_behind() {
                self.looks.tick().await;
            }
            if self.app.is_draining() {
                return None;
            }
            let told = match told(&mut self.follower, &self.app).await {
                Ok(Some(told)) => told,
                Ok(None) => return None,
                Err(Error::StoreUnavailable) => String::new(),
                Err(error) => {
                    tracing::debug!(%error, "nobody follows an audit trail any more");
                    return None;
                }
            };
            self.quiet += 1;
            if !told.is_empty() || self.quiet >= QUIET {
                self.quiet = 0;
                return Some(if told.is_empty() { nothing(&self.follower) } else { told });
            }
        }
    }
}

/// What is told where nothing is new: the place to go on from, since what is filtered need not be read again.
fn nothing(follower: &Follower) -> String {
    format!(": from here on\nid: {}\n\n", follower.newest_cursor())
}

/// What is new, as events. Nothing: the follower's time is over.
async fn told(follower: &mut Follower, app: &App) -> Result<Option<String>, Error> {
    let Some(page) = follower.next(&app.authority).await? else { return Ok(None) };
    let id = page.newest_cursor.unwrap_or_default();
    let mut text = String::new();
    for (number, item) in page.items.iter().enumerate() {
        let data = serde_json::to_string(item).map_err(|_| Error::Internal)?;
        // A client that loses the stream within a page is told the page again.
        let id = if number + 1 == page.items.len() { format!("id: {id}\n") } else { String::new() };
        text += &format!("event: record\n{id}data: {data}\n\n");
    }
    Ok(Some(text))
}
