//! Reading file and environment one setting at a time, so that one slip does not hide the next.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::Path;

use clap::builder::Resettable;
use clap::{Args as _, Command, FromArgMatches as _};
use serde::Deserialize as _;
use toml::{Spanned, Table, Value};

use crate::config::{self, Settings, line_of};
use crate::report::Finding;

/// What is stated, as far as it can be read, and what can't.
pub(crate) struct Stated {
    pub(crate) environment: Settings,
    pub(crate) file: Settings,
    pub(crate) findings: Vec<Finding>,
}

impl Stated {
    pub(crate) fn read(path: Option<&Path>) -> Self {
        let mut findings = Vec::new();
        let environment = environment(&mut findings);
        let file = path.map(|path| file(path, &mut findings)).unwrap_or_default();
        Self { environment, file, findings }
    }

    /// The file alone, where the environment is read with the command line.
    pub(crate) fn of_file(path: Option<&Path>) -> Self {
        let mut findings = Vec::new();
        let file = path.map(|path| file(path, &mut findings)).unwrap_or_default();
        Self { environment: Settings::default(), file, findings }
    }

    /// Both, the environment above the file.
    pub(crate) fn settings(&self) -> Settings {
        self.environment.clone().or(self.file.clone())
    }
}

/// The environment alone.
///
/// # Errors
/// What is wrong with the first that can't be read.
pub(crate) fn of_environment() -> anyhow::Result<Settings> {
    let mut findings = Vec::new();
    let settings = environment(&mut findings);
    match findings.first() {
        Some(finding) => anyhow::bail!("{}", finding.what),
        None => Ok(settings),
    }
}

fn environment(findings: &mut Vec<Finding>) -> Settings {
    for name in config::unknown_variables() {
        findings.push(Finding::fail(
            "environment",
            format!("`{name}` means nothing here"),
            "correct its name or unset it; `cronflow-access serve --help` lists those that mean something",
        ));
    }
    let mut settings = Settings::default().and_secrets();
    for arg in Settings::augment_args(Command::new("settings")).get_arguments() {
        let (Some(name), Some(flag)) = (arg.get_env(), arg.get_long()) else { continue };
        let Some(value) = config::environment(&name.to_string_lossy()) else { continue };
        let alone = Settings::augment_args(Command::new("settings").no_binary_name(true));
        let alone = alone.mut_args(|arg| arg.env(Resettable::Reset));
        let read = alone.try_get_matches_from([format!("--{flag}={value}")]);
        match read.and_then(|matches| Settings::from_arg_matches(&matches)) {
            Ok(one) => settings = settings.or(one),
            Err(error) => {
                let why = error.source().map_or_else(|| "it can't be read".to_owned(), ToString::to_string);
                let what = format!("`{}`: {why}", name.to_string_lossy());
                findings.push(Finding::fail("environment", what, how_to_write(flag)));
            }
        }
    }
    settings
}

fn file(path: &Path, findings: &mut Vec<Finding>) -> Settings {
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let what = format!("`{shown}` can't be read: {error}");
            findings.push(Finding::fail(
                "file",
                what,
                "name the config file with --config, readable for the host's user",
            ));
            return Settings::default();
        }
    };
    let keys: BTreeMap<Spanned<String>, Spanned<Value>> = match toml::from_str(&text) {
        Ok(keys) => keys,
        Err(error) => {
            let line = line_of(&text, error.span().map_or(0, |span| span.start));
            // Of types, what is no value at all can be said alone: an integer that is too large, which would be quoted, and may be
            // a secret that lacks its quotes.
            let why = Some(error.message()).filter(|why| !why.starts_with("invalid type"));
            let what = format!("`{shown}`, line {line}: {}", why.unwrap_or("integer number overflowed"));
            findings.push(Finding::fail("file", what, "mend this first: nothing in the file is read until it is TOML"));
            return Settings::default();
        }
    };
    findings.push(Finding::ok("file", format!("`{shown}` states {} settings", keys.len())));
    let mut settings = Settings::default();
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in keys {
        let line = line_of(&text, key.span().start);
        let name = key.into_inner();
        let flag = name.replace('_', "-");
        match Settings::deserialize(Table::from_iter([(name.clone(), value.into_inner())])) {
            Ok(one) => settings = settings.or(one),
            Err(error) => {
                let what = format!("`{shown}`, line {line}: `{name}`: {}", error.message());
                let known = Settings::augment_args(Command::new("settings"));
                let is_known = known.get_arguments().any(|arg| arg.get_id() == &name);
                let todo = if is_known { how_to_write(&flag) } else { "correct its name, or take it out".to_owned() };
                findings.push(Finding::fail("file", what, todo));
            }
        }
    }
    settings
}

fn how_to_write(flag: &str) -> String {
    format!("see `--{flag}` in `cronflow-access serve --help`, or leave it out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_without_its_quotes_is_not_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.toml");
        for value in ["8675309123", "8675309123000000000", "8675309123000000000000", "8675309.123"] {
            std::fs::write(&path, format!("\nmetrics_token = {value}")).unwrap();
            let findings = Stated::of_file(Some(&path)).findings;
            let told = &findings.last().unwrap().what;
            assert!(told.contains("line 2: ") && !told.contains("8675309"), "{told}");
        }
    }
}
