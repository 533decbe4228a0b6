//! `GET /v1/workspaces/{workspace}/usage`: how much the workspace's keys were used.

use std::sync::Arc;

use access_authority::usage::{ACTION_GET, UsageRequest};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::endpoints::{json, workspace};
use crate::problem::Problem;
use crate::segments::Segments;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    query: Result<Query<UsageRequest>, QueryRejection>,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_GET, workspace(path)).await?;
    let takes =
        |_| Problem::new(400, "invalid_request", "the query takes `since` and `until`, days such as `2026-01-31`");
    let Query(request) = query.map_err(takes)?;
    Ok(json(StatusCode::OK, &app.authority.get_usage(&permit, &request).await?))
}
