//! The sandbox that policies run in, as this binary sets it up.

use std::sync::Arc;

use access_engine::{CompiledCache, Compiler, Limits, Sandbox};
use anyhow::Context;

/// A sandbox that compiles in a child of this same program and keeps compiled code in `cache`.
pub(crate) fn sandbox(cache: Option<CompiledCache>) -> anyhow::Result<Arc<Sandbox>> {
    let program = std::env::current_exe().context("where this program lies")?;
    Ok(Arc::new(Sandbox::new(Limits::SERVING, Compiler::Child(program), cache)?))
}
