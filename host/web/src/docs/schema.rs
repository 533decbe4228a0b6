//! A schema as a table of its fields, and in a few words.

use serde_json::{Map, Value};

use super::html::{code, codes, escape, line, prose, table};

/// Where schemas lie in the document.
const SCHEMAS: &str = "#/components/schemas/";

/// Characters of a pattern that anybody reads.
const LEGIBLE: usize = 60;

/// All named schemas.
pub(super) fn all(document: &Value) -> String {
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object).into_iter().flat_map(Map::iter);
    schemas
        .map(|(name, schema)| {
            let about = prose(text(schema, "description"));
            let name = escape(name);
            let fields = fields(&format!("Fields of {name}"), schema);
            let words = if fields.is_empty() { format!("<p>{}</p>\n", words(schema)) } else { fields };
            format!("<article id=\"schema-{name}\">\n<h3>{name}</h3>\n{about}{words}</article>\n")
        })
        .collect()
}

/// The fields of an object as a table.
pub(super) fn fields(caption: &str, schema: &Value) -> String {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|required| required == name));
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter);
    let mut properties: Vec<_> = properties.collect();
    properties.sort_by_key(|(name, _)| !is_required(name));
    let row = |(name, schema): (&String, &Value)| {
        let required = if is_required(name) { " <small>required</small>" } else { "" };
        vec![code(name) + required, words(schema), line(text(schema, "description"))]
    };
    table(caption, &["Field", "Value", "Meaning"], properties.into_iter().map(row))
}

/// What a schema allows, in words.
pub(super) fn words(schema: &Value) -> String {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let name = escape(target.strip_prefix(SCHEMAS).unwrap_or(target));
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    let choices = ["anyOf", "oneOf"].iter().find_map(|name| schema.get(name)?.as_array());
    if let (None, Some(choices)) = (schema.get("type"), choices) {
        return choices.iter().map(words).collect::<Vec<_>>().join(" or ");
    }
    let mut words: Vec<String> = types(schema).iter().map(|ty| of_type(ty, schema)).collect();
    if let Some(only) = schema.get("const") {
        words.push(code(&shown(only)));
    }
    if words.is_empty() { "anything".to_owned() } else { words.join(" or ") }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(ty) => ty.as_str().into_iter().collect(),
        None if schema.get("enum").is_some() => vec!["string"],
        None => Vec::new(),
    }
}

fn of_type(ty: &str, schema: &Value) -> String {
    let least_and_most = |least: &str, most: &str| range(schema.get(least), schema.get(most));
    match ty {
        "string" => {
            if let Some(all) = schema.get("enum").and_then(Value::as_array) {
                return format!("one of {}", codes(all.iter().map(shown)));
            }
            let name = if schema.get("format").is_some_and(|format| format == "date-time") { "time" } else { "string" };
            let length = least_and_most("minLength", "maxLength");
            let length = length.map(|range| format!(", {range} characters")).unwrap_or_default();
            let pattern = schema.get("pattern").and_then(Value::as_str).filter(|pattern| pattern.len() <= LEGIBLE);
            let pattern = pattern.map(|pattern| format!(" like {}", code(pattern))).unwrap_or_default();
            format!("{name}{length}{pattern}")
        }
        "array" => {
            let count = least_and_most("minItems", "maxItems");
            let count = count.map(|range| format!(" of {range}")).unwrap_or_default();
            let items = schema.get("items").map(words).unwrap_or_default();
            format!("list{count}: {items}")
        }
        "object" if schema.get("properties").is_none() => {
            let values = schema.get("additionalProperties").map(words).unwrap_or_default();
            let count = least_and_most("minProperties", "maxProperties");
            let count = count.map(|range| format!(" ({range})")).unwrap_or_default();
            format!("names with values{count}: {values}")
        }
        "integer" | "number" => {
            if let Some(all) = schema.get("enum").and_then(Value::as_array) {
                return format!("one of {}", codes(all.iter().map(shown)));
            }
            let range = least_and_most("minimum", "maximum");
            let range = range.map(|range| format!(", {range}")).unwrap_or_default();
            format!("{ty}{range}")
        }
        "null" => code("null"),
        other => escape(other),
    }
}

fn range(least: Option<&Value>, most: Option<&Value>) -> Option<String> {
    match (least, most) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        (Some(least), None) => Some(format!("{least} or more")),
        (None, Some(most)) => Some(format!("up to {most}")),
        (None, None) => None,
    }
}

/// A value as people read it: a string without its quotes.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text<'v>(schema: &'v Value, name: &str) -> &'v str {
    schema.get(name).and_then(Value::as_str).unwrap_or_default()
}
