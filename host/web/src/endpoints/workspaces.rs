//! `/v1/organizations/{organization}/workspaces` and `/v1/workspaces/{workspace}`: create, list, show, suspend, resume,
//! archive.

use std::sync::Arc;

use access_authority::OwnerChange;
use access_authority::workspaces::{WorkspaceRequest, actions};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{Paging, json, organization, workspace};
use crate::idempotency::{IdempotencyKey, created};
use crate::problem::Problem;
use crate::segments::Segments;

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    IdempotencyKey(key): IdempotencyKey,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::CREATE, organization(path)).await?;
    let (request, idempotency): (WorkspaceRequest, _) = body.keyed_json(&permit, key?).await?;
    let done = app.authority.create_workspace(&permit, request, idempotency.as_ref()).await?;
    Ok(created(done, |workspace| json(StatusCode::CREATED, &workspace)))
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    page: Paging,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::LIST, organization(path)).await?;
    Ok(json(StatusCode::OK, &app.authority.list_workspaces(&permit, &page.read()?).await?))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::GET, workspace(path)).await?;
    Ok(json(StatusCode::OK, &app.authority.get_workspace(&permit)?))
}

pub(crate) async fn suspend(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
) -> Result<Response, Problem> {
    change(&app, &asker, path, actions::SUSPEND, OwnerChange::Suspend).await
}

pub(crate) async fn resume(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
) -> Result<Response, Problem> {
    change(&app, &asker, path, actions::RESUME, OwnerChange::Resume).await
}

pub(crate) async fn archive(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
) -> Result<Response, Problem> {
    change(&app, &asker, path, actions::ARCHIVE, OwnerChange::Archive).await
}

async fn change(
    app: &App,
    asker: &Asker,
    path: Result<String, Problem>,
    action: &str,
    change: OwnerChange,
) -> Result<Response, Problem> {
    let permit = app.permit(asker, action, workspace(path)).await?;
    Ok(json(StatusCode::OK, &app.authority.change_workspace(&permit, change).await?))
}
