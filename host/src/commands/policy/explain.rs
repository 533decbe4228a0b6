//! `policy explain DIR`: how a policy comes to its verdict.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use access_engine::{Judgement, Outcome, PolicyPackage, Span, Step, Trace};
use anyhow::{Context, bail};
use clap::Args;
use cronflow_policy_cases::{Attributes, CaseFile, Facts, Said};
use serde_json::{Value, json};

use super::settings::Settings;
use super::{build, findings};
use crate::cli::Format;
use crate::output;

/// Say how a policy comes to its verdict: which conditions it met on the way, where they stand, and what they read.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The policy's folder. A crate in it is built first.
    dir: PathBuf,
    /// A case of its cases.toml, by name.
    #[arg(long, value_name = "NAME", required_unless_present = "facts")]
    case: Option<String>,
    /// A file of facts (TOML, or JSON by its extension): whole, or what differs from the sample, as a case states them.
    #[arg(long, value_name = "FILE", conflicts_with = "case")]
    facts: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Explain {
    pub(super) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        build::build_if_rust(&self.dir)?;
        let sandbox = crate::sandbox::sandbox(None)?;
        let package = match PolicyPackage::load(&self.dir, &sandbox) {
            Ok(package) => package,
            Err(errors) => {
                findings::complain(&self.dir, &errors);
                return Ok(ExitCode::FAILURE);
            }
        };
        let mut settings = Attributes::new();
        let facts = match (&self.case, &self.facts) {
            (Some(name), _) => {
                let cases = package.cases().map(|file| file.cases.as_slice()).unwrap_or_default();
                let Some(case) = cases.iter().find(|case| case.name == *name) else {
                    let known: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
                    bail!("`{}` has no case `{name}`; it has `{}`", package.name(), known.join("`, `"));
                };
                settings.extend(case.settings.clone());
                case.facts.clone()
            }
            (None, Some(file)) => read(file)?,
            (None, None) => Facts::sample(),
        };
        settings.extend(self.settings.read()?);
        let trace = package.explain(facts.as_ref(), &settings).map_err(anyhow::Error::msg)?;
        match format {
            Format::Json => {
                let mut told = serde_json::to_value(&trace)?;
                told.as_object_mut().map(|told| told.insert("policy".to_owned(), package.name().into()));
                output::show(format, &told);
            }
            Format::Human => output::say(&human(package.name(), &trace)),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Facts of a file: whole ones, or what is put over the sample.
fn read(file: &Path) -> anyhow::Result<Facts> {
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("`{shown}`"))?;
    let is_json = file.extension().is_some_and(|extension| extension == "json");
    let stated: Value = if is_json {
        serde_json::from_str(&text).with_context(|| format!("`{shown}`"))?
    } else {
        serde_json::to_value(text.parse::<toml::Table>().with_context(|| format!("`{shown}`"))?)?
    };
    if let Ok(whole) = serde_json::from_value(stated.clone()) {
        return Ok(whole);
    }
    let case = json!({ "name": "explained", "facts": stated, "expect": { "effect": "no_match" } });
    let cases = CaseFile::from_json(&[case]).map_err(|error| anyhow::anyhow!("`{shown}`: {}", error.message))?.cases;
    cases.into_iter().next().map(|case| case.facts).context("no facts")
}

fn human(name: &str, Trace { steps, verdict }: &Trace) -> String {
    let said = match verdict.clone() {
        Judgement::Verdict { effect, reasons, obligations } => Said::Verdict { effect, reasons, obligations },
        Judgement::Error { error } => Said::Error { error: error.to_owned() },
    };
    let mut text = format!("{name}: {said}\n");
    for Step { span, text: source, outcome, leaves } in steps {
        let place =
            span.map_or_else(|| "-".to_owned(), |Span { start, .. }| format!("{}:{}", start.line, start.column));
        let outcome = match outcome {
            Outcome::True => "true",
            Outcome::False => "false",
            Outcome::Decided => "decides",
            Outcome::Noted => "logged",
            Outcome::Error(code) => code,
        };
        let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
        text += &format!("  {place:>6}  {}  → {outcome}\n", output::plain(&source.into()));
        for leaf in leaves {
            text += &format!("          {} = {}\n", leaf.path, leaf.value);
        }
    }
    text
}
