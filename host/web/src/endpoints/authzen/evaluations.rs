//! `POST /access/v1/evaluations`: several decisions, in their order, from what they share and what each says itself.

use std::sync::Arc;

use access_authority::Permit;
use access_model::Object;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::Evaluated;
use super::entities::{Action, Entities, Entity};
use super::evaluation::{one, read};
use super::property::Properties;
use crate::app::App;
use crate::asker::Asker;
use crate::body::{Body, from_json};
use crate::endpoints::authorize::permit;
use crate::endpoints::json;
use crate::problem::Problem;
use crate::request_id::RequestId;

/// Several evaluations. What stands beside `evaluations` is the default of each; without any, it is the one evaluation.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Evaluations", example = example(), extend("additionalProperties" = true))]
pub(crate) struct EvaluationsBody {
    /// Who acts.
    #[serde(default)]
    subject: Option<Object<Entity>>,
    /// What is to be done.
    #[serde(default)]
    action: Option<Object<Action>>,
    /// What it is to be done to.
    #[serde(default)]
    resource: Option<Object<Entity>>,
    /// Free values around it.
    #[serde(default)]
    context: Option<Properties>,
    /// Evaluations, each with `subject`, `action`, `resource` and `context` as far as the defaults don't say them. One that is
    /// malformed is denied by itself, and `context.error` says why.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "evaluations"))]
    evaluations: Option<Vec<Element>>,
    /// How they are to be decided.
    #[serde(default)]
    options: Option<Object<Options>>,
}

fn example() -> Value {
    json!({
        "subject": { "type": "credential", "id": "checkout", "properties": { "secret": "cf_prod_…" } },
        "context": { "environment": "production" },
        "action": { "name": "jobs.get" },
        "evaluations": [
            { "resource": { "type": "job", "id": "4711" } },
            { "resource": { "type": "job", "id": "4712" }, "action": { "name": "jobs.cancel" } },
        ],
        "options": { "evaluations_semantic": "deny_on_first_deny" },
    })
}

/// An object, read when its turn has come: what is wrong within is its own error, and nobody else's.
#[derive(JsonSchema)]
#[schemars(inline, with = "serde_json::Map<String, Value>")]
struct Element(Box<RawValue>);

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('{') { Ok(Self(raw)) } else { Err(D::Error::custom("an evaluation is an object")) }
    }
}

/// How evaluations are to be decided.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "EvaluationsOptions", extend("additionalProperties" = true))]
struct Options {
    /// When to stop.
    #[serde(default)]
    evaluations_semantic: Semantic,
}

/// When to stop.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "EvaluationsSemantic")]
enum Semantic {
    /// At the end.
    #[default]
    ExecuteAll,
    /// After the first denial; a malformed evaluation is one.
    DenyOnFirstDeny,
    /// After the first permit.
    PermitOnFirstPermit,
}

impl Semantic {
    fn ends_with(self, last: &Evaluated) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !last.decision,
            Self::PermitOnFirstPermit => last.decision,
        }
    }
}

/// Several decisions, or the one.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "EvaluationsDecided")]
pub(crate) enum EvaluationsAnswer {
    /// Of each evaluation, up to the one that ended it.
    Several {
        /// The decisions, in the order of the evaluations.
        evaluations: Vec<Evaluated>,
    },
    /// Of the defaults, where there was no evaluation beside them.
    One(Evaluated),
}

pub(crate) async fn evaluate(State(app): State<Arc<App>>, id: RequestId, asker: Asker, body: Body) -> Response {
    id.on(answer(&app, &asker, body).await)
}

async fn answer(app: &App, asker: &Asker, body: Body) -> Result<Response, Problem> {
    let permit = permit(app, asker).await?;
    let EvaluationsBody { subject, action, resource, context, evaluations, options } = read(body, &permit).await?;
    let defaults = Entities { subject, action, resource, context };
    let elements = evaluations.unwrap_or_default();
    let most = app.authority.catalog().limits.batch;
    if elements.len() > most {
        return Err(Problem::invalid("evaluations", format!("may have {most} evaluations")));
    }
    let answer = if elements.is_empty() {
        EvaluationsAnswer::One(one(app, &permit, defaults).await?)
    } else {
        let Object(Options { evaluations_semantic }) = options.unwrap_or_default();
        let evaluations = several(app, &permit, &defaults, &elements, evaluations_semantic).await;
        EvaluationsAnswer::Several { evaluations }
    };
    Ok(json(StatusCode::OK, &answer))
}

async fn several(
    app: &App,
    permit: &Permit,
    defaults: &Entities,
    elements: &[Element],
    semantic: Semantic,
) -> Vec<Evaluated> {
    let mut evaluations = Vec::with_capacity(elements.len());
    for element in elements {
        let own = from_json::<Entities>(element.0.get().as_bytes()).map_err(|problem| problem.detail().to_owned());
        let evaluated = match own.and_then(|own| own.or(defaults.clone()).into_question()) {
            Ok(question) => app.authority.authorize(permit, question).await.into(),
            Err(message) => Evaluated::malformed(message),
        };
        let is_last = semantic.ends_with(&evaluated);
        evaluations.push(evaluated);
        if is_last {
            break;
        }
    }
    evaluations
}
