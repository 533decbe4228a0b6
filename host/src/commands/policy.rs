//! `policy …`: one file each, named by the subcommand.

mod export;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::Format;

/// Test and export policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Check a policy, or each policy of a folder, and run its cases.
    Test {
        /// A policy's folder, or a folder of such.
        dir: PathBuf,
    },
    /// Write the built-in policies and catalog to a new folder, to start from.
    Export {
        /// A folder that does not exist yet, or is empty.
        dir: PathBuf,
    },
}

impl Policy {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        match self {
            Self::Test { dir } => test::run(&dir, format),
            Self::Export { dir } => export::run(&dir),
        }
    }
}
