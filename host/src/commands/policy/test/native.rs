//! A crate's own tests, and the report of its cases that they leave.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use super::Run;
use crate::commands::policy::build::not_there;

/// The SDK's runner of cases adds its report, a line of JSON, to the file that this names.
const REPORT: &str = "CRONFLOW_POLICY_REPORT";

/// Runs `cargo test`; the report of the cases, and whether every test passed.
pub(super) fn run(dir: &Path) -> anyhow::Result<(Run, bool)> {
    let file = std::env::temp_dir().join(format!("cronflow-policy-{}.jsonl", std::process::id()));
    // New, so that it is nobody else's.
    OpenOptions::new().write(true).create_new(true).open(&file).with_context(|| format!("`{}`", file.display()))?;
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--tests"]).current_dir(dir).env(REPORT, &file).stdin(Stdio::null());
    // What comes of it is told below; what is at it, to the author.
    let ran = cargo.stdout(std::io::stderr()).status().map_err(|error| not_there("cargo", error));
    let reports = fs::read_to_string(&file);
    let _ = fs::remove_file(&file);
    let (ran, reports) = (ran?, reports?);
    let mut reports = reports.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let Some(report) = reports.next() else {
        if !ran.success() {
            bail!("`cargo test` fails in `{}`", dir.display());
        }
        bail!(
            "no test in `{}` runs the cases; let one call `cronflow_policy::testing::check_cases`, as `policy new --rust` writes it",
            dir.display()
        );
    };
    Ok((Run { place: "native", text: text(&report), report }, ran.success()))
}

/// As the sandbox's report is told, in short: what failed was told by `cargo test`.
fn text(report: &Value) -> String {
    let of = |field: &str| report.get(field).map(crate::output::plain).unwrap_or_default();
    format!("{}: {} passed, {} failed", of("policy"), of("passed"), of("failed"))
}
