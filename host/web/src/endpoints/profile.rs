//! `/v1/profile`: what members see and change of themselves.

use std::sync::Arc;

use access_authority::sign_in::{PasswordChange, ProfileUpdate, actions};
use access_model::PlainSecret;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::json;
use crate::problem::Problem;
use crate::visiting::Visiting;

/// The first code of a second factor.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstCode {
    /// What the authenticator app shows: six digits.
    #[schemars(with = "String", example = &"492039")]
    code: PlainSecret,
}

pub(crate) async fn show(State(app): State<Arc<App>>, asker: Asker) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::PROFILE).await?;
    Ok(json(StatusCode::OK, &app.authority.get_profile(&permit).await?))
}

pub(crate) async fn update(State(app): State<Arc<App>>, asker: Asker, body: Body) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::UPDATE).await?;
    let update: ProfileUpdate = body.json(&permit).await?;
    Ok(json(StatusCode::OK, &app.authority.update_profile(&permit, &update).await?))
}

pub(crate) async fn password(
    State(app): State<Arc<App>>,
    asker: Asker,
    Visiting(visitor): Visiting,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::PASSWORD).await?;
    let request: PasswordChange = body.json(&permit).await?;
    Ok(json(StatusCode::CREATED, &app.authority.change_password(&permit, &request, &visitor).await?))
}

pub(crate) async fn begin_factor(State(app): State<Arc<App>>, asker: Asker) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::FACTORS).await?;
    Ok(json(StatusCode::CREATED, &app.authority.begin_factor(&permit).await?))
}

pub(crate) async fn confirm_factor(
    State(app): State<Arc<App>>,
    asker: Asker,
    Visiting(visitor): Visiting,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::FACTORS).await?;
    let FirstCode { code } = body.json(&permit).await?;
    Ok(json(StatusCode::CREATED, &app.authority.confirm_factor(&permit, &code, &visitor).await?))
}

pub(crate) async fn recovery_codes(
    State(app): State<Arc<App>>,
    asker: Asker,
    Visiting(visitor): Visiting,
) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::FACTORS).await?;
    Ok(json(StatusCode::CREATED, &app.authority.replace_recovery_codes(&permit, &visitor).await?))
}

pub(crate) async fn remove_factor(
    State(app): State<Arc<App>>,
    asker: Asker,
    Visiting(visitor): Visiting,
) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::FACTORS).await?;
    Ok(json(StatusCode::CREATED, &app.authority.remove_factor(&permit, &visitor).await?))
}
