//! `/v1/organizations/{organization}/members`: list, show, update, suspend, resume, remove, reset factors.

use std::sync::Arc;

use access_authority::members::{MemberChange, MemberUpdate, actions};
use access_authority::{Permit, Target};
use access_model::{Id, IdKind};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{Paging, id, json, organization};
use crate::if_match::{Condition, tagged};
use crate::problem::Problem;
use crate::segments::Segments;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    page: Paging,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::LIST, organization(path)).await?;
    Ok(json(StatusCode::OK, &app.authority.list_members(&permit, &page.read()?).await?))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let (permit, member) = permit(&app, &asker, actions::GET, path).await?;
    Ok(tagged(StatusCode::OK, &app.authority.get_member(&permit, &member).await?))
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, member) = permit(&app, &asker, actions::UPDATE, path).await?;
    let update: MemberUpdate = body.json(&permit).await?;
    Ok(tagged(StatusCode::OK, &app.authority.update_member(&permit, &member, update, &if_match?).await?))
}

pub(crate) async fn suspend(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    condition: Condition,
) -> Result<Response, Problem> {
    change(&app, &asker, path, MemberChange::Suspend, condition).await
}

pub(crate) async fn resume(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    condition: Condition,
) -> Result<Response, Problem> {
    change(&app, &asker, path, MemberChange::Resume, condition).await
}

pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    condition: Condition,
) -> Result<Response, Problem> {
    change(&app, &asker, path, MemberChange::Remove, condition).await
}

pub(crate) async fn reset_factors(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    condition: Condition,
) -> Result<Response, Problem> {
    change(&app, &asker, path, MemberChange::ResetFactors, condition).await
}

async fn change(
    app: &App,
    asker: &Asker,
    path: Result<(String, String), Problem>,
    change: MemberChange,
    Condition(if_match): Condition,
) -> Result<Response, Problem> {
    let (permit, member) = permit(app, asker, change.action(), path).await?;
    Ok(tagged(StatusCode::OK, &app.authority.change_member(&permit, &member, change, &if_match?).await?))
}

async fn permit(
    app: &App,
    asker: &Asker,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, Id), Problem> {
    let ids = path.and_then(|(organization, member)| {
        Ok((id(IdKind::Organization, "organization", &organization)?, id(IdKind::Member, "member", &member)?))
    });
    let target = ids.as_ref().map(|(organization, member)| Target::member(*organization, member));
    Ok((app.permit(asker, action, target.map_err(Problem::clone)).await?, ids?.1))
}
