//! `/v1/organizations/{organization}/clients`: register, list, show, update, rotate, disable, enable, revoke.

use std::sync::Arc;

use access_authority::keys::ClientSnoozeRequest;
use access_authority::oauth::{ClientChange, ClientIssued, ClientRequest, ClientUpdate, actions};
use access_authority::{Permit, Target};
use access_model::{Id, IdKind};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{Paging, id, json, organization};
use crate::idempotency::{IdempotencyKey, created};
use crate::if_match::{Condition, tagged, with_tag};
use crate::problem::Problem;
use crate::segments::Segments;
use crate::waiting::{Waiting, changed};

/// How a client's secret is to be rotated.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClientRotation")]
pub(crate) struct RotateBody {
    /// Seconds that the secrets before go on; left out or null: they end now.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "overlap_seconds"))]
    overlap_seconds: Option<u64>,
}

pub(crate) async fn register(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    IdempotencyKey(key): IdempotencyKey,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::REGISTER, organization(path)).await?;
    let (request, idempotency): (ClientRequest, _) = body.keyed_json(&permit, key?).await?;
    Ok(created(app.authority.register_client(&permit, request, idempotency.as_ref()).await?, issued))
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    page: Paging,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::LIST, organization(path)).await?;
    Ok(json(StatusCode::OK, &app.authority.list_clients(&permit, &page.read()?).await?))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let (permit, client) = permit(&app, &asker, actions::GET, path).await?;
    Ok(tagged(StatusCode::OK, &app.authority.get_client(&permit, &client).await?))
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, client) = permit(&app, &asker, actions::UPDATE, path).await?;
    let update: ClientUpdate = body.json(&permit).await?;
    Ok(tagged(StatusCode::OK, &app.authority.update_client(&permit, &client, update, &if_match?).await?))
}

pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
    IdempotencyKey(idempotency): IdempotencyKey,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, client) = permit(&app, &asker, actions::ROTATE, path).await?;
    let (RotateBody { overlap_seconds }, idempotency) = body.keyed_json_or_default(&permit, idempotency?).await?;
    let (if_match, overlap) = (if_match?, overlap_seconds.unwrap_or(0));
    let done = app.authority.rotate_client(&permit, &client, overlap, &if_match, idempotency.as_ref()).await?;
    Ok(created(done, issued))
}

pub(crate) async fn disable(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    condition: Condition,
    waiting: Waiting,
) -> Result<Response, Problem> {
    change(&app, &asker, path, ClientChange::Disable, condition, waiting).await
}

pub(crate) async fn enable(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    condition: Condition,
    waiting: Waiting,
) -> Result<Response, Problem> {
    change(&app, &asker, path, ClientChange::Enable, condition, waiting).await
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    condition: Condition,
    waiting: Waiting,
) -> Result<Response, Problem> {
    change(&app, &asker, path, ClientChange::Revoke, condition, waiting).await
}

pub(crate) async fn snooze(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, client) = permit(&app, &asker, actions::SNOOZE, path).await?;
    let request: ClientSnoozeRequest = body.json(&permit).await?;
    Ok(json(StatusCode::OK, &app.authority.snooze_client(&permit, &client, request).await?))
}

async fn change(
    app: &App,
    asker: &Asker,
    path: Result<(String, String), Problem>,
    change: ClientChange,
    Condition(if_match): Condition,
    waiting: Waiting,
) -> Result<Response, Problem> {
    let (permit, client) = permit(app, asker, change.action(), path).await?;
    let waits = waiting.waits_for_fleet()?;
    let current = app.authority.change_client(&permit, &client, change, &if_match?).await?;
    Ok(changed(app, &client, current, waits).await)
}

fn issued(issued: ClientIssued) -> Response {
    with_tag(json(StatusCode::CREATED, &issued), issued.version)
}

async fn permit(
    app: &App,
    asker: &Asker,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, Id), Problem> {
    let ids = path.and_then(|(organization, client)| {
        Ok((id(IdKind::Organization, "organization", &organization)?, id(IdKind::Client, "client", &client)?))
    });
    let target = ids.as_ref().map(|(organization, client)| Target::client(*organization, client));
    Ok((app.permit(asker, action, target.map_err(Problem::clone)).await?, ids?.1))
}
