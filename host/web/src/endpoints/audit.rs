//! `GET /v1/workspaces/{workspace}/audit`: who changed what, newest first.

use std::sync::Arc;

use access_authority::audit::{ACTION_LIST, AuditFilter};
use access_authority::{PageRequest, Target};
use access_model::{IdKind, Timestamp};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::endpoints::{id, json};
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
    cursor: Option<String>,
    /// Of this action.
    action: Option<String>,
    /// By the credential with this public id.
    actor: Option<String>,
    /// At this instant or later.
    since: Option<Timestamp>,
    /// Before this instant.
    until: Option<Timestamp>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(workspace): Segments<String>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let workspace = workspace.and_then(|text| id(IdKind::Workspace, "workspace", &text)).map(Target::workspace);
    let permit = app.permit(&asker, ACTION_LIST, workspace).await?;
    let Query(AuditQuery { limit, cursor, action, actor, since, until }) = query.map_err(|_| {
        let takes = "the query takes `limit`, `cursor`, `action`, `actor`, and `since` and `until` in RFC 3339 form";
        Problem::new(400, "invalid_request", takes)
    })?;
    let filter = AuditFilter { action, actor, since, until };
    let page = PageRequest { limit, cursor };
    Ok(json(StatusCode::OK, &app.authority.list_audit(&permit, &filter, &page).await?))
}
