//! One endpoint of the table as an operation of the document.

use access_model::Catalog;
use serde_json::{Map, Value, json};

use super::{Schemas, parameters, problems};
use crate::endpoints::oauth::ErrorBody;
use crate::routes::{Answers, Endpoint, Group};

/// What OAuth2's endpoints answer besides.
const OAUTH_ERRORS: [(u16, &str); 6] = [
    (400, "The request, or what it asks for, can't be; `error` says why."),
    (
        401,
        "`invalid_client`: the client could not be authenticated; `invalid_token`: a bearer secret, where one is taken, identifies nobody.",
    ),
    (403, "`insufficient_scope`: whoever presents that bearer secret, where one is taken, may not do it."),
    (405, "The path takes `POST` alone."),
    (429, "Too many requests, tokens or wrong secrets."),
    (503, "Nothing can be decided now."),
];

/// The operation.
pub(super) fn of(endpoint: &Endpoint, group: &Group, catalog: &Catalog, schemas: &mut Schemas) -> Value {
    let mut operation = Map::new();
    let mut say = |name: &str, value: Value| operation.insert(name.to_owned(), value);
    say("operationId", json!(endpoint.id()));
    say("summary", json!(endpoint.summary));
    say("tags", json!([group.name]));
    if let Some(notes) = endpoint.notes {
        say("description", json!(notes));
    }
    let parameters = parameters::of(endpoint);
    if !parameters.is_empty() {
        say("parameters", Value::Array(parameters));
    }
    if let Some(body) = &endpoint.body {
        let mut content = json!({ body.media: { "schema": (body.shape)(&mut schemas.read) } });
        if let (Some(form), Some(content)) = (body.form, content.as_object_mut()) {
            content.insert("multipart/form-data".into(), json!({ "schema": form(&mut schemas.read) }));
        }
        say("requestBody", json!({ "required": body.required, "content": content }));
    }
    say("responses", responses(endpoint, schemas));
    match endpoint.action {
        None => say("security", json!([])),
        Some(action) => {
            say("x-cronflow-action", json!(action));
            let known = catalog.action(action);
            say("x-cronflow-scopes", json!(known.map(|action| &action.scopes)));
            say("x-cronflow-kinds", json!(known.map(|action| &action.kinds)));
            say("security", json!([{ endpoint.scheme: [] }]))
        }
    };
    Value::Object(operation)
}

fn responses(endpoint: &Endpoint, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    for status in problems::of(endpoint) {
        responses.insert(status.to_string(), problems::reference(status));
    }
    if endpoint.oauth {
        for (status, description) in OAUTH_ERRORS {
            let content = json!({ "application/json": { "schema": schemas.written.subschema_for::<ErrorBody>() } });
            responses.insert(status.to_string(), json!({ "description": description, "content": content }));
        }
    }
    for (status, answers) in &endpoint.answers {
        let mut response = json!({ "description": described(*status) });
        let content = match answers {
            Answers::Json(shape) => Some(json!({ "application/json": { "schema": shape(&mut schemas.written) } })),
            Answers::Html => Some(json!({ "text/html": { "schema": { "type": "string" } } })),
            Answers::Text(media) => Some(
                media.iter().map(|media| ((*media).to_owned(), json!({ "schema": { "type": "string" } }))).collect(),
            ),
            Answers::Nothing => None,
        };
        if let (Some(fields), Some(content)) = (response.as_object_mut(), content) {
            fields.insert("content".into(), content);
        }
        let headers = [("ETag", endpoint.versioned), ("Idempotency-Replayed", endpoint.idempotent)];
        let headers = headers.into_iter().filter(|(_, has)| *has);
        let headers: Map<String, Value> = headers
            .map(|(name, _)| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })))
            .collect();
        if let (Some(fields), false) = (response.as_object_mut(), headers.is_empty()) {
            fields.insert("headers".into(), headers.into());
        }
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

fn described(status: u16) -> &'static str {
    match status {
        201 => "Done; what was made.",
        204 => "Done.",
        503 => "Not now.",
        _ => "What was asked for.",
    }
}
