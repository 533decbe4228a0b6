//! `policy export DIR`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::output;

pub(super) fn run(dir: &Path) -> anyhow::Result<ExitCode> {
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
