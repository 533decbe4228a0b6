//! `/v1/workspaces/{workspace}/network`: where requests may come from, and where jobs may call.

use std::sync::Arc;

use access_authority::network::{ACTION_GET, ACTION_UPDATE, NetworkUpdate};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::workspace;
use crate::if_match::{Condition, tagged};
use crate::problem::Problem;
use crate::segments::Segments;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_GET, workspace(path)).await?;
    Ok(tagged(StatusCode::OK, &app.authority.get_network(&permit).await?))
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    Condition(if_match): Condition,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, ACTION_UPDATE, workspace(path)).await?;
    let update: NetworkUpdate = body.json(&permit).await?;
    Ok(tagged(StatusCode::OK, &app.authority.update_network(&permit, &update, &if_match?).await?))
}
