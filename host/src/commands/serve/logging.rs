//! Log lines to standard error: structured, filtered, for people or for programs.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Settings};

/// Starts logging.
pub(super) fn start(settings: &Settings) -> anyhow::Result<()> {
    let directives = settings.log.as_deref().unwrap_or("info");
    let filter = EnvFilter::try_new(directives).with_context(|| format!("log filter `{directives}`"))?;
    let on_terminal = std::io::stderr().is_terminal();
    let format = settings.log_format.unwrap_or(if on_terminal { LogFormat::Human } else { LogFormat::Json });
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Human => lines.with_ansi(on_terminal).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
