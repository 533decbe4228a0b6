//! `GET /v1/organizations/{organization}/audit/report`: what an auditor asks first.

use std::sync::Arc;

use access_authority::audit::{ACTION_REPORT, ReportRequest};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::endpoints::{json, organization};
use crate::problem::Problem;
use crate::segments::Segments;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    query: Result<Query<ReportRequest>, QueryRejection>,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_REPORT, organization(path)).await?;
    let takes = |_| Problem::new(400, "invalid_request", "the query takes `since` and `until` in RFC 3339 form");
    let Query(request) = query.map_err(takes)?;
    Ok(json(StatusCode::OK, &app.authority.audit_report(&permit, &request).await?))
}
