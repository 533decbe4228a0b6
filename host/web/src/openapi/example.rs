//! A value for a schema: what it gives as its example, or else the plainest that it allows. Bodies and answers get one.

use serde_json::{Map, Value, json};

use super::resolve;

/// Gives every body and every answer but problems an example.
pub(super) fn fill(document: &mut Value) {
    let whole = document.clone();
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let Some(operation) = operation.as_object_mut() else { continue };
        if let Some(body) = operation.get_mut("requestBody") {
            fill_content(&whole, body, false);
        }
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        responses.into_iter().flat_map(Map::values_mut).for_each(|response| fill_content(&whole, response, true));
    }
}

fn fill_content(document: &Value, of: &mut Value, all: bool) {
    let media = of.pointer_mut("/content/application~1json").and_then(Value::as_object_mut);
    let Some(media) = media else { return };
    if let Some(example) = media.get("schema").map(|schema| value(document, schema, all)) {
        media.insert("example".into(), example);
    }
}

/// A value for `schema`, with all fields or those that are required or have an example.
pub(crate) fn value(document: &Value, schema: &Value, all: bool) -> Value {
    let said = |schema: &Value| schema.pointer("/examples/0").or_else(|| schema.get("const")).cloned();
    if let Some(said) = said(schema) {
        return said;
    }
    let schema = resolve(document, schema);
    if let Some(said) = said(schema).or_else(|| schema.pointer("/enum/0").cloned()) {
        return said;
    }
    let choices = ["anyOf", "oneOf"].iter().find_map(|name| schema.get(name)?.as_array());
    if let (None, Some(choice)) = (schema.get("type"), choices.and_then(|choices| choices.first())) {
        return value(document, choice, all);
    }
    let ty = match schema.get("type") {
        Some(Value::Array(types)) => types.first().and_then(Value::as_str),
        Some(ty) => ty.as_str(),
        None => None,
    };
    match ty {
        Some("object") => object(document, schema, all),
        Some("array") => schema.get("items").map_or(json!([]), |items| json!([value(document, items, all)])),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") => json!("…"),
        _ => Value::Null,
    }
}

fn object(document: &Value, schema: &Value, all: bool) -> Value {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &String| required.is_some_and(|names| names.iter().any(|required| required == name));
    let has_example = |schema: &Value| schema.get("examples").is_some();
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let shown = fields.filter(|(name, schema)| all || is_required(name) || has_example(schema));
    Value::Object(shown.map(|(name, schema)| (name.clone(), value(document, schema, all))).collect())
}
