use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::routes::{Answers, table};

fn built() -> Value {
    let catalog = Catalog::parse(include_str!("../../../../policies/catalog.toml")).unwrap();
    document(&table(), &catalog)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whether to write the document is asked of the developer's environment")]
fn the_checked_in_document_is_current() {
    let text = format!("{:#}\n", built());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "openapi.json is stale: run `UPDATE=1 cargo test -p access-web` and commit it");
}

/// Every object in the document, with where it stands.
fn objects<'d>(value: &'d Value, at: &str, found: &mut Vec<(String, &'d Map<String, Value>)>) {
    match value {
        Value::Object(fields) => {
            found.push((at.to_owned(), fields));
            fields.iter().for_each(|(name, value)| objects(value, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => items.iter().for_each(|value| objects(value, &format!("{at}/-"), found)),
        _ => {}
    }
}

#[test]
fn references_lead_somewhere_and_no_mark_is_left() {
    let document = built();
    let mut all = Vec::new();
    objects(&document, "", &mut all);
    let mut referred = BTreeSet::new();
    for (at, object) in &all {
        assert!(!object.keys().any(|name| name == "x-catalog"), "{at}: a mark that `limits` does not know");
        if let Some(target) = object.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{at}: {target}");
            referred.insert(target.trim_start_matches("#/components/schemas/"));
        }
    }
    for (name, _) in document["components"]["schemas"].as_object().unwrap() {
        assert!(referred.contains(name.as_str()), "nothing refers to the schema `{name}`");
    }
}

#[test]
fn whatever_people_read_is_said() {
    let document = built();
    let mut all = Vec::new();
    objects(&document, "", &mut all);
    for (at, object) in all {
        for text in ["summary", "description"].into_iter().filter_map(|name| object.get(name)) {
            // Links of rustdoc mean nothing here.
            let text = text.as_str();
            assert!(text.is_none_or(|text| !text.trim().is_empty() && !text.contains("[`")), "{at}: {text:?}");
        }
        // What has no type adds to one that has, and says nothing anew. A `type` that is an object is a field's schema,
        // and an example is none.
        let is_typed = object.get("type").is_some_and(|ty| !ty.is_object()) && !at.contains("/example");
        let properties = object.get("properties").filter(|_| is_typed);
        for (name, schema) in properties.and_then(Value::as_object).into_iter().flatten() {
            let said = schema.get("description").is_some() || schema.get("$ref").is_some();
            assert!(said, "{at}: `{name}` has no description");
        }
    }
}

#[test]
fn a_name_stands_for_one_schema() {
    let mut schemas = Schemas::new();
    for endpoint in table().iter().flat_map(|group| &group.endpoints) {
        if let Some(body) = &endpoint.body {
            [Some(body.shape), body.form].into_iter().flatten().for_each(|shape| drop(shape(&mut schemas.read)));
        }
        for (_, answers) in &endpoint.answers {
            if let Answers::Json(shape) = answers {
                shape(&mut schemas.written);
            }
        }
    }
    let (read, written) = (schemas.read.take_definitions(true), schemas.written.take_definitions(true));
    for (name, schema) in &read {
        assert!(written.get(name).is_none_or(|other| other == schema), "`{name}` is read and written differently");
    }
    for name in read.keys().chain(written.keys()) {
        assert!(!name.ends_with(|last: char| last.is_ascii_digit()), "`{name}`: two types have one name; rename one");
    }
}

#[test]
fn every_endpoint_is_told_whole() {
    let catalog = Catalog::parse(include_str!("../../../../policies/catalog.toml")).unwrap();
    let mut names = BTreeSet::new();
    for group in &table() {
        assert!(!group.about.is_empty(), "{}", group.name);
        for endpoint in &group.endpoints {
            let id = endpoint.id();
            assert!(names.insert(id), "two endpoints are named `{id}`");
            assert!(!id.contains('/'), "`{id}` has neither an action nor a name");
            assert!(!endpoint.summary.is_empty() && !endpoint.answers.is_empty(), "{id}");
            assert!(endpoint.action.is_none_or(|action| catalog.action(action).is_some()), "{id}: no such action");
        }
    }
}

#[test]
fn limits_follow_the_catalog() {
    let text = include_str!("../../../../policies/catalog.toml").replace("batch = 100", "batch = 7");
    let document = document(&table(), &Catalog::parse(&text).unwrap());
    assert_eq!(document["components"]["schemas"]["Questions"]["properties"]["items"]["maxItems"], 7);
    let kinds = &document["components"]["schemas"]["KeyRequest"]["properties"]["kind"]["enum"];
    assert_eq!(*kinds, serde_json::json!(["production", "read_only", "staging"]));
}
