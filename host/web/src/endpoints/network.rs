//! `/v1/workspaces/{workspace}/network`: where requests may come from, and where jobs may call.

use std::sync::Arc;

use access_authority::Target;
use access_authority::network::{ACTION_GET, ACTION_UPDATE, NetworkUpdate};
use access_model::IdKind;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{id, json};
use crate::problem::Problem;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Path(workspace): Path<String>,
) -> Result<Response, Problem> {
    let workspace = id(IdKind::Workspace, "workspace", &workspace).map(Target::workspace);
    let permit = app.permit(&asker, ACTION_GET, workspace).await?;
    Ok(json(StatusCode::OK, &app.authority.get_network(&permit)?))
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    asker: Asker,
    Path(workspace): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let workspace = id(IdKind::Workspace, "workspace", &workspace).map(Target::workspace);
    let permit = app.permit(&asker, ACTION_UPDATE, workspace).await?;
    let update: NetworkUpdate = body.json()?;
    Ok(json(StatusCode::OK, &app.authority.update_network(&permit, &update).await?))
}
