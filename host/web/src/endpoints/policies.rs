//! `/v1/workspaces/{workspace}/policies`: upload, publish, roll back, delete, list, show.

use std::sync::Arc;

use access_authority::policies::{DiffRequest, Publication, actions};
use access_authority::{Permit, Place, Target};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{Paging, json, place, workspace};
use crate::if_match::{Condition, tagged};
use crate::problem::Problem;
use crate::segments::Segments;
use crate::upload;

/// What is to be known of uploads.
pub(crate) const NOTES: &str = "The policy is examined first: types, bounds, cost, and its own cases, all of which must pass. \
A form (`multipart/form-data`) has the same JSON as its part `policy`, and the file as its part `source` or `module`. The same upload again is the same revision. With `publish=true`, which needs the permit to publish as well, the revision is \
in force when the answer comes, and `policy_revision` is what a question says as `min_revision` to be sure of that anywhere.";

/// Whether to publish at once.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutQuery {
    /// Put the revision in force in the same call.
    #[serde(default)]
    publish: bool,
}

pub(crate) async fn put(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    query: Result<Query<PutQuery>, QueryRejection>,
    Condition(if_match): Condition,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, name) = permit(&app, &asker, actions::PUT, path.clone()).await?;
    let malformed = |_| Problem::new(400, "invalid_request", "the query takes `publish`: true or false");
    let Query(PutQuery { publish }) = query.map_err(malformed)?;
    let publish = match publish {
        true => Some(self::permit(&app, &asker, actions::PUBLISH, path).await?.0),
        false => None,
    };
    let request = upload::read(body.up_to(app.authority.catalog().limits.upload_bytes), &permit).await?;
    let put = app.authority.put_policy(&permit, publish.as_ref(), &name, request, &if_match?).await?;
    Ok(tagged(StatusCode::OK, &put))
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    page: Paging,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::LIST, workspace(path)).await?;
    Ok(json(StatusCode::OK, &app.authority.list_policies(&permit, &page.read()?).await?))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let (permit, name) = permit(&app, &asker, actions::GET, path).await?;
    Ok(tagged(StatusCode::OK, &app.authority.get_policy(&permit, &name).await?))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
) -> Result<Response, Problem> {
    let (permit, name) = permit(&app, &asker, actions::DELETE, path).await?;
    app.authority.delete_policy(&permit, &name, &if_match?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn publish(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, name) = permit(&app, &asker, actions::PUBLISH, path).await?;
    let publication: Publication = body.json(&permit).await?;
    Ok(tagged(StatusCode::OK, &app.authority.publish_policy(&permit, &name, &publication, &if_match?).await?))
}

pub(crate) async fn rollback(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
) -> Result<Response, Problem> {
    let (permit, name) = permit(&app, &asker, actions::ROLLBACK, path).await?;
    Ok(tagged(StatusCode::OK, &app.authority.roll_back_policy(&permit, &name, &if_match?).await?))
}

pub(crate) async fn revisions(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    page: Paging,
) -> Result<Response, Problem> {
    let (permit, name) = permit(&app, &asker, actions::LIST, path).await?;
    Ok(json(StatusCode::OK, &app.authority.list_policy_revisions(&permit, &name, &page.read()?).await?))
}

pub(crate) async fn revision(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String, String)>,
) -> Result<Response, Problem> {
    let (path, number) = match path {
        Ok((workspace, name, number)) => (Ok((workspace, name)), number),
        Err(problem) => (Err(problem), String::new()),
    };
    let (permit, name) = permit(&app, &asker, actions::GET, path).await?;
    let number = number.parse().map_err(|_| Problem::new(404, "not_found", "revisions have numbers, from 1"))?;
    Ok(json(StatusCode::OK, &app.authority.get_policy_revision(&permit, &name, number).await?))
}

pub(crate) async fn diff(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    query: Result<Query<DiffRequest>, QueryRejection>,
) -> Result<Response, Problem> {
    let (permit, name) = permit(&app, &asker, actions::GET, path).await?;
    let malformed = |_| Problem::new(400, "invalid_request", "the query takes `from` and `to`: numbers of revisions");
    let Query(request) = query.map_err(malformed)?;
    Ok(json(StatusCode::OK, &app.authority.diff_policy(&permit, &name, &request).await?))
}

pub(crate) async fn status(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let (permit, name) = permit(&app, &asker, actions::GET, path).await?;
    Ok(json(StatusCode::OK, &app.authority.policy_status(&permit, &name).await?))
}

/// The permit for something about the policy that a path names.
async fn permit(
    app: &App,
    asker: &Asker,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, String), Problem> {
    let named = path.and_then(|(workspace, name)| Ok((place(&workspace)?, name)));
    let target = named.as_ref().map(|(workspace, name): &(Place, String)| Target::policy(*workspace, name));
    Ok((app.permit(asker, action, target.map_err(Problem::clone)).await?, named?.1))
}
