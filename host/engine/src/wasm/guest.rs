//! A module, ready to be asked, and one evaluation of it: a fresh store, a fresh instance, thrown away after.

use std::fmt;
use std::sync::Arc;

use cronflow_policy_cases::{Attributes, Verdict};
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use super::facts::{AttributeView, FactsView, VerdictView, attributes};
use super::limits::{ANSWER_BYTES, Limits};
use super::sandbox::TICK_MS;
use crate::module::Fault;
use crate::text::clean_message;

/// What a decision may still burn, shared by the modules of its sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fuel(pub(crate) u64);

/// What a guest's store holds: what it logged, and how much more it may.
#[derive(Debug)]
pub(super) struct State {
    lines: Vec<String>,
    lines_left: usize,
    bytes_left: usize,
}

impl State {
    /// Takes a line; what is over the limit is dropped.
    pub(super) fn log(&mut self, line: &str) {
        if self.lines_left == 0 || line.len() > self.bytes_left {
            self.lines_left = 0;
            return;
        }
        self.lines_left -= 1;
        self.bytes_left -= line.len();
        self.lines.push(clean_message(line));
    }
}

/// A module, ready to be asked.
pub(crate) struct Guest {
    pre: InstancePre<State>,
    evaluate: ComponentExportIndex,
    validate_settings: ComponentExportIndex,
    describe: ComponentExportIndex,
    limits: Limits,
}

/// Settings of a binding, as its guest gets them at every evaluation.
pub(crate) type Settings<'a> = &'a Attributes;

/// What an evaluation came to, beside its verdict.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// Fuel burnt.
    pub(crate) fuel: u64,
    /// What it logged.
    pub(crate) lines: Vec<String>,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").finish_non_exhaustive()
    }
}

impl Guest {
    /// Finds the exports of the world in a component that can be instantiated. `None`: they are not there.
    pub(super) fn new(pre: InstancePre<State>, limits: Limits) -> Result<Arc<Self>, &'static str> {
        let export = |name| pre.component().get_export_index(None, name).ok_or(name);
        let (evaluate, validate_settings) = (export("evaluate")?, export("validate-settings")?);
        let describe = export("describe")?;
        Ok(Arc::new(Self { evaluate, validate_settings, describe, pre, limits }))
    }

    /// Bytes of its compiled code.
    pub(crate) fn code_bytes(&self) -> usize {
        let code = self.pre.component().image_range();
        code.end.addr() - code.start.addr()
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Judges. Takes what it burns out of `fuel`.
    pub(crate) fn evaluate(
        &self,
        facts: &FactsView<'_>,
        settings: Settings<'_>,
        fuel: &mut Fuel,
    ) -> (Result<Verdict, Fault>, Spent) {
        let settings = attributes(settings);
        let settings: &[AttributeView<'_>] = &settings;
        let (answer, spent) = self.call::<_, (VerdictView,)>(&self.evaluate, (facts, settings), fuel.0);
        fuel.0 = fuel.0.saturating_sub(spent.fuel);
        (answer.and_then(|(verdict,)| verdict.checked().ok_or(Fault::Answer)), spent)
    }

    /// Asks it whether it can work with settings; a sentence where it can't.
    pub(crate) fn validate_settings(&self, settings: Settings<'_>) -> Result<Result<(), String>, Fault> {
        let settings = attributes(settings);
        let settings: &[AttributeView<'_>] = &settings;
        let params = (settings,);
        let (answer, _) = self.call::<_, (Result<(), String>,)>(&self.validate_settings, params, self.limits.fuel);
        answer.map(|(answer,)| answer.map_err(|message| clean_message(&message)))
    }

    /// What it says that it does.
    pub(crate) fn describe(&self) -> Result<String, Fault> {
        let (answer, _) = self.call::<_, (String,)>(&self.describe, (), self.limits.fuel);
        answer.map(|(text,)| clean_message(&text))
    }

    fn call<P, R>(&self, export: &ComponentExportIndex, params: P, fuel: u64) -> (Result<R, Fault>, Spent)
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let Limits { log_lines, log_bytes, deadline_ms, .. } = self.limits;
        let state = State { lines: Vec::new(), lines_left: log_lines, bytes_left: log_bytes };
        let mut store = Store::new(self.pre.engine(), state);
        let given = fuel.min(self.limits.fuel);
        store.set_epoch_deadline(deadline_ms.div_ceil(TICK_MS) + 1);
        store.set_hostcall_fuel(ANSWER_BYTES);
        let answer = (|| {
            store.set_fuel(given)?;
            let instance = self.pre.instantiate(&mut store)?;
            let func = instance.get_func(&mut store, export).ok_or_else(|| wasmtime::Error::msg("no such export"))?;
            func.typed::<P, R>(&store)?.call(&mut store, params)
        })();
        let burnt = given - store.get_fuel().unwrap_or_default();
        (answer.map_err(|error| fault(&error)), Spent { fuel: burnt, lines: store.into_data().lines })
    }
}

/// Sorts an error. Its text may hold facts: it ends here.
fn fault(error: &wasmtime::Error) -> Fault {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Fault::OutOfFuel,
        Some(Trap::Interrupt) => Fault::OutOfTime,
        Some(_) => Fault::Trap,
        None if error.is::<PoolConcurrencyLimitError>() => Fault::NoRoom,
        // what it was handed could not be put into its memory, or what it answered is no answer
        None => Fault::Answer,
    }
}
