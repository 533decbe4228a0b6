//! Holds the three faces of the facts together: the WIT record, the JSON Schemas and the Rust structs.
//!
//! `UPDATE=1 cargo test -p cronflow-policy-cases --test schema` rewrites the schemas from the WIT record.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what tests share fails like tests")]

use std::path::{Path, PathBuf};

use cronflow_policy_cases::{CaseFile, Effect, Facts, Gateway, Value as Attribute};
use serde_json::{Map, Value, json};
use wit_parser::{Docs, Record, Resolve, Type, TypeDefKind, TypeId};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

#[test]
fn the_schema_of_facts_is_generated_from_the_wit_record() {
    check("facts.schema.json", &Generator::new().facts_schema());
}

#[test]
fn the_schema_of_cases_is_generated_from_the_wit_record() {
    check("cases.schema.json", &Generator::new().cases_schema());
}

#[expect(clippy::disallowed_methods, reason = "a developer asks for the rewrite by the environment; no host code runs")]
fn update() -> bool {
    std::env::var("UPDATE").is_ok()
}

fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

fn check(name: &str, generated: &Value) {
    let file = path("schema").join(name);
    if update() {
        std::fs::write(&file, format!("{generated:#}\n")).unwrap();
    }
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert!(committed == *generated, "{name} is not what the WIT record says; run UPDATE=1 cargo test and commit it");
}

/// Makes JSON Schema of WIT types.
struct Generator {
    resolve: Resolve,
    defs: Map<String, Value>,
    /// Whether every field may be left out, as in what a case lays over the sample.
    partial: bool,
}

impl Generator {
    fn new() -> Self {
        let mut resolve = Resolve::default();
        let wit = path("../wit/policy.wit");
        resolve.push_source("policy.wit", &std::fs::read_to_string(wit).unwrap()).unwrap();
        Self { resolve, defs: Map::new(), partial: false }
    }

    fn facts_schema(mut self) -> Value {
        let mut schema = self.record_named("facts");
        schema["$schema"] = json!(DIALECT);
        schema["title"] = json!("Facts of a CronFlow Access decision");
        schema["$defs"] = Value::Object(self.defs);
        schema
    }

