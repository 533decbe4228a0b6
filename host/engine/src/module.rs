//! What is evaluated: one enum over the kinds of module.

use std::sync::Arc;

use cronflow_policy_cases::{Attributes, FactsRef, Verdict};

use crate::cel::{self, Findings, Program, Values};
use crate::error::GateErrorKind;
use crate::manifest::{Engine, Manifest};
use crate::trace::{Leaf, Outcome, Step, Trace};
use crate::wasm::{Fuel, Guest, GuestFacts, Limits, Sandbox, Spent};

/// A verified module. A further kind is a further variant, and nothing outside this file need know.
#[derive(Debug)]
pub(crate) enum Module {
    /// One CEL expression.
    Cel(Program),
    /// A component, run in a sandbox.
    Wasm(Arc<Guest>),
}

/// Why an evaluation came to no verdict. Fixed codes: the underlying text would hold the facts, secrets included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The expression erred: something absent was read, a type was wrong, a number overflowed.
    Evaluation,
    /// The evaluator panicked. That is a defect of the engine, never of the policy's author.
    Panic,
    /// The module trapped: it panicked, overflowed its stack, touched memory that it does not have.
    Trap,
    /// The module burnt all the fuel that it may.
    OutOfFuel,
    /// What the module answered is no verdict, or its memory could not take the facts.
    Answer,
    /// The wall-clock backstop stopped it.
    OutOfTime,
    /// As many instances live as may.
    NoRoom,
}

impl Fault {
    /// The fixed code, for logs, reports and cases.
    pub fn code(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluation_error",
            Self::Panic => "evaluator_panic",
            Self::Trap => "trap",
            Self::OutOfFuel => "out_of_fuel",
            Self::Answer => "bad_answer",
            Self::OutOfTime => "out_of_time",
            Self::NoRoom => "no_room",
        }
    }

    /// Whether it says more of the machine's load than of the policy: the same facts may be judged later.
    pub fn is_overload(self) -> bool {
        matches!(self, Self::OutOfTime | Self::NoRoom)
    }
}

/// Facts, as each kind of module takes them; made once per decision, and only the forms that are needed.
pub(crate) struct Facts<'a> {
    pub(crate) plain: FactsRef<'a>,
    values: Values<'a>,
    guests: GuestFacts<'a>,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(facts: FactsRef<'a>) -> Self {
        Self { plain: facts, values: Values::new(facts), guests: GuestFacts::new(facts) }
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
            (Engine::Wasm, Some(sandbox)) => sandbox.prepare(bytes).map(Self::Wasm).map_err(|kind| vec![(None, kind)]),
            (Engine::Wasm, None) => {
                let message = "WASM modules can't be run here".to_owned();
                Err(vec![(None, GateErrorKind::Module(message))])
            }
        }
    }

    /// The limits of the sandbox that it runs in; CEL has none but its gate's.
    pub(crate) fn limits(&self) -> Option<&Limits> {
        match self {
            Self::Cel(_) => None,
            Self::Wasm(guest) => Some(guest.limits()),
        }
    }

    /// Judges, within the decision's fuel. Pure: the same facts and settings give the same answer, always.
    pub(crate) fn evaluate(
        &self,
        facts: &Facts<'_>,
        settings: &Attributes,
        fuel: &mut Fuel,
    ) -> (Result<Verdict, Fault>, Spent) {
        match self {
            Self::Cel(program) => (program.evaluate(&facts.values, settings), Spent::default()),
            Self::Wasm(guest) => guest.evaluate(&facts.guests, settings, fuel),
        }
    }

    /// Judges, and says how. `bytes` are those that it was verified from. What a WASM module reads can't be seen, so its
    /// last step names all the facts.
    pub(crate) fn explain(&self, bytes: &[u8], facts: &Facts<'_>, settings: &Attributes) -> Trace {
        if let Self::Cel(program) = self {
            return program.explain(std::str::from_utf8(bytes).unwrap_or_default(), &facts.values, settings);
        }
        let mut fuel = Fuel(self.limits().map_or(0, |limits| limits.fuel));
        let (said, Spent { lines, .. }) = self.evaluate(facts, settings, &mut fuel);
        let step = |text, outcome, leaves| Step { span: None, text, outcome, leaves };
        let mut steps: Vec<Step> = lines.into_iter().map(|line| step(line, Outcome::Noted, Vec::new())).collect();
        let outcome = said.as_ref().map_or_else(|fault| Outcome::Error(fault.code()), |_| Outcome::Decided);
        let all = Leaf { path: "facts".to_owned(), value: serde_json::to_value(facts.plain).unwrap_or_default() };
        steps.push(step("evaluate".to_owned(), outcome, vec![all]));
        Trace { steps, verdict: said.into() }
    }
}
