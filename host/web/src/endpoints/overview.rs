//! `GET /v1/workspaces/{workspace}/overview`: what is to be done there.

use std::sync::Arc;

use access_authority::overview::ACTION_GET;
use axum::extract::State;
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
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_GET, workspace(path)).await?;
    Ok(json(StatusCode::OK, &app.authority.get_overview(&permit).await?))
}
