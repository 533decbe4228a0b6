//! `GET /metrics`, on a listener of its own, in the Prometheus text format.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use access_authority::decide::Heard;
use access_model::PlainSecret;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::app::App;
use crate::asker::bearer;
use crate::problem::Problem;

/// What a scrape needs.
pub(crate) struct Scrape {
    pub(crate) app: Arc<App>,
    pub(crate) recorder: PrometheusHandle,
    pub(crate) token: Option<PlainSecret>,
}

pub(crate) async fn scrape(State(scrape): State<Arc<Scrape>>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(token) = &scrape.token
        && !bearer(&headers).is_some_and(|given| given.matches(token))
    {
        return Err(Problem::new(401, "unauthenticated", "present the metrics token as a bearer"));
    }
    let (reads, commits) = scrape.app.authority.store_round_trips();
    let mut text = scrape.recorder.render();
    text.push_str("# HELP access_store_reads_total Reads of the store, one round trip each\n");
    text.push_str(&format!("# TYPE access_store_reads_total counter\naccess_store_reads_total {reads}\n"));
    text.push_str("# HELP access_store_commits_total Commits to the store, one round trip each\n");
    text.push_str(&format!("# TYPE access_store_commits_total counter\naccess_store_commits_total {commits}\n"));
    let unconfirmed = scrape.app.authority.unconfirmed_changes();
    text.push_str("# HELP access_store_unconfirmed_total Changes that are applied, and that a fail-over may lose\n");
    text.push_str(&format!(
        "# TYPE access_store_unconfirmed_total counter\naccess_store_unconfirmed_total {unconfirmed}\n"
    ));
    let stale = u8::from(scrape.app.authority.policies().problem().is_some());
    text.push_str("# HELP access_policies_stale 1 while the files in the policy folder are not what decides\n");
    text.push_str(&format!("# TYPE access_policies_stale gauge\naccess_policies_stale {stale}\n"));
    if let Some(heard) = scrape.app.authority.heard() {
        text.push_str(&of_redis(&heard));
    }
    let ignored = u8::from(scrape.app.warned_of_proxy.load(Ordering::Relaxed));
    text.push_str("# HELP access_forwarded_for_ignored 1 once X-Forwarded-For has come while no proxy is trusted\n");
    text.push_str(&format!("# TYPE access_forwarded_for_ignored gauge\naccess_forwarded_for_ignored {ignored}\n"));
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

/// What a store that other hosts write to as well has to say.
fn of_redis(heard: &Heard) -> String {
    let mut text = "# HELP access_store_applied Number of the last announced commit that this host has heard of\n\
                    # TYPE access_store_applied gauge\n"
        .to_owned();
    for (shard, applied) in heard.applied.iter().enumerate() {
        text.push_str(&format!("access_store_applied{{shard=\"{shard:02}\"}} {applied}\n"));
    }
    let (fresh, skew) = (u8::from(heard.is_fresh), heard.skew_millis);
    text.push_str("# HELP access_store_fresh 1 while this host proves that it hears of every change\n");
    text.push_str(&format!("# TYPE access_store_fresh gauge\naccess_store_fresh {fresh}\n"));
    text.push_str("# HELP access_store_skew_milliseconds The clock of the store minus that of this host\n");
    text.push_str(&format!("# TYPE access_store_skew_milliseconds gauge\naccess_store_skew_milliseconds {skew}\n"));
    text
}
