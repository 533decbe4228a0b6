//! `/v1/gateways`: the credentials of enforcement points.

use std::sync::Arc;

use access_authority::gateways::{ACTION_GET, ACTION_ISSUE, ACTION_LIST, ACTION_REVOKE, GatewayRequest};
use access_authority::{Permit, Target};
use access_model::{Id, IdKind};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{Paging, id, json};
use crate::idempotency::{IdempotencyKey, created};
use crate::problem::Problem;
use crate::segments::Segments;

pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    asker: Asker,
    IdempotencyKey(key): IdempotencyKey,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_ISSUE, Ok(Target::platform())).await?;
    let (request, idempotency): (GatewayRequest, _) = body.keyed_json(&permit, key?).await?;
    let done = app.authority.issue_gateway(&permit, request, idempotency.as_ref()).await?;
    Ok(created(done, |issued| json(StatusCode::CREATED, &issued)))
}

pub(crate) async fn list(State(app): State<Arc<App>>, asker: Asker, page: Paging) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_LIST, Ok(Target::platform())).await?;
    Ok(json(StatusCode::OK, &app.authority.list_gateways(&permit, &page.read()?).await?))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
) -> Result<Response, Problem> {
    let (permit, gateway) = permit(&app, &asker, ACTION_GET, path).await?;
    Ok(json(StatusCode::OK, &app.authority.get_gateway(&permit, &gateway).await?))
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
) -> Result<Response, Problem> {
    let (permit, gateway) = permit(&app, &asker, ACTION_REVOKE, path).await?;
    Ok(json(StatusCode::OK, &app.authority.revoke_gateway(&permit, &gateway).await?))
}

async fn permit(
    app: &App,
    asker: &Asker,
    action: &str,
    path: Result<String, Problem>,
) -> Result<(Permit, Id), Problem> {
    let gateway = path.and_then(|text| id(IdKind::Gateway, "gateway", &text));
    let target = gateway.as_ref().map(Target::gateway).map_err(Problem::clone);
    Ok((app.permit(asker, action, target).await?, gateway?))
}
