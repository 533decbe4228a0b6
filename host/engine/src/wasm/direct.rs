//! The direct way into a module: what the SDK builds takes its parameters as one block, so that a decision needs neither a
//! component's adapters nor a call for each text. The contract is the same, and so is what is made of the answer: the gate has
//! made a component of the module and found that it fits the world.
//!
//! A module says that it may be called so by exporting `cronflow-policy-block`, a function from a size to the address of so
//! many bytes: it gives back none of what it is handed, its texts are UTF-8, and it needs no start but that of WebAssembly.

use wasmtime::{Caller, Instance, InstancePre, Linker, Module, ModuleExport, Result, Store, WasmParams, bail};

use super::facts::{AttributeView, EffectView, ObligationView, ReasonView, VerdictView};
use super::guest::State;
use super::image::{BLOCK_ALIGN, Image};
use super::limits::{ANSWER_BYTES, REASONS};

const MEMORY: &str = "memory";
const BLOCK: &str = "cronflow-policy-block";

/// A module and its exports.
pub(super) struct Direct {
    pre: InstancePre<State>,
    memory: ModuleExport,
    block: ModuleExport,
    evaluate: ModuleExport,
    validate_settings: ModuleExport,
    describe: ModuleExport,
}

/// Whether these are a core module that says that it may be called directly.
pub(super) fn is_direct(wasm: &[u8]) -> bool {
    // the modules within a component are for its adapters
    let is_core = !wasmparser::Parser::is_component(wasm);
    is_core
        && wasmparser::Parser::new(0).parse_all(wasm).any(|payload| {
            let Ok(wasmparser::Payload::ExportSection(exports)) = payload else { return false };
            exports.into_iter().any(|export| export.is_ok_and(|export| export.name == BLOCK))
        })
}

/// What such a module may import.
pub(super) fn link(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap("cronflow:policy/log@1.0.0", "line", |mut caller: Caller<'_, State>, at: u32, bytes: u32| {
        super::guest::charge_line(&mut caller, bytes as usize)?;
        let memory = caller.get_export(MEMORY).and_then(wasmtime::Extern::into_memory);
        let Some(memory) = memory else { bail!("no memory") };
        let (memory, state) = memory.data_and_store_mut(&mut caller);
        state.log(text(memory, at, bytes)?);
        Ok(())
    })?;
    Ok(())
}

impl Direct {
    /// `None`: it is none, or lacks what the world wants.
    pub(super) fn new(linker: &Linker<State>, module: &Module) -> Option<Self> {
        let export = |name| module.get_export_index(name);
        Some(Self {
            memory: export(MEMORY)?,
            block: export(BLOCK)?,
            evaluate: export("evaluate")?,
            validate_settings: export("validate-settings")?,
            describe: export("describe")?,
            pre: linker.instantiate_pre(module).ok()?,
        })
    }

    pub(super) fn module(&self) -> &Module {
        self.pre.module()
    }

