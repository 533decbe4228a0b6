//! `POST /v1/leaks`: somebody came upon a secret of ours.

use std::sync::Arc;

use access_authority::leaks::LeakReport;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::sessions::BODY_BYTES;
use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::json;
use crate::problem::Problem;

/// What is to be known of reporting.
pub(crate) const NOTES: &str = "Whoever holds a secret may report it; nothing else is asked for. What is done about one that \
    still works, its kind states in the catalog (`leak`): it is ended, or switched off, or its owner is told; the trail and the \
    event `….leaked` tell of it in any case. The answer is the same whatever the secret is: right, wrong, over, reported before. \
    A network (IPv4 /24, IPv6 /64) may report so many secrets a minute and no more (429).";

/// That it was received.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LeaksReceived")]
pub(crate) struct Received {
    /// How many secrets were reported.
    #[schemars(example = &1)]
    received: usize,
}

pub(crate) async fn report(State(app): State<Arc<App>>, asker: Asker, body: Body) -> Result<Response, Problem> {
    let report: LeakReport = body.up_to(BODY_BYTES).open_json().await?;
    app.authority.report_leaks(&report, asker.client).await?;
    Ok(json(StatusCode::ACCEPTED, &Received { received: report.secrets.len() }))
}
