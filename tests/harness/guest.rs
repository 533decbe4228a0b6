//! The shipped policies that are there in Rust too, and the mirror of the tests, compiled to modules as `policy build` does it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::asking::WASM_TARGET;
use crate::process::workspace_root;

/// The module of a shipped policy, or of the mirror. All are built by the first who asks, below the workspace's `target`; of several processes,
/// cargo lets one build, and the others find it done.
///
/// # Panics
/// When it does not compile, or is none of those.
#[track_caller]
pub fn shipped_in_rust(policy: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let module = BUILT.get_or_init(build).join(policy.replace('-', "_")).with_extension("wasm");
    fs::read(&module).unwrap_or_else(|error| panic!("{}: {error}", module.display()))
}

fn build() -> PathBuf {
    let settings = workspace_root().join("host/src/commands/policy/build/settings.toml");
    let settings = fs::read_to_string(settings).expect("the settings of `policy build` are there");
    let into = workspace_root().join("target/guests");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--lib", "--release", "--target", WASM_TARGET]);
    cargo
        .args(["--package", "ip-allow-list", "--package", "scopes", "--package", "mirror"])
        .arg("--target-dir")
        .arg(&into);
    for setting in settings.lines() {
        cargo.args(["--config", setting]);
    }
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let built = cargo.current_dir(workspace_root()).stdin(Stdio::null()).status().expect("cargo runs");
    assert!(built.success(), "the shipped policies in Rust do not compile");
    into.join(WASM_TARGET).join("release")
}
