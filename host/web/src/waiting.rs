//! `?wait=fleet`: a change is answered when every host has taken it in.

use std::borrow::Cow;
use std::convert::Infallible;

use access_authority::Current;
use access_authority::fleet::Applied;
use access_model::Id;
use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::endpoints::json;
use crate::if_match::with_tag;
use crate::problem::Problem;

/// Every host of the store.
const FLEET: &str = "fleet";

/// What the query may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitRequest {
    /// `fleet`: answer when every host has taken the change in, or after a second more than that may take. Left out: at once.
    #[schemars(extend("enum" = ["fleet"]))]
    wait: Option<String>,
}

/// Whether every host is waited for, or the problem with that, to be told after the permit and before the change.
#[derive(Debug)]
pub(crate) struct Waiting(Result<bool, Problem>);

impl<S: Send + Sync> FromRequestParts<S> for Waiting {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let query = Query::<WaitRequest>::from_request_parts(parts, state).await;
        Ok(Self(match query.as_ref().map(|Query(request)| request.wait.as_deref()) {
            Ok(None) => Ok(false),
            Ok(Some(FLEET)) => Ok(true),
            _ => Err(Problem::new(400, "invalid_request", "the query takes `wait`, which is `fleet`")),
        }))
    }
}

impl Waiting {
    /// Whether every host is waited for.
    pub(crate) fn waits_for_fleet(self) -> Result<bool, Problem> {
        self.0
    }
}

/// What was changed, as it is now, and where that holds.
#[derive(Serialize)]
pub(crate) struct Changed<T> {
    #[serde(flatten)]
    shown: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied: Option<Applied>,
}

/// The answer to a change of `id`: at once, or when every host has taken it in.
pub(crate) async fn changed(app: &App, id: &Id, current: Current<impl Serialize>, waits: bool) -> Response {
    let applied = if waits { Some(app.authority.applied_everywhere(id.home(), current.version).await) } else { None };
    with_tag(json(StatusCode::OK, &Changed { shown: current.shown, applied }), current.version)
}

impl<T: JsonSchema> JsonSchema for Changed<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Changed{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        let mut applied = generator.subschema_for::<Applied>();
        applied.insert("description".into(), "Which hosts have taken it in; with `wait=fleet` alone.".into());
        let properties = schema.ensure_object().entry("properties").or_insert_with(|| serde_json::json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert("applied".into(), applied.into());
        }
        schema
    }
}
