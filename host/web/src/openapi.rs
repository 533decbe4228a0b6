//! The OpenAPI 3.1 document: what the table of endpoints says, in the words that tools read, with the catalog's limits and
//! names filled in. Schemas are those of the types that are read and written.
//!
//! Reading order: `operation` (one endpoint), `parameters` (its path, query and headers), `problems` (what it answers
//! besides, by rule), `limits` (what the catalog says), `example` (a value for a schema).

mod example;
mod limits;
mod operation;
mod parameters;
mod problems;

use access_model::Catalog;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::problem;
use crate::routes::Group;

/// What the document says of the whole.
const ABOUT: &str = "Who may do what: keys, network rules and an audit trail, and for every request *allow or deny, and \
why*.

Errors are RFC 9457 problem documents with a stable `code`. A method that a path does not take is a 405, a path that is not \
here a 404. Lists come in pages: `next_cursor` of one is `cursor` of the next. What can't be read as HTTP/1.1 at all is \
answered 400, 414 or 431 without a body.";

/// Makes the schemas of what is read, and of what is written: a field with a default may be left out of the one and always
/// stands in the other.
struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

/// The document.
pub(crate) fn document(groups: &[Group], catalog: &Catalog) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for group in groups {
        for endpoint in &group.endpoints {
            let operations = paths.entry(endpoint.path).or_insert_with(|| json!({}));
            if let Some(operations) = operations.as_object_mut() {
                operations.insert(
                    endpoint.documented_method().to_owned(),
                    operation::of(endpoint, group, catalog, &mut schemas),
                );
            }
        }
    }
    let tags: Vec<_> = groups.iter().map(|group| json!({ "name": group.name, "description": group.about })).collect();
    let problem = schemas.written.subschema_for::<problem::Document<'_>>();
    let mut document = json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "CronFlow Access",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Allow or deny, and why",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The secret of an operator, of a gateway, or of an API key with management scopes.",
                },
                "gateway": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-CronFlow-Gateway",
                    "description": "The secret of a gateway with a profile, where `Authorization` is its client's.",
                },
            },
            "parameters": parameters::components(),
            "headers": problems::headers(),
            "responses": problems::components(&problem),
            "schemas": schemas.take(),
        },
    });
    limits::fill(&mut document, catalog);
    example::fill(&mut document);
    document
}

impl Schemas {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            read: settings.clone().for_deserialize().into_generator(),
            written: settings.for_serialize().into_generator(),
        }
    }

    /// All schemas by name. A type that is both read and written must have one schema; a test holds it.
    fn take(mut self) -> Map<String, Value> {
        let mut all = self.read.take_definitions(true);
        for (name, schema) in self.written.take_definitions(true) {
            all.insert(name, schema);
        }
        all
    }
}

/// What `schema` refers to in `document`, or itself.
pub(crate) fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    target.and_then(|target| document.pointer(target)).unwrap_or(schema)
}

#[cfg(test)]
mod tests;
