//! `POST /access/v1/evaluation`: one decision.

use std::sync::Arc;

use access_authority::Permit;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::answer::Evaluated;
use super::entities::Entities;
use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::authorize::permit;
use crate::endpoints::json;
use crate::problem::Problem;
use crate::request_id::RequestId;

/// One evaluation.
pub(crate) type EvaluationBody = Entities;
/// One decision.
pub(crate) type EvaluationAnswer = Evaluated;

pub(crate) async fn evaluate(State(app): State<Arc<App>>, id: RequestId, asker: Asker, body: Body) -> Response {
    id.on(answer(&app, &asker, body).await)
}

async fn answer(app: &App, asker: &Asker, body: Body) -> Result<Response, Problem> {
    let permit = permit(app, asker).await?;
    let entities = read::<EvaluationBody>(body, &permit).await?;
    Ok(json(StatusCode::OK, &one(app, &permit, entities).await?))
}

/// Reads a body. What is no JSON by its own word is malformed here, not unsupported.
pub(super) async fn read<T: DeserializeOwned>(body: Body, permit: &Permit) -> Result<T, Problem> {
    if !body.is_json() {
        return Err(Problem::new(400, "invalid_request", "send JSON, with `Content-Type: application/json`"));
    }
    body.json(permit).await
}

/// Decides an evaluation that stands alone.
pub(super) async fn one(app: &App, permit: &Permit, entities: Entities) -> Result<Evaluated, Problem> {
    let malformed = |message| Problem::new(400, "invalid_request", message);
    let question = entities.into_question().map_err(malformed)?;
    Ok(app.authority.authorize(permit, question).await.into())
}
