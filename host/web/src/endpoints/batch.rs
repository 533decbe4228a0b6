//! `POST /v1/authorize/batch`: several questions in one request, answered each by itself, in their order.

use std::sync::Arc;

use access_model::Object;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::authorize::{QuestionBody, permit};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::json;
use crate::problem::Problem;

/// Several questions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Questions")]
pub(crate) struct BatchBody {
    /// The questions.
    #[schemars(extend("x-catalog" = "batch"))]
    items: Vec<Object<QuestionBody>>,
}

/// Several decisions.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Decisions")]
pub(crate) struct BatchAnswer {
    /// The decisions, in the order of the questions.
    items: Vec<access_authority::Answer>,
}

pub(crate) async fn authorize(State(app): State<Arc<App>>, asker: Asker, body: Body) -> Result<Response, Problem> {
    let permit = permit(&app, &asker).await?;
    let BatchBody { items } = body.json(&permit).await?;
    let most = app.authority.catalog().limits.batch;
    if !(1..=most).contains(&items.len()) {
        return Err(Problem::invalid("items", format!("must have 1 to {most} questions")));
    }
    // All of them are checked before any is decided, so that a malformed one consumes no quota.
    let questions =
        items.into_iter().enumerate().map(|(at, Object(item))| item.into_question(&format!("items[{at}].")));
    let questions = questions.collect::<Result<Vec<_>, _>>()?;
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        answers.push(app.authority.authorize(&permit, question).await);
    }
    Ok(json(StatusCode::OK, &BatchAnswer { items: answers }))
}
