//! `config check`, `config show`: what a host would be started with, from the config file and the environment.
//!
//! Neither opens the store nor speaks to a host; `doctor` does.

pub(crate) mod checks;
pub(crate) mod read;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::read::Stated;
use crate::cli::Format;
use crate::report::{self, Finding};

/// Check and show the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Check the config file and the environment. Exit code 0: a host can be started with them, warnings aside; 1: it can't.
    Check(Source),
    /// Show every setting, and whether it comes from the file, the environment or the defaults. Passwords are left out.
    Show(Source),
}

/// Which configuration.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// Config file.
    #[arg(long, env = "CRONFLOW_ACCESS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Config {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check(Source { config }) => Ok(check(&Stated::read(config.as_deref()), format)),
            Self::Show(Source { config }) => show::show(&Stated::read(config.as_deref()), format),
        }
    }
}

fn check(stated: &Stated, format: Format) -> ExitCode {
    let settings = stated.settings();
    let mut findings: Vec<Finding> = stated.findings.clone();
    findings.extend(checks::PLAIN.iter().chain(&checks::SPECIAL).flat_map(|check| check(&settings)));
    report::show(format, &findings)
}
