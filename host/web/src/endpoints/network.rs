//! `/v1/workspaces/{workspace}/network`: where requests may come from, and where jobs may call.

use std::sync::Arc;

use access_authority::Target;
use access_authority::network::{ACTION_GET, ACTION_UPDATE, NetworkUpdate};
use access_model::IdKind;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{id, json};
use crate::problem::Problem;
use crate::segments::Segments;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(workspace): Segments<String>,
) -> Result<Response, Problem> {
    let workspace = workspace.and_then(|text| id(IdKind::Workspace, "workspace", &text)).map(Target::workspace);
    let permit = app.permit(&asker, ACTION_GET, workspace).await?;
    Ok(json(StatusCode::OK, &app.authority.get_network(&permit)?))
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(workspace): Segments<String>,
    body: Body,
) -> Result<Response, Problem> {
    let workspace = workspace.and_then(|text| id(IdKind::Workspace, "workspace", &text)).map(Target::workspace);
    let permit = app.permit(&asker, ACTION_UPDATE, workspace).await?;
    let update: NetworkUpdate = body.json().await?;
    Ok(json(StatusCode::OK, &app.authority.update_network(&permit, &update).await?))
}
