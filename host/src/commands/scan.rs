//! `scan [PATH…|-]`: our own secrets, where they don't belong. `scan rules`: what other scanners are to look for.
//!
//! Asks no host and sends nothing anywhere. What is found is shown by its public part alone.

mod baseline;
mod files;
mod git;
mod leak;
mod rules;
mod sarif;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use access_model::scan::Scanner;
use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use self::leak::{Leak, Looked};
use super::init::catalog;
use crate::cli::Format;
use crate::output;

/// Something was found.
const FOUND: u8 = 1;
/// Something could not be looked at.
pub(crate) const TROUBLE: u8 = 2;

/// Find our own secrets in files, folders, standard input and git histories.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Scan {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    search: Search,
}

#[derive(Debug, Subcommand)]
enum Other {
    /// Print what another scanner is to look for.
    Rules(rules::Rules),
}

#[derive(Debug, Args)]
struct Search {
    /// Files and folders, or `-` for standard input; none: this folder. Files that git ignores are looked at as well.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Look at what the repositories at these paths ever held: all that their refs and reflogs lead to.
    #[arg(long, conflicts_with_all = ["staged", "skip_ignored"])]
    git: bool,
    /// Look at what is about to be committed, as a hook does.
    #[arg(long, conflicts_with = "skip_ignored")]
    staged: bool,
    /// Pass by what git ignores.
    #[arg(long)]
    skip_ignored: bool,
    /// File of fingerprints that are known, one a line; `.cronflow-scan-ignore` in this folder, where there is one.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// The catalog that says what secrets look like; the built-in one unless stated.
    #[arg(long, value_name = "FILE", env = "CRONFLOW_ACCESS_CATALOG")]
    catalog: Option<PathBuf>,
    /// Print what was found as SARIF 2.1.0.
    #[arg(long)]
    sarif: bool,
}

impl Scan {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        match self.other {
            Some(Other::Rules(rules)) => rules.run(),
            None => self.search.run(format),
        }
    }
}

impl Search {
    fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let scanner = Scanner::new(catalog(self.catalog.as_deref())?.as_ref());
        let known = baseline::read(self.baseline.as_deref())?;
        let mut looked = self.look(&scanner)?;
        looked.leaks.retain(|leak| !known.contains(&leak.fingerprint));
        for unread in &looked.unread {
            output::complain(&format!("{}; it was not looked at", output::plain(&json!(unread))));
        }
        if self.sarif {
            output::say(&format!("{:#}", sarif::document(&looked.leaks)));
        } else {
            match format {
                Format::Json => output::say(&looked.to_json().to_string()),
                Format::Human => tell(&looked),
            }
        }
        Ok(match (looked.leaks.is_empty(), looked.unread.is_empty()) {
            (false, _) => ExitCode::from(FOUND),
            (true, false) => ExitCode::from(TROUBLE),
            (true, true) => ExitCode::SUCCESS,
        })
    }

    fn look(&self, scanner: &Scanner) -> anyhow::Result<Looked> {
        let mut looked = Looked::default();
        let here = [PathBuf::from(".")];
        let paths = if self.paths.is_empty() { here.as_slice() } else { &self.paths };
        for path in paths {
            let is_stdin = path == Path::new("-");
            if is_stdin && (self.git || self.staged || self.skip_ignored) {
                bail!("`-` is standard input, which is no repository; leave out --git, --staged and --skip-ignored");
            }
            if is_stdin {
                files::stdin(scanner, &mut looked)?;
            } else if self.git {
                git::history(scanner, path, &mut looked)?;
            } else if self.staged {
                git::staged(scanner, path, &mut looked)?;
            } else if self.skip_ignored {
                git::not_ignored(scanner, path, &mut looked)?;
            } else {
                files::below(scanner, path, &mut looked);
            }
        }
        Ok(looked)
    }
}

/// A line for each, and one for all.
fn tell(looked: &Looked) {
    let lines: Vec<String> = looked.leaks.iter().map(Leak::to_string).collect();
    if !lines.is_empty() {
        output::say(&lines.join("\n"));
    }
    let Looked { files, bytes, leaks, .. } = looked;
    let found = match leaks.len() {
        0 => "no secrets".to_owned(),
        1 => "1 secret".to_owned(),
        many => format!("{many} secrets"),
    };
    output::remark(&format!("{found} in {files} files of {bytes} bytes"));
    if !leaks.is_empty() {
        output::remark(
            "end each (`key revoke`, `client rotate-secret`, …): whoever has seen it may use it, wherever it is deleted",
        );
    }
}
