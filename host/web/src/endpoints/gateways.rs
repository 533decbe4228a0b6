//! `/v1/gateways`: the credentials of enforcement points.

use std::sync::Arc;

use access_authority::Target;
use access_authority::gateways::{ACTION_ISSUE, ACTION_REVOKE, GatewayRequest};
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

pub(crate) async fn issue(State(app): State<Arc<App>>, asker: Asker, body: Body) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_ISSUE, Ok(Target::platform())).await?;
    let request: GatewayRequest = body.json().await?;
    Ok(json(StatusCode::CREATED, &app.authority.issue_gateway(&permit, request).await?))
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(gateway): Segments<String>,
) -> Result<Response, Problem> {
    let gateway = gateway.and_then(|text| id(IdKind::Gateway, "gateway", &text));
    let target = gateway.as_ref().map(Target::gateway).map_err(Problem::clone);
    let permit = app.permit(&asker, ACTION_REVOKE, target).await?;
    Ok(json(StatusCode::OK, &app.authority.revoke_gateway(&permit, &gateway?).await?))
}
