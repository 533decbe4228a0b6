//! `--setting NAME=VALUE`, over the defaults of a manifest.

use anyhow::Context;
use clap::Args;
use cronflow_policy_cases::{Attributes, Value};

/// What is set.
#[derive(Debug, Default, Args)]
pub(crate) struct Settings {
    /// A setting in place of the manifest's default: a JSON value, or text; repeat for more.
    #[arg(long = "setting", value_name = "NAME=VALUE")]
    settings: Vec<String>,
}

impl Settings {
    /// By name.
    pub(super) fn read(&self) -> anyhow::Result<Attributes> {
        let one = |entry: &String| {
            let (name, text) =
                entry.split_once('=').with_context(|| format!("--setting `{entry}`: expected NAME=VALUE"))?;
            Ok((name.to_owned(), serde_json::from_str(text).unwrap_or_else(|_| Value::Text(text.to_owned()))))
        };
        self.settings.iter().map(one).collect()
    }
}
