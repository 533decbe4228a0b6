//! `/v1/secrets`: which keys everything sealed hangs on, and how they are replaced. Operators alone.

use std::sync::Arc;

use access_authority::Target;
use access_authority::secrets::{
    FinishRequest, RekeyRequest, ResealRequest, RetireRequest, SecretsUsageRequest, actions,
};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::json;
use crate::problem::Problem;

pub(crate) async fn show(State(app): State<Arc<App>>, asker: Asker) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::GET, Ok(Target::platform())).await?;
    Ok(json(StatusCode::OK, &app.authority.secrets(&permit).await?))
}

pub(crate) async fn usage(
    State(app): State<Arc<App>>,
    asker: Asker,
    query: Result<Query<SecretsUsageRequest>, QueryRejection>,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::GET, Ok(Target::platform())).await?;
    let takes = |_| Problem::new(400, "invalid_request", "the query takes `cursor`");
    let Query(request) = query.map_err(takes)?;
    Ok(json(StatusCode::OK, &app.authority.secrets_usage(&permit, &request).await?))
}

pub(crate) async fn rekey(State(app): State<Arc<App>>, asker: Asker, body: Body) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::REKEY, Ok(Target::platform())).await?;
    let request: RekeyRequest = body.json(&permit).await?;
    Ok(json(StatusCode::OK, &app.authority.begin_rekey(&permit, request).await?))
}

pub(crate) async fn reseal(State(app): State<Arc<App>>, asker: Asker, body: Body) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::REKEY, Ok(Target::platform())).await?;
    let request: ResealRequest = body.json(&permit).await?;
    Ok(json(StatusCode::OK, &app.authority.reseal(&permit, request).await?))
}

pub(crate) async fn finish(State(app): State<Arc<App>>, asker: Asker, body: Body) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::REKEY, Ok(Target::platform())).await?;
    let request: FinishRequest = body.json(&permit).await?;
    Ok(json(StatusCode::OK, &app.authority.finish_rekey(&permit, &request).await?))
}

pub(crate) async fn rotate_pepper(State(app): State<Arc<App>>, asker: Asker) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::PEPPERS, Ok(Target::platform())).await?;
    Ok(json(StatusCode::OK, &app.authority.rotate_pepper(&permit).await?))
}

pub(crate) async fn retire_pepper(State(app): State<Arc<App>>, asker: Asker, body: Body) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::PEPPERS, Ok(Target::platform())).await?;
    let request: RetireRequest = body.json(&permit).await?;
    Ok(json(StatusCode::OK, &app.authority.retire_pepper(&permit, &request).await?))
}
