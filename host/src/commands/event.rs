//! `event list`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::api::Api;
use crate::cli::{Connection, Format};
use crate::commands::audit::{Owner, escaped};
use crate::output;

/// Read what people are told of: keys that are due, inactive or ended, policies in quarantine, changes.
#[derive(Debug, Subcommand)]
pub(crate) enum Event {
    /// List events, newest first.
    List(List),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: Owner,
    /// Events of this kind; `key.*`: of all that begin so.
    #[arg(long)]
    event: Option<String>,
    /// Of this severity or above: info, warning or alert.
    #[arg(long)]
    severity: Option<String>,
    /// At most so many.
    #[arg(long)]
    limit: Option<usize>,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Event {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let Self::List(list) = self;
        output::show(format, &Api::new(&list.connection)?.get(&list.path()?)?);
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn path(&self) -> anyhow::Result<String> {
        let stated = [
            ("event", self.event.clone()),
            ("severity", self.severity.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("cursor", self.cursor.clone()),
        ];
        let stated = stated.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(&value?))));
        Ok(format!("/v1/{}/events?{}", self.of.path()?, stated.collect::<Vec<_>>().join("&")))
    }
}
