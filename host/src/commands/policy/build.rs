//! `policy build DIR`: a policy in Rust, compiled to `policy.wasm`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use access_model::text::hex;
use anyhow::{Context, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cli::Format;
use crate::output;

const TARGET: &str = "wasm32-unknown-unknown";
/// What the host runs, beside its manifest.
const MODULE: &str = "policy.wasm";

/// How guests are compiled, whatever folder and environment say: a setting of cargo's per line. All of it fits into the first 64 KiB of
/// an instance's memory, so that a fresh one is made in about four microseconds: a small stack, and what is left free for the
/// SDK's arena. The tests of the shipped policies in Rust read the same file.
const SETTINGS: &str = include_str!("build/settings.toml");

/// A module that was built.
pub(super) struct Built {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

pub(super) fn run(dir: &Path, format: Format) -> anyhow::Result<ExitCode> {
    if !is_crate(dir) {
        bail!("`{}` holds no Cargo.toml; only policies in Rust are built", dir.display());
    }
    let Built { path, bytes } = build(dir)?;
    let sha256 = hex(&Sha256::digest(&bytes));
    output::show(format, &json!({ "module": path.display().to_string(), "bytes": bytes.len(), "sha256": sha256 }));
    Ok(ExitCode::SUCCESS)
}

/// Whether a policy's folder holds a crate.
fn is_crate(dir: &Path) -> bool {
    dir.join("Cargo.toml").is_file()
}

/// Whether a policy's manifest names a module that is compiled from a crate beside it.
pub(super) fn is_rust(dir: &Path) -> bool {
    let manifest = fs::read_to_string(dir.join("manifest.toml")).unwrap_or_default();
    let engine = manifest.parse::<toml::Table>().ok().and_then(|manifest| manifest.get("engine").cloned());
    is_crate(dir) && engine.as_ref().and_then(toml::Value::as_str) == Some("wasm")
}

/// Compiles a policy's folder where there is something to compile.
pub(super) fn build_if_rust(dir: &Path) -> anyhow::Result<()> {
    if is_rust(dir) { build(dir).map(drop) } else { Ok(()) }
}

/// Compiles the crate of a policy's folder, and puts the module beside its manifest.
pub(super) fn build(dir: &Path) -> anyhow::Result<Built> {
    check_target(dir)?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--lib", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    for setting in SETTINGS.lines() {
        cargo.args(["--config", setting]);
    }
    // Flags of the author's own programs would take the place of the settings.
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(flags);
    }
    // What it is at stands on standard error, which is the author's.
    let ran = cargo.current_dir(dir).stderr(Stdio::inherit()).output().map_err(|error| not_there("cargo", error))?;
    if !ran.status.success() {
        bail!("`{}` does not compile", dir.display());
    }
    let messages = std::str::from_utf8(&ran.stdout).context("what cargo said")?;
    let compiled = module_of(messages, &dir.join("Cargo.toml").canonicalize()?);
    let Some(compiled) = compiled else {
        bail!(
            "`{}` builds no module; its Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\", \"rlib\"]`",
            dir.display()
        );
    };
    let bytes = fs::read(&compiled).with_context(|| format!("`{}`", compiled.display()))?;
    let path = dir.join(MODULE);
    fs::write(&path, &bytes).with_context(|| format!("`{}`", path.display()))?;
    Ok(Built { path, bytes })
}

/// Asks the compiler where the target's library lies, and looks: what cargo would say without it helps nobody.
fn check_target(dir: &Path) -> anyhow::Result<()> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(dir);
    let ran = rustc.output().map_err(|error| not_there("rustc", error))?;
    let place = String::from_utf8_lossy(&ran.stdout);
    if !ran.status.success() || !Path::new(place.trim()).is_dir() {
        bail!("the compiler has no target `{TARGET}`; add it with `rustup target add {TARGET}`");
    }
    Ok(())
}

pub(super) fn not_there(program: &str, error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound => {
            anyhow::anyhow!(
                "`{program}` is not installed; get Rust from https://rustup.rs, then `rustup target add {TARGET}`"
            )
        }
        _ => anyhow::Error::new(error).context(format!("`{program}` can't be run")),
    }
}

/// The module among the messages of cargo, one JSON object a line.
fn module_of(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_ours = |artifact: &Value| {
        artifact.get("manifest_path").and_then(Value::as_str).is_some_and(|path| Path::new(path) == manifest)
    };
    let files = |artifact: Value| artifact.get("filenames").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut files = artifacts.filter(is_ours).flat_map(files);
    files.find_map(|file| file.as_str().filter(|file| file.ends_with(".wasm")).map(PathBuf::from))
}
