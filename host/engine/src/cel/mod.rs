//! CEL modules: one expression that comes to a verdict, verified before it may be evaluated.
//!
//! Reading order: [`limits`] (every number), `schema` (the facts a policy can name), `scan` (tokens, before anything
//! recursive sees the source), `parse` (the parser, on a stack of its own), `bounds` (how large and deep a tree may be),
//! `lower` and `names` (the profile: what is allowed, and names turned into slots), `regexes` (constant patterns, compiled),
//! `types` (the one table of operators and functions, and the check), `cost` (what an evaluation may cost at most),
//! `verdicts` (the shape `condition ? verdict : verdict`), `condition` (the commonest conditions, answered directly),
//! `values` (facts as CEL values, borrowed), `functions` (what the profile adds), `program` (what is left: evaluated),
//! `trace` (the same, explained). `policies/CEL.md` says it to authors.
//!
//! The crate `cel` has no checker, no cost limit and no interrupt, so nothing reaches its evaluator that this gate has
//! not bounded: sizes, depth, types and cost, and every name is known before the first evaluation.

pub mod limits;

mod bounds;
mod condition;
mod cost;
mod functions;
mod lower;
mod names;
mod parse;
mod program;
mod regexes;
mod scan;
mod schema;
mod slot;
mod trace;
mod types;
mod values;
mod verdicts;

pub(crate) use program::Program;
pub(crate) use values::Values;

use crate::error::{GateErrorKind, Position};
use crate::guarded::on_gate_stack;
use crate::manifest::Manifest;

/// What the gate found, each with its place in the source.
pub(crate) type Findings = Vec<(Option<Position>, GateErrorKind)>;

/// Verifies a module's source. What comes back never aborts, and errs only with a fixed code.
pub(crate) fn compile(source: &str, manifest: &Manifest) -> Result<Program, Findings> {
    scan::scan(source).map_err(|finding| vec![finding])?;
    // the scan bounds how deep the parser can recurse, but not in bytes of stack, which depend on the build
    on_gate_stack(|| verify(source, manifest)).unwrap_or_else(|| Err(vec![(None, GateErrorKind::Unverifiable)]))
}

fn verify(source: &str, manifest: &Manifest) -> Result<Program, Findings> {
    let parsed = parse::parse(source)?;
    let verdicts = verdicts::read(parsed, manifest);
    verdicts.map_err(|found| parse::locate(source, found))
}

#[cfg(test)]
mod tests;
