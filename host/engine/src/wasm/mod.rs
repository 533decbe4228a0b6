//! WASM modules: components of the world `cronflow:policy/policy@1`, each decision in a fresh instance.

pub(crate) mod limits;

mod sandbox;

pub use limits::Limits;
pub use sandbox::{Compiler, Sandbox, SandboxError};
