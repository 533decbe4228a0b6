//! `POST /v1/authorize`: an enforcement point asks, and learns allow or deny, and why.

use std::sync::Arc;

use access_authority::decide::ASK;
use access_authority::{Permit, Properties, Question, Target, Whom};
use access_model::network::Address;
use access_model::organization::check_name;
use access_model::{Object, PlainSecret};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use cronflow_policy_cases::{Attributes, Resource};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::json;
use crate::problem::Problem;

/// A question. `credential` and either `request` with method and path or `action` are required.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Question", example = example(), extend("anyOf" = ways()))]
pub(crate) struct QuestionBody {
    /// The secret that was presented.
    #[schemars(with = "String")]
    credential: PlainSecret,
    /// The request that it was presented with.
    #[serde(default)]
    request: Object<RequestBody>,
    /// The catalog's action, in place of method and path.
    #[serde(default)]
    action: Option<String>,
    /// What it is to be done to.
    #[serde(default)]
    resource: Object<Resource>,
    /// Free attributes.
    #[serde(default, deserialize_with = "cronflow_policy_cases::distinct")]
    #[schemars(extend("x-catalog" = "attributes"))]
    context: Attributes,
    /// The least policy revision of the workspace that the decision must know of, as a publish answered it; a host that knows
    /// of no such one denies `policy_unavailable`.
    #[serde(default)]
    min_revision: Option<u64>,
}

fn example() -> Value {
    json!({
        "credential": "cf_prod_…",
        "request": { "method": "POST", "path": "/v1/jobs", "ip": "203.0.113.7", "environment": "production" },
        "resource": { "type": "queue", "id": "emails", "workspace": "main", "attributes": { "priority": 3 } },
    })
}

/// Either the action is stated, or the request whole.
fn ways() -> Value {
    let stated = json!({ "type": "string" });
    let request = json!({ "properties": { "method": stated, "path": stated }, "required": ["method", "path"] });
    json!([
        { "properties": { "action": stated }, "required": ["action"] },
        { "properties": { "request": request }, "required": ["request"] },
    ])
}

/// The request that a secret was presented with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PresentedRequest")]
struct RequestBody {
    /// Its method.
    #[serde(default)]
    method: Option<String>,
    /// Its path, without a query.
    #[serde(default)]
    path: Option<String>,
    /// The client's IPv4 or IPv6 address, without port, brackets or zone.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "address"))]
    ip: Option<String>,
    /// The environment, where the gateway fixes none.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "environment"))]
    environment: Option<String>,
}

pub(crate) async fn authorize(State(app): State<Arc<App>>, asker: Asker, body: Body) -> Result<Response, Problem> {
    let permit = permit(&app, &asker).await?;
    let question = body.json::<QuestionBody>(&permit).await?.into_question("")?;
    let answer = app.authority.authorize(&permit, question).await;
    Ok(json(StatusCode::OK, &answer))
}

/// The permit to ask for decisions.
pub(crate) async fn permit(app: &App, asker: &Asker) -> Result<Permit, Problem> {
    app.permit(asker, ASK, Ok(Target::platform())).await
}

impl QuestionBody {
    /// Checks the question's form. `at` is where it stands in the body, for errors.
    pub(crate) fn into_question(self, at: &str) -> Result<Question, Problem> {
        let RequestBody { method, path, ip, environment } = self.request.0;
        if self.action.is_none() && (method.is_none() || path.is_none()) {
            let message = "state `action`, or `request.method` and `request.path`";
            return Err(Problem::new(400, "invalid_request", format!("{at}{message}")));
        }
        let ip = ip.map(|text| {
            let message = "must be an IPv4 or IPv6 address, without port, brackets or zone";
            Address::parse(text).ok_or_else(|| Problem::invalid(&format!("{at}request.ip"), message))
        });
        if let Some(environment) = &environment {
            check_name(environment).map_err(|error| Problem::invalid(&format!("{at}request.environment"), error))?;
        }
        Ok(Question {
            whom: Whom::Presents(self.credential),
            method,
            path,
            ip: ip.transpose()?,
            environment,
            action: self.action,
            resource: self.resource.0,
            context: self.context,
            properties: Properties::default(),
            min_revision: self.min_revision,
        })
    }
}
