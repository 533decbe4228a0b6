//! What is evaluated: one enum over the kinds of module.

use cronflow_policy_cases::{Attributes, Verdict};

use crate::cel::{self, Findings, Program, Values};
use crate::error::GateErrorKind;
use crate::manifest::{Engine, Manifest};
use crate::wasm::Sandbox;

/// A verified module. A further kind is a further variant, and nothing outside this file need know.
#[derive(Debug)]
pub(crate) enum Module {
    /// One CEL expression.
    Cel(Program),
}

/// Why an evaluation came to no verdict. Fixed codes: the underlying text would hold the facts, secrets included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The expression erred: something absent was read, a type was wrong, a number overflowed.
    Evaluation,
    /// The evaluator panicked. That is a defect of the engine, never of the policy's author.
    Panic,
}

impl Fault {
    /// The fixed code, for logs, reports and cases.
    pub fn code(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluation_error",
            Self::Panic => "evaluator_panic",
        }
    }
}

impl Module {
    /// Verifies a module's bytes, whatever sort they are of.
    pub(crate) fn verify(manifest: &Manifest, bytes: &[u8], sandbox: Option<&Sandbox>) -> Result<Self, Findings> {
        match (manifest.engine, sandbox) {
            (Engine::Cel, _) => {
                let source = std::str::from_utf8(bytes).map_err(|_| vec![(None, GateErrorKind::NotText)])?;
                cel::compile(source, manifest).map(Self::Cel)
            }
            (Engine::Wasm, _) => {
                let message = "WASM modules can't be run here".to_owned();
                Err(vec![(None, GateErrorKind::OutsideProfile(message))])
            }
        }
    }

    /// Judges. Pure: the same facts and settings give the same answer, always.
    pub(crate) fn evaluate(&self, values: &Values<'_>, settings: &Attributes) -> Result<Verdict, Fault> {
        match self {
            Self::Cel(program) => program.evaluate(values, settings),
        }
    }
}
