//! What the catalog says of limits and names. A schema that depends on it carries the mark `x-catalog`, which is replaced
//! here: so the document tells of the catalog that the host serves.

use access_model::organization::NAME_PATTERN;
use access_model::password::MOST_CHARACTERS;
use access_model::text::PLAIN_PATTERN;
use access_model::{Catalog, Class, Id, IdKind};
use serde_json::{Value, json};

/// The mark.
const MARK: &str = "x-catalog";

/// Replaces every mark in `value`.
pub(super) fn fill(value: &mut Value, catalog: &Catalog) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(mark)) = fields.remove(MARK) {
                for (name, value) in said(&mark, catalog).as_object().into_iter().flatten() {
                    match (fields.get_mut(name), value) {
                        (Some(Value::String(known)), Value::String(more)) => known.push_str(more),
                        // `items`, say, of which the type is known already.
                        (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
                        _ => {
                            fields.insert(name.clone(), value.clone());
                        }
                    }
                }
            }
            // What is left out has no value; that is no default worth telling.
            if fields.get("default").is_some_and(Value::is_null) {
                fields.remove("default");
            }
            fields.values_mut().for_each(|value| fill(value, catalog));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| fill(value, catalog)),
        _ => {}
    }
}

/// What the catalog says of `mark`.
fn said(mark: &str, catalog: &Catalog) -> Value {
    let limits = &catalog.limits;
    let kinds = || catalog.kinds.values().filter(|kind| kind.class == Class::ApiKey);
    match mark {
        "address" => json!({ "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }], "examples": ["203.0.113.7"] }),
        "allow_list" => json!({
            "minItems": 1,
            "maxItems": limits.allow_list,
            "items": { "pattern": "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$" },
            "examples": [["203.0.113.0/24"]],
        }),
        // A question that is too large is decided, not refused; so these bounds are told and not imposed.
        "attributes" => json!({
            "description": format!(" More than {} are denied `facts_too_large`.", limits.attributes),
            "examples": [{ "priority": 3 }],
        }),
        "attribute_bytes" => json!({
            "description": format!(" One of more than {} bytes is denied `facts_too_large`.", limits.attribute_bytes),
        }),
        "batch" => json!({ "minItems": 1, "maxItems": limits.batch }),
        "evaluations" => json!({ "maxItems": limits.batch }),
        "environment" => json!({ "pattern": NAME_PATTERN, "examples": ["production"] }),
        "gateway_environments" => json!({
            "maxItems": limits.gateway_environments,
            "items": { "pattern": format!("^\\*$|{NAME_PATTERN}") },
            "examples": [["*"]],
        }),
        "gateway_organizations" => json!({
            "maxItems": limits.gateway_organizations,
            "items": { "pattern": format!("^\\*$|{}", Id::pattern(&[IdKind::Organization])) },
            "examples": [["*"]],
        }),
        "client_environments" => json!({
            "maxItems": limits.client_environments,
            "items": { "pattern": format!("^\\*$|{NAME_PATTERN}") },
            "examples": [["*"]],
        }),
        "client_workspaces" => json!({
            "maxItems": limits.client_workspaces,
            "items": { "pattern": Id::pattern(&[IdKind::Workspace]) },
            "examples": [[]],
        }),
        "key_kinds" => json!({ "enum": kinds().map(|kind| &kind.name).collect::<Vec<_>>() }),
        "metadata" => json!({
            "maxProperties": limits.metadata,
            "propertyNames": { "minLength": 1, "maxLength": 64, "pattern": PLAIN_PATTERN },
            "additionalProperties": { "maxLength": limits.metadata_bytes, "pattern": PLAIN_PATTERN },
            "examples": [{ "team": "payments" }],
        }),
        "name" => json!({ "pattern": PLAIN_PATTERN, "allOf": [{ "pattern": "\\S" }] }),
        "overlap_seconds" => {
            json!({ "maximum": limits.overlap_seconds, "examples": [limits.overlap_seconds.min(86_400)] })
        }
        "password" => json!({
            "minLength": catalog.sign_in.password_characters,
            "maxLength": MOST_CHARACTERS,
            "description": format!(
                " {} characters at least, counted as Unicode code points in NFC; what is tried first is refused.",
                catalog.sign_in.password_characters
            ),
            "examples": ["correct horse battery staple"],
        }),
        "plain" => json!({ "pattern": PLAIN_PATTERN }),
        "scopes" => {
            let scopes: Vec<_> = catalog.scopes.keys().collect();
            let example: Vec<_> = kinds().next().into_iter().flat_map(|kind| kind.scopes.first()).collect();
            json!({ "items": { "enum": scopes }, "examples": [example] })
        }
        _ => json!({}),
    }
}
