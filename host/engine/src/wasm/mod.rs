//! WASM modules: components of the world `cronflow:policy/policy@1`, each decision in a fresh instance, within limits.
//!
//! Reading order: [`limits`] (every number), `config` (one build of wasmtime's settings, for the compiling child and for the
//! host), `scan` (counts and imports, before a compiler sees the bytes), `component` (core modules become components),
//! `compile` (in a child process), `cache` (compiled code kept between starts; the one file with `unsafe`), `facts` (facts
//! as a guest gets them, borrowed), `guest` (a module, ready, and one evaluation), `direct` and `image` (what the SDK builds
//! is called without a component's adapters), `sandbox` (all of it together).
//!
//! A guest imports `log` and nothing else: no clock, no randomness, no files. What it may use is counted in fuel, which does
//! not depend on the machine; the clock is a backstop only.

pub(crate) mod limits;

mod cache;
mod compile;
mod component;
mod config;
mod direct;
mod facts;
mod guest;
mod image;
mod sandbox;
mod scan;

pub use cache::CompiledCache;
pub use compile::{Compiler, compile_as_child};
pub(crate) use facts::GuestFacts;
pub(crate) use guest::{Fuel, Guest, Spent};
pub use limits::Limits;
pub use sandbox::{Sandbox, SandboxError, inspect};
