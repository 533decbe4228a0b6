//! `policy test DIR`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::cli::Format;
use crate::output;

pub(super) fn run(dir: &Path, format: Format) -> anyhow::Result<ExitCode> {
    // `policy test .` is in a folder that has a name all the same.
    let dir = dir.canonicalize().with_context(|| format!("`{}`", dir.display()))?;
    super::build::build_if_rust(&dir)?;
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
