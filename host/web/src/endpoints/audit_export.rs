//! `GET …/audit/export` of a workspace, of an organization and of the platform: the trail as a file, written as it is read.

use std::sync::Arc;

use access_authority::Target;
use access_authority::audit::{
    ACTION_EXPORT, ACTION_EXPORT_ORGANIZATION, ACTION_EXPORT_PLATFORM, AuditFilter, Export, ExportFormat,
};
use access_model::Timestamp;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::endpoints::{organization, workspace};
use crate::problem::Problem;
use crate::segments::Segments;

/// What else is to be known.
pub(crate) const NOTES: &str = "The export is itself recorded, before its first line. As `ndjson`, oldest first: each record with its number, \
    its SHA-256 and its link in the chain of its log, then the record's own bytes; what is not asked for or another workspace's stands \
    there as its hash alone; the last line is a signed trailer, without which the file is not whole. `cronflow-access audit verify` checks \
    it, anywhere. As `csv`, newest first, for reading: nothing in it can be checked. Either is written in parts, as slowly as it is \
    taken; where reading fails in the middle, or whoever reads is nobody any more, the connection breaks off. An organization, its \
    workspaces included, has four open at a time (429 beyond).";

/// What the query takes: what the list's takes, without its pages, and the form of the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    /// `ndjson`, one JSON object a line, which can be checked, or `csv`.
    #[serde(default)]
    #[schemars(extend("default" = "ndjson"))]
    format: ExportFormat,
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

type Queried = Result<Query<ExportQuery>, QueryRejection>;

pub(crate) async fn export(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    query: Queried,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_EXPORT, workspace(path)).await?;
    let (filter, format) = read(query)?;
    let export = app.authority.export_audit(permit, filter, format).await?;
    Ok(file(app, export, format))
}

pub(crate) async fn export_organization(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    query: Queried,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_EXPORT_ORGANIZATION, organization(path)).await?;
    let (filter, format) = read(query)?;
    let export = app.authority.export_organization_audit(permit, filter, format).await?;
    Ok(file(app, export, format))
}

pub(crate) async fn export_platform(
    State(app): State<Arc<App>>,
    asker: Asker,
    query: Queried,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_EXPORT_PLATFORM, Ok(Target::platform())).await?;
    let (filter, format) = read(query)?;
    let export = app.authority.export_platform_audit(permit, filter, format).await?;
    Ok(file(app, export, format))
}

fn read(query: Queried) -> Result<(AuditFilter, ExportFormat), Problem> {
    let Query(ExportQuery { format, action, actor, target, since, until }) = query.map_err(|_| {
        let takes = "the query takes `format` (`ndjson` or `csv`), `action`, `actor`, `target`, and `since` and `until` in RFC 3339 form";
        Problem::new(400, "invalid_request", takes)
    })?;
    Ok((AuditFilter { action, actor, target, since, until, after: None }, format))
}

/// The export as an answer, read while it is written.
pub(crate) fn file(app: Arc<App>, export: Export, format: ExportFormat) -> Response {
    let parts = stream::unfold((app, export), async |(app, mut export)| {
        let part = export.next(&app.authority).await.transpose()?;
        if let Err(error) = &part {
            tracing::warn!(%error, "an export broke off");
        }
        Some((part, (app, export)))
    });
    let (media, disposition) = match format {
        ExportFormat::Ndjson => ("application/x-ndjson", "attachment; filename=\"audit.ndjson\""),
        ExportFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media)),
        (CONTENT_DISPOSITION, HeaderValue::from_static(disposition)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, Body::from_stream(parts)).into_response()
}
