//! The docs page: the OpenAPI document as one page for people, rendered here and whole without a script.
//!
//! Reading order: `endpoint` (one operation), `schema` (a type as a table, and in words), `html` (escaping; nothing goes out
//! but through it).

mod endpoint;
mod html;
mod schema;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::html::{escape, prose};

const STYLE: &str = include_str!("docs/style.css");

/// The page, and the policy that a browser is to hold it to.
#[derive(Debug)]
pub(crate) struct Page {
    /// HTML.
    pub(crate) html: String,
    /// `Content-Security-Policy`: its own style and nothing else.
    pub(crate) policy: String,
}

/// Renders a document.
pub(crate) fn page(document: &Value) -> Page {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let tags: Vec<&Value> = document.get("tags").and_then(Value::as_array).into_iter().flatten().collect();
    let operations = operations(document);
    let of = |tag: &Value| {
        let name = tag.get("name").cloned();
        let named = move |operation: &&Operation<'_>| operation.value.pointer("/tags/0") == name.as_ref();
        operations.iter().filter(named).collect::<Vec<_>>()
    };
    let contents: String = tags.iter().map(|tag| contents(tag, &of(tag))).collect();
    let groups: String = tags.iter().map(|tag| group(document, tag, &of(tag))).collect();
    let schemas = schema::all(document);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} API</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<a class=\"skip\" href=\"#main\">Skip to the endpoints</a>\n\
         <header>\n<h1>{title} API</h1>\n<p class=\"meta\">Version {version} · \
         <a href=\"/openapi.json\">openapi.json</a></p>\n{about}\n</header>\n\
         <nav aria-label=\"Endpoints\">\n{contents}<p><a href=\"#schemas\">Schemas</a></p>\n</nav>\n\
         <main id=\"main\" tabindex=\"-1\">\n{groups}\
         <section id=\"schemas\">\n<h2>Schemas</h2>\n{schemas}</section>\n</main>\n</body>\n</html>\n",
        title = escape(text("/info/title")),
        version = escape(text("/info/version")),
        about = prose(text("/info/description")),
    );
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    Page { html, policy }
}

/// An operation, and where it is served.
struct Operation<'d> {
    method: String,
    path: &'d str,
    value: &'d Value,
}

impl<'d> Operation<'d> {
    fn text(&self, name: &str) -> &'d str {
        self.value.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The operations by path, those that show before those that change.
fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let all = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flat_map(Map::iter);
        methods.map(move |(method, value)| Operation { method: method.to_uppercase(), path, value })
    });
    all.collect()
}

fn contents(tag: &Value, operations: &[&Operation<'_>]) -> String {
    let link = |operation: &&Operation<'_>| {
        let (id, summary) = (escape(operation.text("operationId")), escape(operation.text("summary")));
        format!("<li><a href=\"#{id}\">{summary}</a></li>\n")
    };
    let links: String = operations.iter().map(link).collect();
    format!("<p>{}</p>\n<ul>\n{links}</ul>\n", escape(tag.get("name").and_then(Value::as_str).unwrap_or_default()))
}

fn group(document: &Value, tag: &Value, operations: &[&Operation<'_>]) -> String {
    let text = |name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default();
    let endpoints: String = operations.iter().map(|operation| endpoint::section(document, operation)).collect();
    format!("<section>\n<h2>{}</h2>\n{}{endpoints}</section>\n", escape(text("name")), prose(text("description")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_of_a_document_is_taken_for_markup() {
        let evil = "<script>\"'&`<b>`";
        let document = json!({
            "info": { "title": evil, "version": evil, "description": evil },
            "tags": [{ "name": evil, "description": evil }],
            "paths": { evil: { "get": {
                "operationId": evil, "summary": evil, "description": evil, "tags": [evil], "x-cronflow-action": evil,
                "x-cronflow-scopes": [evil], "x-cronflow-kinds": [evil],
                "parameters": [{ "name": evil, "in": evil, "description": evil, "schema": { "pattern": evil } }],
                "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": format!("#/components/schemas/{evil}") }, "example": { evil: evil } } } },
                "responses": { evil: { "description": evil, "headers": { evil: {} } } },
            } } },
            "components": { "schemas": { evil: {
                "description": evil, "properties": { evil: { "enum": [evil], "description": evil } } } } },
        });
        let html = page(&document).html;
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
    }
}
