//! `policy push DIR`: builds where there is something to build, and uploads.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use access_engine::{Engine, Folder, Position};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use super::findings;
use super::remote::At;
use super::settings::Settings;
use crate::api::Problem;
use crate::cli::Format;
use crate::output;

/// Upload a policy, which examines it; a draft until it is published.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The policy's folder. A crate in it is built first.
    dir: PathBuf,
    /// Put it in force at once.
    #[arg(long)]
    publish: bool,
    /// Once published it is evaluated and counted, and decides nothing.
    #[arg(long)]
    monitor: bool,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    at: At,
}

impl Push {
    pub(super) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let api = self.at.api()?;
        super::build::build_if_rust(&self.dir)?;
        let folder = match Folder::read(&self.dir, &self.settings.read()?) {
            Ok(folder) => folder,
            Err(found) => {
                findings::complain(&self.dir, &found);
                return Ok(ExitCode::FAILURE);
            }
        };
        folder.remark().iter().for_each(|remark| output::remark(remark));
        let name = &folder.upload.name;
        let publish = if self.publish { "?publish=true" } else { "" };
        let path = self.at.path(&format!("/{name}{publish}"))?;
        match api.put(&path, &body(&folder, self.monitor)) {
            Ok(answer) => Ok(show(format, name, &answer)),
            Err(error) => match error.downcast_ref::<Problem>() {
                Some(problem) if problem.field("code") == Some("policy_refused") => {
                    Ok(refused(format, &self.dir, name, problem))
                }
                _ => Err(error),
            },
        }
    }
}

/// The folder as the API takes it.
fn body(folder: &Folder, monitor: bool) -> Value {
    let Folder { upload, cases, .. } = folder;
    let mut body = json!({
        "engine": upload.engine, "settings": upload.settings, "attributes": upload.attributes, "cases": cases,
        "mode": if monitor { "monitor" } else { "enforce" },
    });
    let (field, module) = match upload.engine {
        Engine::Cel => ("source", String::from_utf8_lossy(&upload.module).into_owned()),
        Engine::Wasm => ("module_base64", STANDARD.encode(&upload.module)),
    };
    if let Some(body) = body.as_object_mut() {
        body.insert(field.to_owned(), module.into());
    }
    body
}

fn show(format: Format, name: &str, answer: &Value) -> ExitCode {
    if format == Format::Json {
        output::show(format, answer);
        return ExitCode::SUCCESS;
    }
    let revision = answer.get("revision").unwrap_or(&Value::Null);
    let of = |value: &Value, field: &str| value.get(field).cloned().unwrap_or(Value::Null);
    let number = of(revision, "revision");
    let published = of(&of(answer, "published"), "revision");
    output::show(
        format,
        &json!({
            "name": name, "revision": number, "mode": of(revision, "mode"), "digest": of(revision, "digest"),
            "in_force": published, "policy_revision": of(answer, "policy_revision"),
        }),
    );
    let checks = revision.pointer("/report/checks").and_then(Value::as_array).cloned().unwrap_or_default();
    for check in checks {
        output::say(&format!("ok  {}: {}", output::plain(&of(&check, "name")), output::plain(&of(&check, "found"))));
    }
    if published != number {
        output::remark(&format!(
            "revision {number} is a draft; `cronflow-access policy publish {name}` puts it in force"
        ));
    }
    ExitCode::SUCCESS
}

/// Tells why the gate does not let it through: every finding with its place, every case that fails.
fn refused(format: Format, dir: &Path, name: &str, problem: &Problem) -> ExitCode {
    if format == Format::Json {
        output::show(format, problem.document());
        return ExitCode::FAILURE;
    }
    let list = |field: &str| problem.document().get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let of = |value: &Value, field: &str| value.get(field).map(output::plain).unwrap_or_default();
    for finding in list("findings") {
        let number = |field: &str| finding.get(field).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let position = number("line").zip(number("column")).map(|(line, column)| Position { line, column });
        let place = position.map_or_else(String::new, |Position { line, column }| format!(":{line}:{column}"));
        let file = of(&finding, "file");
        let slash = if file.is_empty() { "" } else { "/" };
        let sentence = format!("{name}{slash}{file}{place}: {}", of(&finding, "message"));
        findings::complain_of(dir, &sentence, &file, position);
    }
    for case in list("cases") {
        let [case, expected, got] = ["name", "expected", "got"].map(|field| of(&case, field));
        output::remark(&format!("FAILED  {name}: {case}\n        expected {expected}\n        got      {got}"));
    }
    output::remark("nothing was uploaded");
    ExitCode::FAILURE
}
