//! `policy status [NAME]`: how policies fare on every host.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};

use super::remote::{At, policy_name};
use crate::cli::Format;
use crate::output;

/// Show how a policy fares on every host; without a name, every policy of the workspace.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The policy's name.
    #[arg(value_parser = policy_name)]
    name: Option<String>,
    #[command(flatten)]
    at: At,
}

impl Status {
    pub(super) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let api = self.at.api()?;
        let ask = |name: &str| api.get(&self.at.path(&format!("/{name}/status"))?);
        let Some(name) = &self.name else {
            // a workspace has no more than one page of them
            let listed = api.get(&self.at.path("?limit=200")?)?;
            let names = listed.get("items").and_then(Value::as_array).into_iter().flatten();
            let names = names.filter_map(|policy| policy.get("name")?.as_str());
            let all = names.map(ask).collect::<anyhow::Result<Vec<_>>>()?;
            show(format, &json!({ "items": all }));
            return Ok(ExitCode::SUCCESS);
        };
        show(format, &ask(name)?);
        Ok(ExitCode::SUCCESS)
    }
}

fn show(format: Format, answer: &Value) {
    match (format, answer.get("items").and_then(Value::as_array)) {
        (Format::Human, Some(policies)) if policies.is_empty() => output::say("nothing here"),
        (Format::Human, Some(policies)) => policies.iter().for_each(|policy| show(format, policy)),
        (Format::Human, None) => {
            let mut policy = answer.as_object().cloned().unwrap_or_default();
            let hosts = policy.remove("hosts");
            output::show(format, &policy.into());
            for host in hosts.as_ref().and_then(Value::as_array).into_iter().flatten() {
                let mut flat = Map::new();
                flatten("", host, &mut flat);
                output::show(format, &flat.into());
            }
        }
        (Format::Json, _) => output::show(format, answer),
    }
}

/// What stands in records within records, by path: whatever a host tells of itself, line by line.
fn flatten(path: &str, value: &Value, flat: &mut Map<String, Value>) {
    let Some(fields) = value.as_object() else {
        flat.insert(path.to_owned(), value.clone());
        return;
    };
    for (name, value) in fields {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        flatten(&path, value, flat);
    }
}
