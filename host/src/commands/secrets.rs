//! `secrets generate`: a root key to be put wherever it is to be kept.

use std::process::ExitCode;

use access_authority::lifecycle::root_key::RootKey;
use access_model::entropy::SystemEntropy;
use clap::Subcommand;
use serde_json::json;

use crate::cli::Format;
use crate::output;

/// Make the keys that everything sealed hangs on.
#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Print a new root key, to be put into a secret manager. Nothing is changed, and no host is asked.
    Generate,
}

impl Secrets {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        match self {
            Self::Generate => generate(format),
        }
    }
}

fn generate(format: Format) -> anyhow::Result<ExitCode> {
    let key = RootKey::draw(&SystemEntropy)?.to_text();
    match format {
        Format::Human => output::say(key.expose()),
        Format::Json => output::show(format, &json!({ "root_key": key.expose() })),
    }
    Ok(ExitCode::SUCCESS)
}
