//! `GET …/events` of a workspace and an organization: what people are told of, newest first.

use std::sync::Arc;

use access_authority::PageRequest;
use access_authority::events::{ACTION_LIST, ACTION_LIST_ORGANIZATION, EventFilter};
use access_model::Severity;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::endpoints::{json, organization, workspace};
use crate::problem::Problem;
use crate::segments::Segments;

/// What the query takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventQuery {
    /// At most so many items.
    #[schemars(range(min = 1, max = 200), extend("default" = 50))]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[schemars(regex(pattern = "^[0-9A-Za-z_-]+$"))]
    cursor: Option<String>,
    /// Of this kind; `key.*`: of every kind that begins so.
    event: Option<String>,
    /// Of this severity or above.
    #[serde(default)]
    severity: Severity,
}

type EventQueried = Result<Query<EventQuery>, QueryRejection>;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    query: EventQueried,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_LIST, workspace(path)).await?;
    let (filter, page) = read(query)?;
    Ok(json(StatusCode::OK, &app.authority.list_events(&permit, &filter, &page).await?))
}

pub(crate) async fn list_organization(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    query: EventQueried,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_LIST_ORGANIZATION, organization(path)).await?;
    let (filter, page) = read(query)?;
    Ok(json(StatusCode::OK, &app.authority.list_organization_events(&permit, &filter, &page).await?))
}

fn read(query: EventQueried) -> Result<(EventFilter, PageRequest), Problem> {
    let Query(EventQuery { limit, cursor, event, severity }) = query.map_err(|_| {
        let takes = "the query takes `limit`, `cursor`, `event`, and `severity`, which is `info`, `warning` or `alert`";
        Problem::new(400, "invalid_request", takes)
    })?;
    Ok((EventFilter { event, severity: Some(severity) }, PageRequest { limit, cursor }))
}
