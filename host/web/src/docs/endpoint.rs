//! One endpoint: where, what for, who may, what it takes, how to call it, what it answers.

use serde_json::{Map, Value};

use super::Operation;
use super::html::{code, codes, escape, line, prose, table};
use super::schema::{fields, words};
use crate::openapi::resolve;

/// Its section.
pub(super) fn section(document: &Value, operation: &Operation<'_>) -> String {
    let id = escape(operation.text("operationId"));
    format!(
        "<article id=\"{id}\">\n<h3><a href=\"#{id}\">{summary}</a></h3>\n\
         <p class=\"route\"><span class=\"method\">{method}</span> <code>{path}</code></p>\n{who}{notes}{parameters}{body}\
         {curl}{answers}</article>\n",
        summary = escape(operation.text("summary")),
        method = escape(&operation.method),
        path = escape(operation.path),
        who = who(operation),
        notes = prose(operation.text("description")),
        parameters = parameters(document, operation),
        body = body(document, operation),
        curl = format_args!("<pre tabindex=\"0\"><code>{}</code></pre>\n", escape(&curl(document, operation))),
        answers = answers(document, operation),
    )
}

/// Who may call it.
fn who(operation: &Operation<'_>) -> String {
    let action = operation.text("x-cronflow-action");
    if action.is_empty() {
        return "<p>Open to all.</p>\n".to_owned();
    }
    let names = |name: &str| {
        let names = operation.value.get(name).and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let scopes = match names("x-cronflow-scopes").as_slice() {
        [] => String::new(),
        [only] => format!("; a key needs the scope {}", code(only)),
        any => format!("; a key needs one of the scopes {}", codes(any)),
    };
    let kinds = codes(names("x-cronflow-kinds"));
    format!("<p>Action {}, for credentials of kind {kinds}{scopes}.</p>\n", code(action))
}

fn parameters(document: &Value, operation: &Operation<'_>) -> String {
    let parameters = operation.value.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let row = |parameter: &Value| {
        let parameter = resolve(document, parameter);
        let text = |name: &str| parameter.get(name).and_then(Value::as_str).unwrap_or_default();
        let allows = parameter.get("schema").map(words).unwrap_or_default();
        vec![code(text("name")), escape(text("in")), allows, line(text("description"))]
    };
    table("Parameters", &["Name", "In", "Value", "Meaning"], parameters.map(row))
}

fn body(document: &Value, operation: &Operation<'_>) -> String {
    let Some(schema) = operation.value.pointer("/requestBody/content/application~1json/schema") else {
        return String::new();
    };
    fields("Body", resolve(document, schema))
}

/// A command to paste.
fn curl(document: &Value, operation: &Operation<'_>) -> String {
    let mut path = operation.path.to_owned();
    let parameters = operation.value.get("parameters").and_then(Value::as_array).into_iter().flatten();
    for parameter in parameters.map(|parameter| resolve(document, parameter)) {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        if let Some(example) = parameter.get("example").and_then(Value::as_str) {
            path = path.replace(&format!("{{{name}}}"), example);
        }
    }
    let method = if operation.method == "GET" { String::new() } else { format!("-X {} ", operation.method) };
    let mut command = format!("curl -s {method}http://127.0.0.1:7800{path}");
    let schemes = operation.value.pointer("/security/0").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    for scheme in schemes {
        let header = document.pointer(&format!("/components/securitySchemes/{scheme}/name")).and_then(Value::as_str);
        let header = header.map_or("Authorization: Bearer $TOKEN".to_owned(), |name| format!("{name}: $TOKEN"));
        command.push_str(&format!(" \\\n  -H \"{header}\""));
    }
    if let Some(example) = operation.value.pointer("/requestBody/content/application~1json/example") {
        let json = format!("{example:#}").replace('\'', r"'\''");
        command.push_str(&format!(" \\\n  -H 'Content-Type: application/json' -d '{json}'"));
    }
    command
}

fn answers(document: &Value, operation: &Operation<'_>) -> String {
    let responses = operation.value.get("responses").and_then(Value::as_object).into_iter().flat_map(Map::iter);
    let row = |(status, response): (&String, &Value)| {
        let response = resolve(document, response);
        let media = response.get("content").and_then(Value::as_object).into_iter().flatten().next();
        let body = media.and_then(|(_, media)| media.get("schema")).map(words).unwrap_or_default();
        let headers = response.get("headers").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let description = response.get("description").and_then(Value::as_str).unwrap_or_default();
        vec![escape(status), body, line(description), codes(headers)]
    };
    let table = table("Answers", &["Status", "Body", "When", "Headers"], responses.map(row));
    let responses = operation.value.get("responses").and_then(Value::as_object).into_iter().flatten();
    let example = responses.filter_map(|(_, response)| response.pointer("/content/application~1json/example")).next();
    let example = example.map(|example| {
        let json = escape(&format!("{example:#}"));
        format!("<details>\n<summary>Example of an answer</summary>\n<pre tabindex=\"0\"><code>{json}</code></pre>\n</details>\n")
    });
    table + &example.unwrap_or_default()
}