    fn cases_schema(mut self) -> Value {
        self.partial = true;
        let facts = self.record_named("facts");
        self.defs.insert("facts".into(), facts);
        let attributes = attributes();
        self.defs.insert("attributes".into(), attributes);
        let code = json!({ "type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$" });
        let codes =
            json!({ "type": "array", "items": code, "minItems": 1, "description": "The codes of its reasons." });
        let effect = |of: Value| json!({ "type": "object", "properties": of, "additionalProperties": false });
        let seconds = json!({
            "type": "integer",
            "minimum": 0,
            "maximum": u32::MAX,
            "description": "The age in seconds that a second factor may have, where the policy asks for one.",
        });
        let mut quiet = effect(json!({ "effect": { "enum": ["permit", "no_match"] }, "step_up": seconds }));
        quiet["required"] = json!(["effect"]);
        let mut forbid = effect(json!({ "effect": { "const": "forbid" }, "codes": codes }));
        forbid["required"] = json!(["effect", "codes"]);
        let mut error = effect(json!({ "error": { "const": true } }));
        error["required"] = json!(["error"]);
        json!({
            "$schema": DIALECT,
            "title": "Cases of a CronFlow Access policy",
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "facts": { "$ref": "#/$defs/facts", "description": "Laid over the sample facts, for every case." },
                "case": { "type": "array", "items": { "$ref": "#/$defs/case" } },
            },
            "$defs": Value::Object({
                self.defs.insert("case".into(), json!({
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["name", "expect"],
                    "properties": {
                        "name": { "type": "string", "description": "What the case shows; unique within the file." },
                        "facts": { "$ref": "#/$defs/facts", "description": "Laid over the file's facts." },
                        "absent": {
                            "type": "array",
                            "items": { "type": "string" },
                            "description": "Paths taken away again, for example `request.environment`.",
                        },
                        "settings": { "$ref": "#/$defs/attributes", "description": "The binding's settings." },
                        "expect": {
                            "description": "What the policy must say.",
                            "oneOf": [quiet, forbid, error],
                        },
                    },
                }));
                self.defs
            }),
        })
    }

    fn record_named(&mut self, name: &str) -> Value {
        let (id, _) = self.resolve.types.iter().find(|(_, t)| t.name.as_deref() == Some(name)).unwrap();
        let TypeDefKind::Record(record) = self.resolve.types[id].kind.clone() else { panic!("{name} is no record") };
        let docs = self.resolve.types[id].docs.clone();
        self.record(&record, &docs)
    }

    fn record(&mut self, record: &Record, docs: &Docs) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in &record.fields {
            let name = field.name.replace('-', "_");
            let (mut schema, optional) = match self.optional(&field.ty) {
                Some(inner) => (self.schema(&inner), true),
                None => (self.schema(&field.ty), false),
            };
            if let Some(docs) = &field.docs.contents {
                schema["description"] = json!(docs.trim());
            }
            if !optional {
                required.push(name.clone());
            }
            properties.insert(name, schema);
        }
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if let Some(docs) = &docs.contents {
            schema["description"] = json!(docs.trim());
        }
        if !self.partial {
            schema["required"] = json!(required);
        }
        schema
    }

    fn optional(&self, ty: &Type) -> Option<Type> {
        let Type::Id(id) = ty else { return None };
        match self.resolve.types[*id].kind {
            TypeDefKind::Option(inner) => Some(inner),
            _ => None,
        }
    }

    fn schema(&mut self, ty: &Type) -> Value {
        match ty {
            Type::Bool => json!({ "type": "boolean" }),
            Type::S64 => json!({ "type": "integer" }),
            Type::F64 => json!({ "type": "number" }),
            Type::String => json!({ "type": "string" }),
            Type::Id(id) => self.defined(*id),
            other => panic!("facts hold no {other:?}"),
        }
    }

    fn defined(&mut self, id: TypeId) -> Value {
        let ty = self.resolve.types[id].clone();
        match &ty.kind {
            TypeDefKind::Type(inner) => {
                let mut schema = self.schema(inner);
                if let Some(docs) = &ty.docs.contents {
                    schema["description"] = json!(docs.trim());
                }
                schema
            }
            TypeDefKind::Record(record) => {
                let name = ty.name.clone().unwrap().replace('-', "_");
                let schema = self.record(record, &ty.docs);
                self.defs.insert(name.clone(), schema);
                json!({ "$ref": format!("#/$defs/{name}") })
            }
            TypeDefKind::List(Type::Id(item)) if self.resolve.types[*item].name.as_deref() == Some("attribute") => {
                self.defs.insert("attributes".into(), attributes());
                json!({ "$ref": "#/$defs/attributes" })
            }
            TypeDefKind::List(item) => {
                let items = self.schema(item);
                json!({ "type": "array", "items": items })
            }
            other => panic!("facts hold no {}", other.as_str()),
        }
    }
}

/// A list of attributes is written as an object.
fn attributes() -> Value {
    json!({
        "type": "object",
        "description": "Free attributes: name to value.",
        "additionalProperties": {
            "anyOf": [
                { "type": ["boolean", "integer", "number", "string"] },
                { "type": "array", "items": { "type": "string" } },
            ],
        },
    })
}

/// The sample with everything stated that can be.
fn everything_stated() -> Facts {
    let mut facts = Facts::sample();
    facts.principal.ip_allow = Some(vec![]);
    facts.principal.expires_at = Some(0);
    facts.principal.client = Some("client".into());
    facts.principal.factor_at = Some(1);
    let workspace = facts.workspace.as_mut().unwrap();
    workspace.ip_allow = Some(vec![]);
    workspace.egress_allow = Some(vec![]);
    facts.gateway = Some(Gateway { id: "gw".into(), organizations: vec![], environments: vec![] });
    facts.resource.kind = Some("queue".into());
    facts.resource.id = Some("emails".into());
    facts.resource.workspace = Some("ws".into());
    facts.resource.attributes.insert("size".into(), Attribute::Double(0.5));
    facts.context.insert("tags".into(), Attribute::Texts(vec![]));
    facts
}

