//! The policy engine: facts and a policy set in, a decision out, within limits.
//!
//! Reading order: `manifest` (what a policy says about itself), `package` (a policy's folder, read and verified),
//! `folder`, `upload` and `gate` (what a
//! tenant writes, what of it is sent, and what that must pass), `module` (what is evaluated: `cel` or `wasm`), `set` (packages bound with settings and a mode, and
//! [`PolicySet::decide`]), `combine` (the one table that makes a decision of verdicts), `cases` (a package's cases, run), `trace` (a judgement, explained), `measure` (a
//! judgement, to be timed),
//! `baseline` (the policies that ship in the binary), `error` (why the gate refuses).
//!
//! To add a policy: a folder under `policies/` with `manifest.toml`, `policy.cel`, `README.md` and `cases.toml`; the
//! tests here run its cases. To add a kind of module: a variant of `module::Module`. To add a fact: see
//! `cronflow_policy_cases`, then its row in `cel/schema.rs`; a test holds that table against the generated schema.
//!
//! It must never do I/O, read a clock or draw randomness in a decision; never know of keys, stores or HTTP; never print
//! an evaluation's error text, which holds the facts, secrets included; never let an error of a module count as its
//! silence.

mod baseline;
mod cases;
mod cel;
mod combine;
mod error;
mod folder;
mod gate;
mod guarded;
mod manifest;
mod measure;
mod module;
mod package;
mod set;
mod text;
mod trace;
mod trial;
mod upload;
mod wasm;

pub use baseline::{baseline, baseline_files};
pub use cases::run_cases;
pub use combine::{Said, combine};
pub use error::{GateError, GateErrorKind, Position};
pub use folder::Folder;
pub use gate::{Examined, Refused, examine};
pub use manifest::{AttributeType, Category, DeclaredAttributes, Engine, Manifest, Setting};
pub use measure::Ready;
pub use module::Fault;
pub use package::{PolicyPackage, load_dir};
pub use set::{Binding, Heard, Mode, Observation, Origin, PolicySet};
pub use trace::{Judgement, Leaf, Outcome, Span, Step, Trace};
pub use upload::{Cost, CostUnit, GateCheck, GateReport, Upload};
pub use wasm::{CompiledCache, Compiler, Limits, Sandbox, SandboxError, compile_as_child, inspect};

pub use crate::cel::limits;
