//! `GET …/audit` of a workspace, an organization and the platform: who changed what, newest first; or, followed, what comes from now on.

use std::sync::Arc;

use access_authority::audit::{ACTION_LIST, ACTION_LIST_ORGANIZATION, ACTION_LIST_PLATFORM, AuditFilter};
use access_authority::{PageRequest, Permit, Target};
use access_model::Timestamp;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::endpoints::{audit_follow, json, organization, workspace};
use crate::problem::Problem;
use crate::segments::Segments;

/// What the query takes. Times are RFC 3339.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// At most so many items.
    #[schemars(range(min = 1, max = 200), extend("default" = 50))]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[schemars(regex(pattern = "^[0-9A-Za-z_-]+$"))]
    cursor: Option<String>,
    /// The `newest_cursor` of an earlier answer: what came after it, oldest first.
    #[schemars(regex(pattern = "^[0-9A-Za-z_-]+$"))]
    after: Option<String>,
    /// Of this action; `keys.*`: of every action that begins so.
    action: Option<String>,
    /// By the credential or member with this public id.
    actor: Option<String>,
    /// Done to this.
    target: Option<String>,
    /// At this instant or later.
    since: Option<Timestamp>,
    /// Before this instant.
    until: Option<Timestamp>,
}

type AuditQueried = Result<Query<AuditQuery>, QueryRejection>;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    headers: HeaderMap,
    query: AuditQueried,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_LIST, workspace(path)).await?;
    let (filter, page) = read(query)?;
    if audit_follow::is_asked_for(&headers) {
        return follow(app, permit, filter, &page, &headers).await;
    }
    Ok(json(StatusCode::OK, &app.authority.list_audit(&permit, &filter, &page).await?))
}

pub(crate) async fn list_organization(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    headers: HeaderMap,
    query: AuditQueried,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_LIST_ORGANIZATION, organization(path)).await?;
    let (filter, page) = read(query)?;
    if audit_follow::is_asked_for(&headers) {
        return follow(app, permit, filter, &page, &headers).await;
    }
    Ok(json(StatusCode::OK, &app.authority.list_organization_audit(&permit, &filter, &page).await?))
}

pub(crate) async fn list_platform(
    State(app): State<Arc<App>>,
    asker: Asker,
    headers: HeaderMap,
    query: AuditQueried,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_LIST_PLATFORM, Ok(Target::platform())).await?;
    let (filter, page) = read(query)?;
    if audit_follow::is_asked_for(&headers) {
        return follow(app, permit, filter, &page, &headers).await;
    }
    Ok(json(StatusCode::OK, &app.authority.list_platform_audit(&permit, &filter, &page).await?))
}

async fn follow(
    app: Arc<App>,
    permit: Permit,
    filter: AuditFilter,
    page: &PageRequest,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let filter = audit_follow::going_on(filter, headers);
    let follower = app.authority.follow_audit(permit, filter, page)?;
    audit_follow::stream(app, follower).await
}

fn read(query: AuditQueried) -> Result<(AuditFilter, PageRequest), Problem> {
    let Query(AuditQuery { limit, cursor, after, action, actor, target, since, until }) = query.map_err(|_| {
        let takes = "the query takes `limit`, `cursor`, `after`, `action`, `actor`, `target`, and `since` and `until` in RFC 3339 form";
        Problem::new(400, "invalid_request", takes)
    })?;
    let filter = AuditFilter { action, actor, target, since, until, after };
    Ok((filter, PageRequest { limit, cursor }))
}
