//! `policy list`.

use std::process::ExitCode;

use clap::Args;

use super::remote::At;
use crate::cli::Format;
use crate::commands::key::segment;
use crate::output;

/// List a workspace's policies, by name.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Policies of one page, 1 to 200.
    #[arg(long)]
    limit: Option<u32>,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    at: At,
}

impl List {
    pub(super) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let mut path = self.at.path(&format!("?limit={}", self.limit.unwrap_or(50)))?;
        if let Some(cursor) = &self.cursor {
            path.push_str("&cursor=");
            path.push_str(segment("--cursor", cursor)?);
        }
        output::show(format, &self.at.api()?.get(&path)?);
        Ok(ExitCode::SUCCESS)
    }
}
