//! `policy publish NAME`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::remote::One;
use crate::cli::Format;
use crate::output;

/// Put a revision of an uploaded policy in force.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    #[command(flatten)]
    one: One,
    /// Which; the latest, unless stated.
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
}

impl Publish {
    pub(super) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let body = self.revision.map_or_else(|| json!({}), |revision| json!({ "revision": revision }));
        output::show(format, &self.one.at.api()?.post(&self.one.path("/publish")?, &body)?);
        Ok(ExitCode::SUCCESS)
    }
}
