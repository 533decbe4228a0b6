//! `…/settings` of a workspace and of an organization.

use std::sync::Arc;

use access_authority::settings::{
    ACTION_GET, ACTION_GET_ORGANIZATION, ACTION_UPDATE, ACTION_UPDATE_ORGANIZATION, OrganizationSettingsUpdate,
    SettingsUpdate,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{organization, workspace};
use crate::if_match::{Condition, tagged};
use crate::problem::Problem;
use crate::segments::Segments;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_GET, workspace(path)).await?;
    Ok(tagged(StatusCode::OK, &app.authority.get_settings(&permit).await?))
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    Condition(if_match): Condition,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_UPDATE, workspace(path)).await?;
    let update: SettingsUpdate = body.json(&permit).await?;
    Ok(tagged(StatusCode::OK, &app.authority.update_settings(&permit, &update, &if_match?).await?))
}

pub(crate) async fn show_organization(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_GET_ORGANIZATION, organization(path)).await?;
    Ok(tagged(StatusCode::OK, &app.authority.get_organization_settings(&permit).await?))
}

pub(crate) async fn update_organization(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    Condition(if_match): Condition,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_UPDATE_ORGANIZATION, organization(path)).await?;
    let update: OrganizationSettingsUpdate = body.json(&permit).await?;
    Ok(tagged(StatusCode::OK, &app.authority.update_organization_settings(&permit, &update, &if_match?).await?))
}
