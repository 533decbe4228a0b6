//! `/v1/workspaces/{workspace}/keys`: issue, list, show, rotate, disable, enable, revoke, snooze.

use std::sync::Arc;

use access_authority::keys::{Change, KeyRequest, KeyView, SnoozeRequest, actions};
use access_authority::{Issued, Permit, Target};
use access_model::{Id, IdKind};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{Paging, id, json, place, workspace};
use crate::idempotency::{IdempotencyKey, created};
use crate::if_match::{Condition, tagged, with_tag};
use crate::problem::Problem;
use crate::segments::Segments;
use crate::waiting::{Waiting, changed};

/// How a key is to be rotated.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rotation")]
pub(crate) struct RotateBody {
    /// Seconds that the old key goes on; left out or null: what the workspace's settings say, else it ends now.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "overlap_seconds"))]
    overlap_seconds: Option<u64>,
}

pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    IdempotencyKey(key): IdempotencyKey,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::ISSUE, workspace(path)).await?;
    let (request, idempotency): (KeyRequest, _) = body.keyed_json(&permit, key?).await?;
    Ok(created(app.authority.issue_key(&permit, request, idempotency.as_ref()).await?, issued))
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    page: Paging,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::LIST, workspace(path)).await?;
    Ok(json(StatusCode::OK, &app.authority.list_keys(&permit, &page.read()?).await?))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let (permit, key) = permit(&app, &asker, actions::GET, path).await?;
    Ok(tagged(StatusCode::OK, &app.authority.get_key(&permit, &key).await?))
}

pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
    IdempotencyKey(idempotency): IdempotencyKey,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, key) = permit(&app, &asker, actions::ROTATE, path).await?;
    let (RotateBody { overlap_seconds }, idempotency) = body.keyed_json_or_default(&permit, idempotency?).await?;
    let (if_match, idempotency) = (if_match?, idempotency.as_ref());
    Ok(created(app.authority.rotate_key(&permit, &key, overlap_seconds, &if_match, idempotency).await?, issued))
}

pub(crate) async fn disable(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    condition: Condition,
    waiting: Waiting,
) -> Result<Response, Problem> {
    change(&app, &asker, path, Change::Disable, condition, waiting).await
}

pub(crate) async fn enable(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    condition: Condition,
    waiting: Waiting,
) -> Result<Response, Problem> {
    change(&app, &asker, path, Change::Enable, condition, waiting).await
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    condition: Condition,
    waiting: Waiting,
) -> Result<Response, Problem> {
    change(&app, &asker, path, Change::Revoke, condition, waiting).await
}

pub(crate) async fn suggestions(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let (permit, key) = permit(&app, &asker, actions::GET, path).await?;
    Ok(json(StatusCode::OK, &app.authority.suggest_for_key(&permit, &key).await?))
}

pub(crate) async fn snooze(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, key) = permit(&app, &asker, actions::SNOOZE, path).await?;
    let request: SnoozeRequest = body.json(&permit).await?;
    Ok(json(StatusCode::OK, &app.authority.snooze_key(&permit, &key, &request).await?))
}

async fn change(
    app: &App,
    asker: &Asker,
    path: Result<(String, String), Problem>,
    change: Change,
    Condition(if_match): Condition,
    waiting: Waiting,
) -> Result<Response, Problem> {
    let (permit, key) = permit(app, asker, change.action(), path).await?;
    let waits = waiting.waits_for_fleet()?;
    let current = app.authority.change_key(&permit, &key, change, &if_match?).await?;
    Ok(changed(app, &key, current, waits).await)
}

fn issued(issued: Issued<KeyView>) -> Response {
    with_tag(json(StatusCode::CREATED, &issued), issued.version)
}

async fn permit(
    app: &App,
    asker: &Asker,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, Id), Problem> {
    let ids = path.and_then(|(workspace, key)| Ok((place(&workspace)?, id(IdKind::Key, "key", &key)?)));
    let target = ids.as_ref().map(|(workspace, key)| Target::key(*workspace, key)).map_err(Problem::clone);
    Ok((app.permit(asker, action, target).await?, ids?.1))
}
