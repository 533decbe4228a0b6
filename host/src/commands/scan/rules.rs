//! `scan rules --for TOOL`: what another scanner is to look for, from the catalog.

use std::path::PathBuf;
use std::process::ExitCode;

use access_model::scan::rules::Other;
use clap::{Args, ValueEnum};

use crate::commands::init::catalog;
use crate::output;

#[derive(Debug, Args)]
pub(super) struct Rules {
    /// Which scanner.
    #[arg(long = "for", value_enum, value_name = "TOOL")]
    tool: Tool,
    /// The catalog that says what secrets look like; the built-in one unless stated.
    #[arg(long, value_name = "FILE", env = "CRONFLOW_ACCESS_CATALOG")]
    catalog: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tool {
    /// A configuration.
    Gitleaks,
    /// A plugin.
    DetectSecrets,
    /// A configuration of its rule `pattern`.
    Secretlint,
}

impl Rules {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let tool = match self.tool {
            Tool::Gitleaks => Other::Gitleaks,
            Tool::DetectSecrets => Other::DetectSecrets,
            Tool::Secretlint => Other::Secretlint,
        };
        output::say(&tool.rules(catalog(self.catalog.as_deref())?.as_ref()));
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "whether to write the files is asked of the developer's environment")]
    fn the_checked_in_rules_are_current() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/scan");
        for tool in Other::ALL {
            let (text, path) = (tool.rules(catalog(None).unwrap().as_ref()), folder.join(tool.file()));
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                found == text,
                "{} is stale: run `UPDATE=1 cargo test -p cronflow-access` and commit it",
                tool.file()
            );
        }
    }
}
