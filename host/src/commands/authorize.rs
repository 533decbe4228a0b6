//! `authorize`: asks for one decision. Exit code 0: allow; 2: deny; 3: could not decide.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::api::{Api, secret};
use crate::cli::{Connection, Format};
use crate::{config, output};

const DENY: u8 = 2;
const COULD_NOT_DECIDE: u8 = 3;

/// Ask for a decision.
#[derive(Debug, Args)]
pub(crate) struct Authorize {
    /// File that holds the credential asked about (`-`: standard input). The environment variable
    /// CRONFLOW_ACCESS_CREDENTIAL does as well.
    #[arg(long, env = "CRONFLOW_ACCESS_CREDENTIAL_FILE", value_name = "FILE")]
    credential_file: Option<String>,
    /// HTTP method of the request.
    #[arg(long)]
    method: Option<String>,
    /// Path of the request.
    #[arg(long)]
    path: Option<String>,
    /// The action, in place of method and path.
    #[arg(long)]
    action: Option<String>,
    /// The client's address.
    #[arg(long)]
    ip: Option<String>,
    /// The environment.
    #[arg(long)]
    environment: Option<String>,
    /// The resource's workspace: an id or a name.
    #[arg(long, value_name = "ID")]
    resource_workspace: Option<String>,
    /// The resource's type.
    #[arg(long, value_name = "TYPE")]
    resource_type: Option<String>,
    /// The resource's id.
    #[arg(long, value_name = "ID")]
    resource_id: Option<String>,
    /// A free attribute of the question; a JSON value, or text; repeat for more.
    #[arg(long, value_name = "NAME=VALUE")]
    context: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Authorize {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let credential = secret(self.credential_file.as_deref(), config::CREDENTIAL)
            .context("no credential: set CRONFLOW_ACCESS_CREDENTIAL, or name a file with --credential-file")?;
        let mut context = Map::new();
        for entry in &self.context {
            let (name, text) =
                entry.split_once('=').with_context(|| format!("--context `{entry}`: expected NAME=VALUE"))?;
            context.insert(name.into(), serde_json::from_str(text).unwrap_or_else(|_| text.into()));
        }
        let body = without_nulls(json!({
            "credential": credential,
            "action": self.action,
            "request": { "method": self.method, "path": self.path, "ip": self.ip, "environment": self.environment },
            "resource": { "type": self.resource_type, "id": self.resource_id, "workspace": self.resource_workspace },
            "context": context,
        }));
        let answer = Api::new(&self.connection)?.post("/v1/authorize", &body)?;
        output::show(format, &answer);
        let status = answer.get("status").and_then(Value::as_u64);
        Ok(match (answer.get("decision").and_then(Value::as_str), status) {
            (Some("allow"), _) => ExitCode::SUCCESS,
            (Some("deny"), Some(503)) | (None, _) => ExitCode::from(COULD_NOT_DECIDE),
            _ => ExitCode::from(DENY),
        })
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(object) => object
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        other => other,
    }
}
