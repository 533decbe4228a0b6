//! Parameters: ids in the path, fields of the query, and headers.

use access_model::organization::NAME_PATTERN;
use access_model::policy::POLICY_NAME_PATTERN;
use access_model::{Id, IdKind};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::endpoints::OWN;
use crate::routes::{Endpoint, Shape};

/// The parameters of an endpoint.
pub(super) fn of(endpoint: &Endpoint) -> Vec<Value> {
    let mut parameters: Vec<Value> = endpoint.segments().map(in_path).collect();
    if let Some(query) = endpoint.query {
        parameters.extend(in_query(query));
    }
    let header = |name: &str| json!({ "$ref": format!("#/components/parameters/{name}") });
    if endpoint.idempotent {
        parameters.push(header("IdempotencyKey"));
    }
    if endpoint.takes_if_match() {
        parameters.push(header("IfMatch"));
    }
    parameters
}

/// Headers that several endpoints take.
pub(super) fn components() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Any text that the caller has not used before. The same request with the same key is done once; \
                            its answer is told again, without its secret.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
            "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
        },
        "IfMatch": {
            "name": "If-Match",
            "in": "header",
            "description": "The `ETag` that the change was made from; where it is no longer the current one, nothing \
                            changes. Left out, the change is unconditional.",
            "schema": { "type": "string", "minLength": 1, "pattern": r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"# },
            "example": "\"42\"",
        },
    })
}

fn in_path(segment: &str) -> Value {
    let kind = match segment {
        "organization" => Some(IdKind::Organization),
        "workspace" => Some(IdKind::Workspace),
        "key" => Some(IdKind::Key),
        "client" => Some(IdKind::Client),
        "gateway" => Some(IdKind::Gateway),
        "member" => Some(IdKind::Member),
        "invitation" => Some(IdKind::Invitation),
        "session" => Some(IdKind::Session),
        "webhook" => Some(IdKind::Webhook),
        "delivery" => Some(IdKind::Delivery),
        _ => None,
    };
    let schema = match kind {
        Some(kind @ IdKind::Workspace) => {
            json!({ "type": "string", "pattern": format!("^{OWN}$|{}", Id::pattern(&[kind])) })
        }
        Some(kind) => json!({ "type": "string", "pattern": Id::pattern(&[kind]) }),
        None if segment == "policy" => json!({ "type": "string", "pattern": POLICY_NAME_PATTERN }),
        None if segment == "role" => json!({ "type": "string", "pattern": NAME_PATTERN }),
        None if segment == "revision" => json!({ "type": "integer", "minimum": 1 }),
        None => json!({ "type": "string" }),
    };
    let mut parameter = json!({ "name": segment, "in": "path", "required": true, "schema": schema });
    let shown = [
        ("policy", "Name of the policy.", json!("office-hours")),
        ("revision", "Number of the revision.", json!(1)),
        ("role", "Name of the role.", json!("on-call")),
    ];
    if let (Some((_, description, example)), Some(fields)) =
        (shown.into_iter().find(|(name, ..)| *name == segment), parameter.as_object_mut())
    {
        fields.insert("description".into(), json!(description));
        fields.insert("example".into(), example);
    }
    if let (Some(kind), Some(fields)) = (kind, parameter.as_object_mut()) {
        let own = if kind == IdKind::Workspace { "; `own`: that of the key that asks" } else { "" };
        fields.insert("description".into(), json!(format!("Public id of the {segment}{own}.")));
        fields.insert("example".into(), json!(Id::example(kind)));
    }
    parameter
}

/// The fields of a query, each by itself.
fn in_query(query: Shape) -> Vec<Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = query(&mut settings.for_deserialize().into_generator());
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let fields = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let parameter = |(name, mut schema): (String, Value)| {
        let description = schema.as_object_mut().and_then(|schema| {
            // What is not stated is left out; there is no null in a query.
            if let Some(Value::Array(types)) = schema.get_mut("type") {
                types.retain(|ty| ty != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    schema.insert("type".into(), only);
                }
            }
            schema.remove("description")
        });
        let required = required.contains(&json!(name));
        json!({ "name": name, "in": "query", "required": required, "description": description, "schema": schema })
    };
    fields.into_iter().map(parameter).collect()
}
