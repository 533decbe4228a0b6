//! `/v1/workspaces/{workspace}/keys`: issue, list, show, rotate, disable, enable, revoke.

use std::sync::Arc;

use access_authority::keys::{Change, KeyRequest, actions};
use access_authority::{PageRequest, Permit, Target};
use access_model::{Id, IdKind};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{id, json};
use crate::problem::Problem;
use crate::segments::Segments;

/// How a key is to be rotated. Nothing stated ends the old key now.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rotation")]
pub(crate) struct RotateBody {
    /// Seconds that the old key goes on.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "overlap_seconds"))]
    overlap_seconds: u64,
}

pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(workspace): Segments<String>,
    body: Body,
) -> Result<Response, Problem> {
    let workspace = workspace.and_then(|text| id(IdKind::Workspace, "workspace", &text)).map(Target::workspace);
    let permit = app.permit(&asker, actions::ISSUE, workspace).await?;
    let request: KeyRequest = body.json().await?;
    Ok(json(StatusCode::CREATED, &app.authority.issue_key(&permit, request).await?))
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(workspace): Segments<String>,
    page: Result<Query<PageRequest>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let workspace = workspace.and_then(|text| id(IdKind::Workspace, "workspace", &text)).map(Target::workspace);
    let permit = app.permit(&asker, actions::LIST, workspace).await?;
    let Query(page) =
        page.map_err(|_| Problem::new(400, "invalid_request", "the query takes `limit` (a number) and `cursor`"))?;
    Ok(json(StatusCode::OK, &app.authority.list_keys(&permit, &page).await?))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let (permit, key) = permit(&app, &asker, actions::GET, path).await?;
    Ok(json(StatusCode::OK, &app.authority.get_key(&permit, &key).await?))
}

pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, key) = permit(&app, &asker, actions::ROTATE, path).await?;
    let RotateBody { overlap_seconds } = body.json_or_default().await?;
    Ok(json(StatusCode::CREATED, &app.authority.rotate_key(&permit, &key, overlap_seconds).await?))
}

pub(crate) async fn disable(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    change(&app, &asker, path, Change::Disable).await
}

pub(crate) async fn enable(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    change(&app, &asker, path, Change::Enable).await
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    change(&app, &asker, path, Change::Revoke).await
}

async fn change(
    app: &App,
    asker: &Asker,
    path: Result<(String, String), Problem>,
    change: Change,
) -> Result<Response, Problem> {
    let (permit, key) = permit(app, asker, change.action(), path).await?;
    Ok(json(StatusCode::OK, &app.authority.change_key(&permit, &key, change).await?))
}

async fn permit(
    app: &App,
    asker: &Asker,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, Id), Problem> {
    let ids = path.and_then(|(workspace, key)| {
        Ok((id(IdKind::Workspace, "workspace", &workspace)?, id(IdKind::Key, "key", &key)?))
    });
    let target = ids.as_ref().map(|(workspace, key)| Target::key(*workspace, key)).map_err(Problem::clone);
    Ok((app.permit(asker, action, target).await?, ids?.1))
}
