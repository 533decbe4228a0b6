//! `policy …`: one file each, named by the subcommand.

mod build;
mod export;
mod new;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::Format;

/// Write, build, test and export policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    New(new::New),
    /// Compile a policy in Rust to `policy.wasm`.
    Build {
        /// The policy's folder.
        dir: PathBuf,
    },
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
            Self::New(new) => new.run(),
            Self::Build { dir } => build::run(&dir, format),
            Self::Test { dir } => test::run(&dir, format),
            Self::Export { dir } => export::run(&dir),
        }
    }
}
