//! `POST /v1/authorize`: an enforcement point asks, and learns allow or deny, and why.

use std::sync::Arc;

use access_authority::decide::ASK;
use access_authority::{Permit, Question, Target};
use access_model::PlainSecret;
use access_model::network::Address;
use access_model::organization::check_name;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use cronflow_policy_cases::{Attributes, Resource};
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::json;
use crate::problem::Problem;

/// A question. `credential` and either `request` with method and path or `action` are required.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuestionBody {
    credential: PlainSecret,
    #[serde(default)]
    request: RequestBody,
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    resource: Resource,
    #[serde(default, deserialize_with = "cronflow_policy_cases::distinct")]
    context: Attributes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestBody {
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    environment: Option<String>,
}

pub(crate) async fn authorize(State(app): State<Arc<App>>, asker: Asker, body: Body) -> Result<Response, Problem> {
    let permit = permit(&app, &asker).await?;
    let question = body.json::<QuestionBody>().await?.into_question("")?;
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
        let RequestBody { method, path, ip, environment } = self.request;
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
            credential: self.credential,
            method,
            path,
            ip: ip.transpose()?,
            environment,
            action: self.action,
            resource: self.resource,
            context: self.context,
        })
    }
}
