//! `policy …`: one file each, named by the subcommand.

mod bench;
mod build;
mod check;
mod delete;
mod explain;
mod export;
mod findings;
mod list;
mod new;
mod publish;
mod push;
mod remote;
mod rollback;
mod settings;
mod status;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::Format;

/// Write, test, upload, publish and watch policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    New(new::New),
    /// Compile a policy in Rust to `policy.wasm`.
    Build {
        /// The policy's folder.
        dir: PathBuf,
    },
    Check(check::Check),
    Test(test::Test),
    Explain(explain::Explain),
    Bench(bench::Bench),
    Push(push::Push),
    Publish(publish::Publish),
    /// Put in force what was before; with nothing before, nothing.
    Rollback(remote::One),
    Status(status::Status),
    List(list::List),
    /// Take a policy away. Its revisions are kept.
    Delete(remote::One),
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
            Self::Check(check) => check.run(format),
            Self::Test(test) => test.run(format),
            Self::Explain(explain) => explain.run(format),
            Self::Bench(bench) => bench.run(format),
            Self::Push(push) => push.run(format),
            Self::Publish(publish) => publish.run(format),
            Self::Rollback(one) => rollback::run(&one, format),
            Self::Status(status) => status.run(format),
            Self::List(list) => list.run(format),
            Self::Delete(one) => delete::run(&one, format),
            Self::Export { dir } => export::run(&dir),
        }
    }
}