/// Walks a value along the schema: the same fields in both, recursively. Hands out every path, with whether the schema
/// requires it.
fn walk(schema: &Value, node: &Value, value: &Value, at: &str, paths: &mut Vec<(String, bool)>) {
    let node = match node.get("$ref").and_then(Value::as_str) {
        Some(target) => schema.pointer(target.trim_start_matches('#')).unwrap(),
        None => node,
    };
    let Some(properties) = node.get("properties").and_then(Value::as_object) else { return };
    let fields = value.as_object().unwrap_or_else(|| panic!("`{at}` is no record in Rust"));
    let mut in_schema: Vec<&String> = properties.keys().collect();
    let mut in_rust: Vec<&String> = fields.keys().collect();
    in_schema.sort();
    in_rust.sort();
    assert_eq!(in_schema, in_rust, "the fields of `{at}`");
    for (name, field) in properties {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let required = node["required"].as_array().unwrap().contains(&json!(name));
        paths.push((path.clone(), required));
        walk(schema, field, &fields[name], &path, paths);
    }
}

#[test]
fn rust_facts_and_the_schema_have_the_same_fields_and_the_same_optional_ones() {
    let schema = Generator::new().facts_schema();
    let full = serde_json::to_value(everything_stated()).unwrap();
    let mut paths = Vec::new();
    walk(&schema, &schema, &full, "", &mut paths);
    assert!(paths.len() > 30, "{paths:?}");
    for (path, required) in paths {
        let mut without = full.clone();
        let (parent, field) = path.rsplit_once('.').unwrap_or(("", &path));
        let pointer: String = parent.split('.').filter(|s| !s.is_empty()).map(|s| format!("/{s}")).collect();
        without.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().remove(field);
        let read = serde_json::from_value::<Facts>(without);
        // free attributes are a list in WIT and always stated there; in Rust they may be left out, which is the empty map
        let lenient = path == "context" || path == "resource.attributes";
        assert_eq!(read.is_err(), required && !lenient, "`{path}`, which the schema calls required: {required}");
    }
}

#[test]
fn rust_and_the_schema_refuse_unknown_fields() {
    let mut facts = serde_json::to_value(everything_stated()).unwrap();
    facts["principal"]["rank"] = json!([]);
    assert!(serde_json::from_value::<Facts>(facts).is_err());
}

#[test]
fn what_facts_ref_serializes_is_what_facts_does() {
    let facts = everything_stated();
    assert_eq!(serde_json::to_value(facts.as_ref()).unwrap(), serde_json::to_value(&facts).unwrap());
    let facts = Facts::sample();
    assert_eq!(serde_json::to_value(facts.as_ref()).unwrap(), serde_json::to_value(&facts).unwrap());
}

#[test]
fn the_example_of_the_module_docs_is_read() {
    let file = CaseFile::parse(
        r#"
        [facts.action]
        scopes = ["jobs:write"]

        [[case]]
        name = "a key without the scope"
        facts = { principal = { scopes = ["jobs:read"] } }
        absent = ["request.environment"]
        expect = { effect = "forbid", codes = ["missing_scope"] }
        "#,
    )
    .unwrap();
    let case = &file.cases[0];
    assert_eq!(case.facts.action.scopes, ["jobs:write"]);
    assert_eq!(case.facts.request.environment, None);
    assert_eq!(case.facts.request.path, Facts::sample().request.path);
    assert!(matches!(&case.expect, cronflow_policy_cases::Expectation::Verdict { effect: Effect::Forbid, .. }));
}
