//! Every setting and where it comes from.

use std::process::ExitCode;

use clap::{Args as _, Command};
use serde_json::{Map, Value, json};

use super::read::Stated;
use crate::cli::Format;
use crate::config::Settings;
use crate::output;

pub(super) fn show(stated: &Stated, format: Format) -> anyhow::Result<ExitCode> {
    let (environment, file) = (fields(&stated.environment)?, fields(&stated.file)?);
    let mut shown = Map::new();
    for (name, value) in &environment {
        let (value, source) = match (value, file.get(name)) {
            (Value::Null, None | Some(Value::Null)) => (default(name).into(), "default"),
            (Value::Null, Some(value)) => (value.clone(), "file"),
            (value, _) => (value.clone(), "environment"),
        };
        shown.insert(name.clone(), json!({ "value": value, "source": source }));
    }
    match format {
        Format::Json => output::say(&Value::Object(shown).to_string()),
        Format::Human => output::say(&human(&shown)),
    }
    for finding in &stated.findings {
        if finding.todo.is_some() {
            output::complain(&finding.what);
        }
    }
    let is_read = stated.findings.iter().all(|finding| finding.todo.is_none());
    Ok(if is_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The settings by name; null where nothing is stated.
fn fields(settings: &Settings) -> anyhow::Result<Map<String, Value>> {
    match serde_json::to_value(settings)? {
        Value::Object(fields) => Ok(fields),
        _ => anyhow::bail!("settings are fields"),
    }
}

/// What the help says of a setting's default.
fn default(name: &str) -> Option<String> {
    let command = Settings::augment_args(Command::new("settings"));
    let help = command.get_arguments().find(|arg| arg.get_id() == name)?.get_help()?.to_string();
    let (_, said) = help.split_once("[default: ")?;
    said.strip_suffix(']').map(str::to_owned)
}

fn human(shown: &Map<String, Value>) -> String {
    let width = shown.keys().map(String::len).max().unwrap_or_default();
    let line = |(name, of): (&String, &Value)| {
        let of = |field: &str| of.get(field).map(output::plain).unwrap_or_default();
        format!("{name:width$}  {:11}  {}", of("source"), of("value"))
    };
    shown.iter().map(line).collect::<Vec<_>>().join("\n")
}