    pub(super) fn evaluate(
        &self,
        store: &mut Store<State>,
        facts: &Image,
        settings: &[AttributeView<'_>],
    ) -> Result<VerdictView> {
        let instance = self.pre.instantiate(&mut *store)?;
        let settings_image = Image::list(settings);
        let base = self.reserve(store, instance, facts.len() + settings_image.len())?;
        let memory = self.memory(store, instance)?;
        let placed = (|| {
            let at = base + facts.len();
            facts.put(memory, base)?;
            settings_image.put(memory, at)?;
            Image::tell_settings(memory, base, at, settings.len())
        })();
        let Some(()) = placed else { bail!("beyond the end of memory") };
        let at = self.call(store, instance, &self.evaluate, u32::try_from(base)?)?;
        verdict(self.memory(store, instance)?, at)
    }

    pub(super) fn validate_settings(
        &self,
        store: &mut Store<State>,
        settings: &[AttributeView<'_>],
    ) -> Result<Result<(), String>> {
        let instance = self.pre.instantiate(&mut *store)?;
        let image = Image::list(settings);
        let base = self.reserve(store, instance, image.len())?;
        let Some(()) = image.put(self.memory(store, instance)?, base) else { bail!("beyond the end of memory") };
        let params = (u32::try_from(base)?, u32::try_from(settings.len())?);
        let at = self.call(store, instance, &self.validate_settings, params)?;
        let memory = self.memory(store, instance)?;
        let [outcome, _, _, _, message @ ..] = chunk::<12>(memory, at)?;
        match outcome {
            0 => Ok(Ok(())),
            1 => {
                let [start, bytes] = words(message);
                Ok(Err(text(memory, start, bytes)?.to_owned()))
            }
            _ => bail!("neither fit nor unfit"),
        }
    }

    pub(super) fn describe(&self, store: &mut Store<State>) -> Result<String> {
        let instance = self.pre.instantiate(&mut *store)?;
        let at = self.call(store, instance, &self.describe, ())?;
        let memory = self.memory(store, instance)?;
        let [start, bytes] = words(chunk::<8>(memory, at)?);
        Ok(text(memory, start, bytes)?.to_owned())
    }

    /// Has the module set so many bytes aside.
    fn reserve(&self, store: &mut Store<State>, instance: Instance, bytes: usize) -> Result<usize> {
        let base = self.call(store, instance, &self.block, u32::try_from(bytes)?)? as usize;
        if base == 0 || !base.is_multiple_of(BLOCK_ALIGN) {
            bail!("a block that is none");
        }
        Ok(base)
    }

    fn call<P: WasmParams>(
        &self,
        store: &mut Store<State>,
        instance: Instance,
        export: &ModuleExport,
        params: P,
    ) -> Result<u32> {
        let export = instance.get_module_export(&mut *store, export).and_then(wasmtime::Extern::into_func);
        let Some(func) = export else { bail!("not a function") };
        func.typed::<P, u32>(&*store)?.call(store, params)
    }

    fn memory<'a>(&self, store: &'a mut Store<State>, instance: Instance) -> Result<&'a mut [u8]> {
        let memory = instance.get_module_export(&mut *store, &self.memory).and_then(wasmtime::Extern::into_memory);
        let Some(memory) = memory else { bail!("not a memory") };
        Ok(memory.data_mut(store))
    }
}

/// The record `verdict` at `at`.
fn verdict(memory: &[u8], at: u32) -> Result<VerdictView> {
    let [effect, _, _, _, lists @ ..] = chunk::<20>(memory, at)?;
    let effect = match effect {
        0 => EffectView::Permit,
        1 => EffectView::Forbid,
        2 => EffectView::NoMatch,
        _ => bail!("no such effect"),
    };
    let [reasons_at, reasons, obligations_at, obligations] = words(lists);
    let mut bytes_left = ANSWER_BYTES;
    let mut take = |start, bytes: u32| {
        let Some(left) = bytes_left.checked_sub(bytes as usize) else { bail!("too long an answer") };
        bytes_left = left;
        text(memory, start, bytes).map(str::to_owned)
    };
    let reasons = places(reasons_at, reasons, 16)?
        .map(|at| {
            let [code, code_bytes, message, message_bytes] = words(chunk::<16>(memory, at?)?);
            Ok(ReasonView { code: take(code, code_bytes)?, message: take(message, message_bytes)? })
        })
        .collect::<Result<_>>()?;
    let obligations = places(obligations_at, obligations, 8)?
        .map(|at| match chunk::<8>(memory, at?)? {
            [0, _, _, _, seconds @ ..] => Ok(ObligationView::StepUp(u32::from_le_bytes(seconds))),
            _ => bail!("no such obligation"),
        })
        .collect::<Result<_>>()?;
    Ok(VerdictView { effect, reasons, obligations })
}

/// Where the items of a list are.
fn places(start: u32, count: u32, size: u32) -> Result<impl Iterator<Item = Result<u32>>> {
    if count as usize > REASONS {
        bail!("too long a list");
    }
    let beyond = || wasmtime::Error::msg("beyond the end of memory");
    Ok((0..count).map(move |place| start.checked_add(place * size).ok_or_else(beyond)))
}

/// `N` bytes of memory from `at` on, where a record or a list's item begins.
fn chunk<const N: usize>(memory: &[u8], at: u32) -> Result<[u8; N]> {
    let found = memory.get(at as usize..).and_then(|rest| rest.first_chunk());
    match found {
        Some(found) if at.is_multiple_of(4) => Ok(*found),
        _ => bail!("nothing can be there"),
    }
}

fn text(memory: &[u8], at: u32, bytes: u32) -> Result<&str> {
    let found = memory.get(at as usize..).and_then(|rest| rest.get(..bytes as usize));
    let Some(found) = found else { bail!("beyond the end of memory") };
    Ok(std::str::from_utf8(found)?)
}

fn words<const BYTES: usize, const WORDS: usize>(bytes: [u8; BYTES]) -> [u32; WORDS] {
    let (words, _) = bytes.as_chunks();
    std::array::from_fn(|place| words.get(place).map_or(0, |word| u32::from_le_bytes(*word)))
}
