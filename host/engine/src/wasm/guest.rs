//! A module, ready to be asked, and one evaluation of it: a fresh store, a fresh instance, thrown away after.

use std::fmt;

use cronflow_policy_cases::{Attributes, Verdict};
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower};
use wasmtime::{AsContextMut, PoolConcurrencyLimitError, Store, Trap};

use super::direct::Direct;
use super::facts::{AttributeView, GuestFacts, VerdictView, attributes};
use super::limits::{ANSWER_BYTES, LINE_FUEL, Limits};
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
    way: Way,
    limits: Limits,
}

/// How a module is called.
enum Way {
    /// By its component's own adapters.
    Component(Component),
    /// Without them: a module that takes its parameters as one block.
    Direct(Direct),
}

/// A component and the exports of the world.
struct Component {
    pre: InstancePre<State>,
    evaluate: ComponentExportIndex,
    validate_settings: ComponentExportIndex,
    describe: ComponentExportIndex,
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
    /// Finds the exports of the world in a component that can be instantiated, or says which one is not there.
    pub(super) fn new(pre: InstancePre<State>, limits: Limits) -> Result<Self, &'static str> {
        let export = |name| pre.component().get_export_index(None, name).ok_or(name);
        let (evaluate, validate_settings) = (export("evaluate")?, export("validate-settings")?);
        let describe = export("describe")?;
        Ok(Self { way: Way::Component(Component { pre, evaluate, validate_settings, describe }), limits })
    }

    pub(super) const fn direct(direct: Direct, limits: Limits) -> Self {
        Self { way: Way::Direct(direct), limits }
    }

    /// Bytes of its compiled code.
    pub(crate) fn code_bytes(&self) -> usize {
        let code = match &self.way {
            Way::Component(component) => component.pre.component().image_range(),
            Way::Direct(direct) => direct.module().image_range(),
        };
        code.end.addr() - code.start.addr()
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Judges. Takes what it burns out of `fuel`.
    pub(crate) fn evaluate(
        &self,
        facts: &GuestFacts<'_>,
        settings: Settings<'_>,
        fuel: &mut Fuel,
    ) -> (Result<Verdict, Fault>, Spent) {
        let settings = attributes(settings);
        let settings: &[AttributeView<'_>] = &settings;
        let (answer, spent) = self.run(fuel.0, |store| match &self.way {
            Way::Component(component) => {
                let params = (facts.view(), settings);
                component.call::<_, (VerdictView,)>(store, &component.evaluate, params).map(|(verdict,)| verdict)
            }
            Way::Direct(direct) => direct.evaluate(store, facts.image(), settings),
        });
        fuel.0 = fuel.0.saturating_sub(spent.fuel);
        (answer.and_then(|verdict| verdict.checked().ok_or(Fault::Answer)), spent)
    }

    /// Asks it whether it can work with settings; a sentence where it can't.
    pub(crate) fn validate_settings(&self, settings: Settings<'_>) -> Result<Result<(), String>, Fault> {
        let settings = attributes(settings);
        let settings: &[AttributeView<'_>] = &settings;
        let (answer, _) = self.run(self.limits.fuel, |store| match &self.way {
            Way::Component(component) => component
                .call::<_, (Result<(), String>,)>(store, &component.validate_settings, (settings,))
                .map(|(answer,)| answer),
            Way::Direct(direct) => direct.validate_settings(store, settings),
        });
        answer.map(|answer| answer.map_err(|message| clean_message(&message)))
    }

    /// What it says that it does.
    pub(crate) fn describe(&self) -> Result<String, Fault> {
        let (answer, _) = self.run(self.limits.fuel, |store| match &self.way {
            Way::Component(component) => {
                component.call::<_, (String,)>(store, &component.describe, ()).map(|(text,)| text)
            }
            Way::Direct(direct) => direct.describe(store),
        });
        answer.map(|text| clean_message(&text))
    }

    /// Runs `work` in a store of its own.
    fn run<R>(
        &self,
        fuel: u64,
        work: impl FnOnce(&mut Store<State>) -> wasmtime::Result<R>,
    ) -> (Result<R, Fault>, Spent) {
        let Limits { log_lines, log_bytes, deadline_ms, .. } = self.limits;
        let state = State { lines: Vec::new(), lines_left: log_lines, bytes_left: log_bytes };
        let engine = match &self.way {
            Way::Component(component) => component.pre.engine(),
            Way::Direct(direct) => direct.module().engine(),
        };
        let mut store = Store::new(engine, state);
        let given = fuel.min(self.limits.fuel);
        store.set_epoch_deadline(deadline_ms.div_ceil(TICK_MS) + 1);
        store.set_hostcall_fuel(ANSWER_BYTES);
        let answer = store.set_fuel(given).and_then(|()| work(&mut store));
        let left = store.get_fuel().unwrap_or_default();
        // Fuel is looked at where a loop or a function begins: what ended just behind may have burnt a little more than it had.
        let answer = match answer.map_err(|error| fault(&error)) {
            Ok(_) if left == 0 => Err(Fault::OutOfFuel),
            answer => answer,
        };
        (answer, Spent { fuel: given - left, lines: store.into_data().lines })
    }
}

impl Component {
    fn call<P, R>(&self, store: &mut Store<State>, export: &ComponentExportIndex, params: P) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let instance = self.pre.instantiate(&mut *store)?;
        let func = instance.get_func(&mut *store, export).ok_or_else(|| wasmtime::Error::msg("no such export"))?;
        func.typed::<P, R>(&*store)?.call(store, params)
    }
}

/// Has the guest pay for a line: handing it over is the host's work, which its loops must not count for nothing.
pub(super) fn charge_line(mut store: impl AsContextMut, bytes: usize) -> wasmtime::Result<()> {
    let mut store = store.as_context_mut();
    let price = LINE_FUEL.saturating_add(bytes as u64);
    let left = store.get_fuel()?.checked_sub(price);
    store.set_fuel(left.unwrap_or_default())?;
    left.ok_or(Trap::OutOfFuel)?;
    Ok(())
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
