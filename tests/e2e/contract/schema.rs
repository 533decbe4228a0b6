//! Whether a value is what a JSON Schema says: the part of draft 2020-12 that our documents use. An object with stated fields
//! is closed, even where a reader must expect more: what we answer has no field that we don't tell of.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;
use serde_json::Value;

use super::spec::resolve;

/// Keywords that say nothing about a value, or are looked at together with others.
const QUIET: [&str; 10] = [
    "$ref",
    "title",
    "description",
    "examples",
    "example",
    "default",
    "properties",
    "patternProperties",
    "additionalProperties",
    "items",
];

/// Checks `value`; says the first thing that is wrong, and where.
pub(super) fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    at("", document, schema, value)
}

fn at(place: &str, document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(allowed) = schema.as_bool() {
        return if allowed { Ok(()) } else { Err(format!("`{place}` must not be there")) };
    }
    if schema.get("$ref").is_some() {
        at(place, document, resolve(document, schema), value)?;
    }
    for (keyword, says) in schema.as_object().expect("a schema is an object or a boolean") {
        if !holds(place, document, keyword, says, value)? {
            return Err(format!("`{place}`: {value} is against `{keyword}`: {says}"));
        }
    }
    match value {
        Value::Object(fields) => {
            let known = schema.get("properties").and_then(Value::as_object);
            let is_closed = known.is_some() && schema["type"] == "object";
            for (name, value) in fields {
                let place = format!("{place}/{name}");
                let mut by_pattern = schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
                let by_pattern = by_pattern.find(|(pattern, _)| matches(&(*pattern).clone().into(), name));
                let known = known.and_then(|known| known.get(name)).or(by_pattern.map(|(_, schema)| schema));
                match (known, schema.get("additionalProperties")) {
                    (Some(schema), _) | (None, Some(schema)) => at(&place, document, schema, value)?,
                    (None, None) if is_closed => return Err(format!("`{place}` is not declared")),
                    (None, None) => {}
                }
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                at(&format!("{place}/{number}"), document, schema.get("items").unwrap_or(&Value::Bool(true)), item)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn holds(place: &str, document: &Value, keyword: &str, says: &Value, value: &Value) -> Result<bool, String> {
    let fits = |schema: &Value| at(place, document, schema, value).is_ok();
    let choices = || says.as_array().expect("a list of schemas").iter();
    let number = |value: &Value| value.as_f64().expect("a number");
    let length = |value: &Value| match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        _ => None,
    };
    let bound = || usize::try_from(says.as_u64().expect("a count")).expect("a count");
    Ok(match keyword {
        quiet if QUIET.contains(&quiet) || quiet.starts_with("x-") => true,
        "type" => match says {
            Value::Array(types) => types.iter().any(|ty| is_of(ty, value)),
            ty => is_of(ty, value),
        },
        "enum" => choices().any(|choice| choice == value),
        "const" => says == value,
        "anyOf" => choices().any(fits),
        "oneOf" => choices().filter(|schema| fits(schema)).count() == 1,
        "allOf" => choices().all(fits),
        "required" => choices().all(|name| !value.is_object() || value.get(name.as_str().expect("a name")).is_some()),
        "minLength" if value.is_string() => length(value) >= Some(bound()),
        "maxLength" if value.is_string() => length(value) <= Some(bound()),
        "minItems" if value.is_array() => length(value) >= Some(bound()),
        "maxItems" if value.is_array() => length(value) <= Some(bound()),
        "minProperties" if value.is_object() => length(value) >= Some(bound()),
        "maxProperties" if value.is_object() => length(value) <= Some(bound()),
        "minimum" if value.is_number() => number(value) >= number(says),
        "maximum" if value.is_number() => number(value) <= number(says),
        "pattern" => value.as_str().is_none_or(|text| matches(says, text)),
        "propertyNames" => {
            for name in value.as_object().into_iter().flatten().map(|(name, _)| name) {
                at(&format!("{place}/{name}"), document, says, &Value::String(name.clone()))?;
            }
            true
        }
        "format" => value.as_str().is_none_or(|text| has_format(says, text)),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minimum"
        | "maximum" => true,
        unknown => panic!("`{place}`: this validator does not know `{unknown}`; teach it"),
    })
}

fn is_of(ty: &Value, value: &Value) -> bool {
    match ty.as_str().expect("a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type `{other}`"),
    }
}

/// Whether a text is what a pattern says.
pub(super) fn matches(pattern: &Value, text: &str) -> bool {
    is_match(pattern.as_str().expect("a pattern"), text)
}

/// Compiled once a thread: a few patterns are looked at thousands of times.
fn is_match(pattern: &str, text: &str) -> bool {
    thread_local!(static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default());
    COMPILED.with_borrow_mut(|compiled| {
        let new = || Regex::new(pattern).expect("a regular expression");
        compiled.entry(pattern.to_owned()).or_insert_with(new).is_match(text)
    })
}

/// Whether a text has a format; those that we don't know hold.
pub(super) fn has_format(format: &Value, text: &str) -> bool {
    match format.as_str() {
        Some("date-time") => is_time(text),
        Some("ipv4") => text.parse::<std::net::Ipv4Addr>().is_ok(),
        Some("ipv6") => text.parse::<std::net::Ipv6Addr>().is_ok(),
        _ => true,
    }
}

/// An instant as our answers write it.
fn is_time(text: &str) -> bool {
    is_match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$", text)
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let document = serde_json::json!({ "name": { "type": "string", "minLength": 2, "maxLength": 3, "pattern": "^a" } });
    let name = serde_json::json!({ "$ref": "#/name" });
    let object = serde_json::json!({
        "type": "object",
        "properties": { "name": name, "at": { "type": ["string", "null"], "format": "date-time" } },
        "required": ["name"],
    });
    let list = serde_json::json!({ "type": "array", "items": { "type": "integer", "minimum": 1, "maximum": 2 }, "maxItems": 2 });
    let map =
        serde_json::json!({ "type": "object", "additionalProperties": { "type": "integer" }, "maxProperties": 1 });
    let choice = serde_json::json!({ "oneOf": [{ "const": 1 }, { "enum": [1, 2] }] });
    for (schema, right, wrong) in [
        (&name, r#"["ab", "abc"]"#, r#"["a", "abcd", "bb", 7, null]"#),
        (
            &object,
            r#"[{"name":"ab"}, {"name":"ab","at":null}]"#,
            r#"[{}, {"name":"ab","more":1}, {"name":"ab","at":"noon"}, []]"#,
        ),
        (&list, "[[], [1, 2]]", "[[0], [3], [1.5], [1, 1, 1], {}]"),
        (&map, r#"[{}, {"a":1}]"#, r#"[{"a":"b"}, {"a":1,"b":2}]"#),
        (&choice, "[2]", "[1, 3]"),
    ] {
        let values = |text: &str| serde_json::from_str::<Vec<Value>>(text).expect("JSON");
        values(right).iter().for_each(|value| check(&document, schema, value).unwrap());
        values(wrong).iter().for_each(|value| assert!(check(&document, schema, value).is_err(), "{value} {schema}"));
    }
}
