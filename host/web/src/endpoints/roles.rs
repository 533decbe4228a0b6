//! `/v1/organizations/{organization}/roles`: list, show, make or change, take away.

use std::sync::Arc;

use access_authority::roles::{RoleRequest, actions};
use access_authority::{Permit, Target};
use access_model::IdKind;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{id, json, organization};
use crate::if_match::{Condition, tagged};
use crate::problem::Problem;
use crate::segments::Segments;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::LIST, organization(path)).await?;
    Ok(json(StatusCode::OK, &app.authority.list_roles(&permit).await?))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let (permit, name) = permit(&app, &asker, actions::GET, path).await?;
    Ok(tagged(StatusCode::OK, &app.authority.get_role(&permit, &name).await?))
}

pub(crate) async fn put(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, name) = permit(&app, &asker, actions::PUT, path).await?;
    let request: RoleRequest = body.json(&permit).await?;
    Ok(tagged(StatusCode::OK, &app.authority.put_role(&permit, &name, request, &if_match?).await?))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
) -> Result<Response, Problem> {
    let (permit, name) = permit(&app, &asker, actions::DELETE, path).await?;
    app.authority.delete_role(&permit, &name, &if_match?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn permit(
    app: &App,
    asker: &Asker,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, String), Problem> {
    let named =
        path.and_then(|(organization, name)| Ok((id(IdKind::Organization, "organization", &organization)?, name)));
    let target = named.as_ref().map(|(organization, name)| Target::role(*organization, name));
    Ok((app.permit(asker, action, target.map_err(Problem::clone)).await?, named?.1))
}
