//! `GET /.well-known/authzen-configuration`: where what is served.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::endpoints::json;
use crate::request_id::RequestId;

/// What is offered, and where. What is not named is not offered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuthzenConfiguration", example = example())]
pub(crate) struct Metadata {
    /// Base URL.
    policy_decision_point: String,
    /// Where one evaluation is decided.
    access_evaluation_endpoint: String,
    /// Where several are.
    access_evaluations_endpoint: String,
}

fn example() -> Value {
    let Metadata { policy_decision_point, access_evaluation_endpoint, access_evaluations_endpoint } =
        Metadata::at("https://access.example.com");
    json!({
        "policy_decision_point": policy_decision_point,
        "access_evaluation_endpoint": access_evaluation_endpoint,
        "access_evaluations_endpoint": access_evaluations_endpoint,
    })
}

impl Metadata {
    fn at(url: &str) -> Self {
        Self {
            policy_decision_point: url.to_owned(),
            access_evaluation_endpoint: format!("{url}/access/v1/evaluation"),
            access_evaluations_endpoint: format!("{url}/access/v1/evaluations"),
        }
    }
}

pub(crate) async fn show(State(app): State<Arc<App>>, id: RequestId) -> Response {
    id.on(json(StatusCode::OK, &Metadata::at(&app.public_url.to_string())))
}
