//! Printing: results to standard output, everything else to standard error.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Map, Value};

use crate::cli::Format;

/// Prints a result: as it came, or for people.
pub(crate) fn show(format: Format, value: &Value) {
    say(&match format {
        Format::Json => value.to_string(),
        Format::Human => human(value),
    });
}

/// Prints a text to standard output.
pub(crate) fn say(text: &str) {
    // A reader that has gone away has read enough.
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end_matches('\n'));
}

/// Prints a remark to standard error.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints an error to standard error.
pub(crate) fn complain(text: &str) {
    remark(&format!("error: {text}"));
}

/// Fields one a line; the items of a list one after another.
fn human(value: &Value) -> String {
    let items = value.get("items").and_then(Value::as_array);
    let Some(items) = items else { return fields(value) };
    if items.is_empty() {
        return "nothing here".to_owned();
    }
    let mut text = items.iter().map(fields).collect::<Vec<_>>().join("\n");
    if let Some(cursor) = value.get("next_cursor").and_then(Value::as_str) {
        let _ = write!(text, "\nmore: --cursor {cursor}");
    }
    text
}

fn fields(value: &Value) -> String {
    let Some(object) = value.as_object() else { return plain(value) };
    let width = object.keys().map(String::len).max().unwrap_or_default();
    let is_empty =
        |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
    let stated = object.iter().filter(|(_, value)| !value.is_null() && !is_empty(value));
    stated.fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:width$}  {}", plain(value));
        text
    })
}

/// A value in one line.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(object) => {
            object.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// A text that others wrote, which must not steer this terminal.
pub(crate) fn printable(text: &str) -> String {
    if text.chars().any(char::is_control) { text.escape_debug().to_string() } else { text.to_owned() }
}
