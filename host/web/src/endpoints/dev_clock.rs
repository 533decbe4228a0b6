//! `POST /v1/dev/clock`: on a dev host, moves wall time forward.

use std::sync::Arc;

use access_authority::Target;
use access_authority::lifecycle::dev_clock::ACTION;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::json;
use crate::problem::Problem;

/// How far to move.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DevClockAdvance")]
pub(crate) struct Advance {
    /// Seconds to move forward.
    #[schemars(extend("maximum" = 3_162_240_000_u64))]
    advance_seconds: u64,
}

pub(crate) async fn advance(State(app): State<Arc<App>>, asker: Asker, body: Body) -> Result<Response, Problem> {
    if !app.authority.is_dev() {
        return Err(Problem::new(404, "not_found", "only a dev host has a clock that can be moved"));
    }
    let permit = app.permit(&asker, ACTION, Ok(Target::platform())).await?;
    let Advance { advance_seconds } = body.json(&permit).await?;
    Ok(json(StatusCode::OK, &app.authority.advance_dev_clock(&permit, advance_seconds).await?))
}
