//! `policy new --rust|--cel NAME`: a folder that builds and passes its cases as it is written, wherever it is written.
//!
//! The SDK comes along ([`vendor`]), so that an author needs neither a clone nor a registry that has it, and builds with the
//! SDK of the host that will run the policy. Crates of others come from their registry, in the versions that this binary was
//! built with ([`lock`]).

mod lock;
mod vendor;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use crate::output;

/// The workspace that this binary was built from.
const WORKSPACE: &str = include_str!("../../../../Cargo.toml");

/// Write a new policy to a folder: one that works, to start from.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// A policy in Rust.
    #[arg(long, required_unless_present = "cel")]
    rust: bool,
    /// A policy in CEL.
    #[arg(long, conflicts_with = "rust")]
    cel: bool,
    /// Its name: lower case letters, digits and hyphens. The folder is called so.
    name: String,
    /// Where the folder is made; here, unless stated.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

/// A file of the folder, and what stands in it.
type File = (&'static str, &'static str);

const COMMON: [File; 2] = [
    ("manifest.toml", include_str!("../../../templates/policy/manifest.toml")),
    ("cases.toml", include_str!("../../../templates/policy/cases.toml")),
];
const CEL: [File; 2] = [
    ("policy.cel", include_str!("../../../templates/policy/cel/policy.cel")),
    ("README.md", include_str!("../../../templates/policy/cel/README.md")),
];
const RUST: [File; 4] = [
    ("Cargo.toml", include_str!("../../../templates/policy/rust/Cargo.toml")),
    (".gitignore", include_str!("../../../templates/policy/rust/gitignore")),
    ("src/lib.rs", include_str!("../../../templates/policy/rust/lib.rs")),
    ("README.md", include_str!("../../../templates/policy/rust/README.md")),
];

impl New {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self { rust, name, dir, .. } = self;
        check_name(&name)?;
        let folder = dir.join(&name);
        let shown = folder.display();
        if folder.exists() && fs::read_dir(&folder).with_context(|| format!("`{shown}`"))?.next().is_some() {
            bail!("`{shown}` is not empty; nothing was written");
        }
        let engine = if rust { "wasm" } else { "cel" };
        let files = COMMON.into_iter().chain(if rust { RUST.to_vec() } else { CEL.to_vec() });
        for (path, contents) in files {
            write(&folder.join(path), contents.replace("__NAME__", &name).replace("__ENGINE__", engine).as_bytes())?;
        }
        if rust {
            for (path, contents) in vendor::files()? {
                write(&folder.join("vendor/cronflow-policy").join(path), &contents)?;
            }
            write(&folder.join("Cargo.lock"), lock::trimmed()?.as_bytes())?;
        }
        output::say(&format!("written to {shown}; run its cases with `cronflow-access policy test {shown}`"));
        Ok(ExitCode::SUCCESS)
    }
}

/// A policy's name, which is a crate's and a folder's too.
fn check_name(name: &str) -> anyhow::Result<()> {
    let is_one = name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_one {
        bail!(
            "`{}` is no name of a policy; use up to 63 lower case letters, digits and hyphens, a letter first",
            name.escape_debug()
        );
    }
    // What cargo can't name a crate, and what the policy itself imports.
    let taken = ["test", "core", "std", "alloc", "proc-macro", "serde", "cronflow-policy", "self", "super", "crate"];
    if taken.contains(&name) || name.ends_with('-') || name.contains("--") {
        bail!("a policy can't be named `{name}`; choose another name");
    }
    Ok(())
}

fn write(path: &Path, contents: &[u8]) -> anyhow::Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).with_context(|| format!("`{}`", parent.display()))?;
    fs::write(path, contents).with_context(|| format!("`{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_a_policy_and_of_a_crate() {
        for name in ["a", "office-hours", "p2"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "a".repeat(64);
        for name in ["", "A", "2p", "-a", "a-", "a--b", "a_b", "../a", "a/b", "ä", "test", "serde", long.as_str()] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
