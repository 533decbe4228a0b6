//! `policy test DIR`: a policy's cases, in the sandbox and, of a crate, natively; both must say the same.

mod junit;
mod native;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use access_engine::PolicyPackage;
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use cronflow_policy_cases::Report;
use serde_json::{Value, json};

use super::{build, findings};
use crate::cli::Format;
use crate::output;

/// Check a policy, or each policy of a folder, and run its cases.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// A policy's folder, or a folder of such.
    dir: PathBuf,
    /// How to tell what came of it; as `--output` says, unless stated.
    #[arg(long, value_enum)]
    format: Option<TestFormat>,
    /// Of a crate: run its own tests, its cases among them, with `cargo test`.
    #[arg(long)]
    native: bool,
    /// Run the cases as a host would. With neither or both, a crate's are run both ways, and must come to the same.
    #[arg(long)]
    sandbox: bool,
}

/// How to tell what came of the cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TestFormat {
    /// For people.
    Human,
    /// For programs.
    Json,
    /// JUnit's XML, for what collects results of tests.
    Junit,
}

/// The cases of one policy, run in one way.
struct Run {
    /// `sandbox` or `native`.
    place: &'static str,
    report: Value,
    /// For people.
    text: String,
}

impl Test {
    pub(super) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let format = self.format.unwrap_or(match format {
            Format::Human => TestFormat::Human,
            Format::Json => TestFormat::Json,
        });
        // `policy test .` is in a folder that has a name all the same.
        let dir = self.dir.canonicalize().with_context(|| format!("`{}`", self.dir.display()))?;
        let (native, sandbox) = (self.native || !self.sandbox, self.sandbox || !self.native);
        let mut runs = Vec::new();
        let mut passed = true;
        let crates: Vec<PathBuf> = folders(&dir)?.into_iter().filter(|folder| build::is_rust(folder)).collect();
        if crates.is_empty() && self.native {
            bail!("`{}` holds no policy in Rust; --native is for these", dir.display());
        }
        for folder in crates.iter().filter(|_| native) {
            let (run, is_success) = native::run(folder)?;
            passed &= is_success;
            runs.push(run);
        }
        if sandbox {
            for folder in &crates {
                build::build(folder)?;
            }
            let packages = match load(&dir)? {
                Ok(packages) => packages,
                Err(errors) => {
                    findings::complain(&dir, &errors);
                    return Ok(ExitCode::FAILURE);
                }
            };
            runs.extend(packages.iter().map(|package| in_sandbox(&access_engine::run_cases(package))));
        }
        let differences = differences(&runs);
        passed &= runs.iter().all(Run::is_success) && differences.is_empty();
        match format {
            TestFormat::Human => {
                let ways = if native && sandbox && !crates.is_empty() { 2 } else { 1 };
                for run in &runs {
                    let place = if ways == 2 { format!(" ({})", run.place) } else { String::new() };
                    output::say(&format!("{}{place}", run.text.trim_end()));
                }
                differences.iter().for_each(|difference| output::complain(difference));
            }
            TestFormat::Json => output::say(&Value::from_iter(runs.iter().map(Run::to_json)).to_string()),
            TestFormat::Junit => output::say(&junit::document(&runs, &differences)),
        }
        if format == TestFormat::Json {
            differences.iter().for_each(|difference| output::complain(difference));
        }
        Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Run {
    fn policy(&self) -> &str {
        self.report.get("policy").and_then(Value::as_str).unwrap_or_default()
    }

    fn cases(&self) -> &[Value] {
        self.report.get("cases").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// A run without cases shows nothing, so it is no success.
    fn is_success(&self) -> bool {
        let count = |field: &str| self.report.get(field).and_then(Value::as_u64);
        count("failed") == Some(0) && count("passed") > Some(0)
    }

    fn to_json(&self) -> Value {
        let mut told = self.report.clone();
        told.as_object_mut().map(|told| told.insert("ran".to_owned(), self.place.into()));
        told
    }
}

fn in_sandbox(report: &Report) -> Run {
    Run { place: "sandbox", report: report.to_json(), text: report.to_string() }
}

/// Where the two ways of a policy don't come to the same, a sentence each. How an error is worded is no difference.
fn differences(runs: &[Run]) -> Vec<String> {
    let got = |case: &Value| match case.get("got") {
        Some(got) if got.get("error").is_some() => json!("an error"),
        Some(got) => got.clone(),
        None => Value::Null,
    };
    let mut differences = Vec::new();
    for native in runs.iter().filter(|run| run.place == "native") {
        let Some(other) = runs.iter().find(|run| run.place == "sandbox" && run.policy() == native.policy()) else {
            continue;
        };
        let name = native.policy();
        if native.cases().len() != other.cases().len() {
            differences
                .push(format!("{name}: other cases are run natively; let the crate's test read the same cases.toml"));
        }
        for (a, b) in native.cases().iter().zip(other.cases()) {
            if (a.get("name"), got(a)) != (b.get("name"), got(b)) {
                let case = a.get("name").map(output::plain).unwrap_or_default();
                let (a, b) = (got(a), got(b));
                differences.push(format!("{name}: {case}: natively {a}, in the sandbox {b}; both must be the same"));
            }
        }
    }
    differences
}

/// The folder itself, or those in it, that have a manifest.
fn folders(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let is_policy = |dir: &Path| dir.join("manifest.toml").is_file();
    if is_policy(dir) {
        return Ok(vec![dir.to_owned()]);
    }
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("`{}`", dir.display()))? {
        folders.extend(Some(entry?.path()).filter(|path| is_policy(path)));
    }
    folders.sort();
    Ok(folders)
}

fn load(dir: &Path) -> anyhow::Result<Result<Vec<PolicyPackage>, Vec<access_engine::GateError>>> {
    let sandbox = crate::sandbox::sandbox(None)?;
    let packages = if dir.join("manifest.toml").is_file() {
        PolicyPackage::load(dir, &sandbox).map(|package| vec![package])
    } else {
        access_engine::load_dir(dir, &sandbox)
    };
    if packages.as_ref().is_ok_and(Vec::is_empty) {
        bail!("`{}` holds no policy: a policy is a folder with a manifest.toml", dir.display());
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(place: &'static str, said: &[&Value]) -> Run {
        let case = |got: &&Value| json!({ "name": "a", "passed": true, "expected": { "error": true }, "got": got });
        let cases: Vec<Value> = said.iter().map(case).collect();
        let report = json!({ "policy": "p", "passed": cases.len(), "failed": 0, "cases": cases });
        Run { place, report, text: String::new() }
    }

    #[test]
    fn two_ways_that_differ_are_told_and_errors_are_errors() {
        let (permits, silent) =
            (json!({ "effect": "permit", "reasons": [] }), json!({ "effect": "no_match", "reasons": [] }));
        let errs = |text: &str| json!({ "error": text });
        let check = |native: &[&Value], sandbox: &[&Value], expected: usize| {
            let found = differences(&[run("native", native), run("sandbox", sandbox)]);
            assert_eq!(found.len(), expected, "{found:?}");
        };
        let (panic, trap) = (errs("index out of bounds"), errs("trap"));
        check(&[&permits], &[&permits], 0);
        check(&[&panic], &[&trap], 0);
        check(&[&permits], &[&silent], 1);
        check(&[&permits], &[&trap], 1);
        check(&[&permits], &[&permits, &silent], 1);
        assert!(!run("native", &[]).is_success());
    }
}
