//! Where modules are compiled and run, within limits.

use std::path::PathBuf;

use super::limits::Limits;

/// How modules are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// By `program policy-compiler`, a process of its own with cleared environment and limits: what a host uses.
    Child(PathBuf),
    /// Here: for the child itself, and for tests.
    InProcess,
}

/// Compiles and runs modules. One for a whole process: it owns the pool that instances come from.
#[derive(Debug)]
pub struct Sandbox {
    #[expect(dead_code, reason = "until modules are run")]
    limits: Limits,
}

/// The sandbox can't be made on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the WASM sandbox can't be set up: {0}")]
pub struct SandboxError(String);

impl Sandbox {
    /// A sandbox. `cache` is a folder for compiled code, private to this host.
    ///
    /// # Errors
    /// When the machine can't give what the pool needs.
    pub fn new(limits: Limits, _compiler: Compiler, _cache: Option<PathBuf>) -> Result<Self, SandboxError> {
        Ok(Self { limits })
    }
}
