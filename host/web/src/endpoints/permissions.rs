//! `…/permissions`: who may do what in an organization or a workspace, and through which role.

use std::sync::Arc;

use access_authority::Target;
use access_authority::permissions::{ACTION, PermissionsRequest};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::endpoints::{json, organization, workspace};
use crate::problem::Problem;
use crate::segments::Segments;

/// The query, or why it is none.
type Asked = Result<Query<PermissionsRequest>, QueryRejection>;

pub(crate) async fn in_organization(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    query: Asked,
) -> Result<Response, Problem> {
    show(&app, &asker, organization(path), query).await
}

pub(crate) async fn in_workspace(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    query: Asked,
) -> Result<Response, Problem> {
    show(&app, &asker, workspace(path), query).await
}

async fn show(app: &App, asker: &Asker, target: Result<Target, Problem>, query: Asked) -> Result<Response, Problem> {
    let permit = app.permit(asker, ACTION, target).await?;
    let takes =
        |_| Problem::new(400, "invalid_request", "the query takes `principal`, the id of a member, key or client");
    let Query(request) = query.map_err(takes)?;
    Ok(json(StatusCode::OK, &app.authority.permissions(&permit, &request).await?))
}
