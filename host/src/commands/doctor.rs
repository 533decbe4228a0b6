//! `doctor`: what is wrong with an installation, and how to mend it. It looks, and changes nothing.
//!
//! To add a check: a function of its own that takes the [`Scene`] and returns its lines, and an entry in [`CHECKS`].

mod audit;
mod clock;
mod host;
mod mail;
mod policies;
mod proxies;
mod root_key;
mod scene;
mod settings;
mod space;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;

use self::scene::Scene;
use crate::cli::Format;
use crate::config::Settings;
use crate::report::{self, Finding};

type Check = fn(&Scene) -> Vec<Finding>;

/// What is looked at, in the order of its lines.
const CHECKS: [(&str, Check); 10] = [
    ("settings", settings::check),
    ("store", store::check),
    ("space", space::check),
    ("root_key", root_key::check),
    ("clock", clock::check),
    ("trusted_proxies", proxies::check),
    ("policies", policies::check),
    ("audit", audit::check),
    ("mail", mail::check),
    ("host", host::check),
];

/// Say what is wrong with an installation, and how to mend it. Changes nothing; a host may serve meanwhile.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Config file.
    #[arg(long, env = "CRONFLOW_ACCESS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The installation of a dev host.
    #[arg(long)]
    dev: bool,
    /// Base URL of the running host [default: where the settings say that it listens].
    #[arg(long, env = "CRONFLOW_ACCESS_URL")]
    url: Option<String>,
    /// Look at this alone; repeat for more.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = names())]
    only: Vec<String>,
    #[command(flatten)]
    settings: Settings,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(CHECKS.map(|(name, _)| name))
}

impl Doctor {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let scene = Scene::new(self.settings, self.config.as_deref(), self.dev, self.url)?;
        let is_wanted = |name: &str| self.only.is_empty() || self.only.iter().any(|only| only == name);
        let wanted = CHECKS.iter().filter(|(name, _)| is_wanted(name));
        Ok(report::show(format, &wanted.flat_map(|(_, check)| check(&scene)).collect::<Vec<_>>()))
    }
}
