//! `policy test DIR`, `policy export DIR`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::Value;

use crate::cli::Format;
use crate::output;

/// Test and export policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Check a policy, or each policy of a folder, and run its cases.
    Test {
        /// A policy's folder, or a folder of such.
        dir: PathBuf,
    },
    /// Write the built-in policies and catalog to a new folder, to start from.
    Export {
        /// A folder that does not exist yet, or is empty.
        dir: PathBuf,
    },
}

impl Policy {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        match self {
            Self::Test { dir } => test(&dir, format),
            Self::Export { dir } => export(&dir),
        }
    }
}

fn test(dir: &std::path::Path, format: Format) -> anyhow::Result<ExitCode> {
    // `policy test .` is in a folder that has a name all the same.
    let dir = dir.canonicalize().with_context(|| format!("`{}`", dir.display()))?;
    let sandbox = crate::sandbox::sandbox(None)?;
    let packages = if dir.join("manifest.toml").is_file() {
        access_engine::PolicyPackage::load(&dir, &sandbox).map(|package| vec![package])
    } else {
        access_engine::load_dir(&dir, &sandbox)
    };
    let packages = match packages {
        Ok(packages) => packages,
        Err(errors) => {
            for error in &errors {
                output::complain(&error.to_string());
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    if packages.is_empty() {
        bail!("`{}` holds no policy: a policy is a folder with a manifest.toml", dir.display());
    }
    let reports: Vec<_> = packages.iter().map(access_engine::run_cases).collect();
    match format {
        Format::Human => reports.iter().for_each(|report| output::say(&report.to_string())),
        Format::Json => output::say(&Value::from_iter(reports.iter().map(|report| report.to_json())).to_string()),
    }
    let passed = reports.iter().all(|report| report.is_success());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn export(dir: &std::path::Path) -> anyhow::Result<ExitCode> {
    let shown = dir.display();
    if dir.exists() && std::fs::read_dir(dir).with_context(|| format!("`{shown}`"))?.next().is_some() {
        bail!("`{shown}` is not empty; nothing was written");
    }
    for (path, contents) in access_engine::baseline_files() {
        let path = dir.join(path);
        let parent = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent).with_context(|| format!("`{}`", parent.display()))?;
        std::fs::write(&path, contents).with_context(|| format!("`{}`", path.display()))?;
    }
    output::say(&format!("written to {shown}; serve it with `cronflow-access serve --policies {shown}`"));
    Ok(ExitCode::SUCCESS)
}
