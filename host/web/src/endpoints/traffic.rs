//! `GET /v1/workspaces/{workspace}/traffic`, what was asked about the workspace's keys; and `POST …/network/preview`, what another
//! allow-list would have done to it.

use std::sync::Arc;

use access_authority::traffic::{ACTION_GET, ACTION_PREVIEW, PreviewRequest, TrafficRequest};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{json, workspace};
use crate::problem::Problem;
use crate::segments::Segments;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    query: Result<Query<TrafficRequest>, QueryRejection>,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_GET, workspace(path)).await?;
    let takes = |_| Problem::new(400, "invalid_request", "the query takes `days`, a number");
    let Query(request) = query.map_err(takes)?;
    Ok(json(StatusCode::OK, &app.authority.get_traffic(&permit, &request).await?))
}

pub(crate) async fn preview(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_PREVIEW, workspace(path)).await?;
    let request: PreviewRequest = body.json(&permit).await?;
    Ok(json(StatusCode::OK, &app.authority.preview_network(&permit, &request).await?))
}
