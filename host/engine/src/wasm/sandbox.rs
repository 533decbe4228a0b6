//! Where modules are compiled and run. One for a whole process: it owns the pool that instances come from.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{Engine, EngineWeak, StoreContextMut};

use super::cache::{self, CompiledCache, Load};
use super::compile::Compiler;
use super::direct::Direct;
use super::guest::{Guest, State, charge_line};
use super::limits::Limits;
use super::scan::{self, Sort};
use super::{component, config, direct};
use crate::error::GateErrorKind;

/// How often the clock of the wall-clock backstop ticks.
pub(super) const TICK_MS: u64 = 20;

/// Compiles and runs modules, within limits.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<State>,
    direct: wasmtime::Linker<State>,
    limits: Limits,
    compiler: Compiler,
    cache: Option<CompiledCache>,
    // One module is compiled at a time, whoever asks.
    compiling: Mutex<()>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The sandbox can't be made on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the WASM sandbox can't be set up: {0}")]
pub struct SandboxError(String);

impl Sandbox {
    /// A sandbox with these limits. Starts a thread that ends with it.
    ///
    /// # Errors
    /// When the machine can't give what the pool needs: address space above all.
    pub fn new(limits: Limits, compiler: Compiler, cache: Option<CompiledCache>) -> Result<Self, SandboxError> {
        let wrong = |error: wasmtime::Error| SandboxError(format!("{error:#}"));
        let engine = config::engine(&limits, limits.instances).map_err(wrong)?;
        let mut linker = Linker::new(&engine);
        linker
            .instance("cronflow:policy/log@1.0.0")
            .and_then(|mut log| {
                log.func_wrap("line", |mut store: StoreContextMut<'_, State>, (line,): (String,)| {
                    charge_line(&mut store, line.len())?;
                    store.data_mut().log(&line);
                    Ok(())
                })
            })
            .map_err(wrong)?;
        let mut direct = wasmtime::Linker::new(&engine);
        direct::link(&mut direct).map_err(wrong)?;
        let ticking = engine.weak();
        std::thread::Builder::new()
            .name("policy clock".to_owned())
            .spawn(move || tick(&ticking))
            .map_err(|error| SandboxError(error.to_string()))?;
        Ok(Self { engine, linker, direct, limits, compiler, cache, compiling: Mutex::default() })
    }

    /// The limits that it was made with.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Makes a module ready: scanned, made a component, compiled (or taken from the cache), and its exports found. Nothing of
    /// it is run.
    pub(crate) fn prepare(&self, bytes: &[u8]) -> Result<Arc<Guest>, GateErrorKind> {
        let component = inspect(bytes)?;
        if direct::is_direct(bytes) {
            let module = self.compiled(bytes, cache::load_module)?;
            if let Some(direct) = Direct::new(&self.direct, &module) {
                return Ok(Arc::new(Guest::direct(direct, self.limits)));
            }
        }
        let compiled = self.compiled(&component, cache::load_component)?;
        let wrong = |error: wasmtime::Error| {
            GateErrorKind::Module(format!("the module is not of the world `cronflow:policy/policy@1`: {error:#}"))
        };
        let pre = self.linker.instantiate_pre(&compiled).map_err(wrong)?;
        let guest = Guest::new(pre, self.limits).map_err(|missing| {
            let message = format!(
                "the module does not export `{missing}`; a policy is a component of the world \
                                   `cronflow:policy/policy@1`, which `#[policy]` of the SDK makes"
            );
            GateErrorKind::Module(message)
        })?;
        Ok(Arc::new(guest))
    }

    /// Compiled code of a component or a core module, made runnable by `load`.
    fn compiled<T>(&self, wasm: &[u8], load: Load<T>) -> Result<T, GateErrorKind> {
        let _one = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = self.cache.as_ref().and_then(|cache| cache.lookup(&self.engine, wasm, load)) {
            return Ok(kept);
        }
        let refused = |message: String| GateErrorKind::Module(format!("the module can't be compiled: {message}"));
        let code = self.compiler.compile(&self.engine, wasm, self.limits.code_bytes).map_err(refused)?;
        if let Some(cache) = &self.cache {
            // Not kept, it is compiled again at the next start.
            let _ = cache.keep(&self.engine, wasm, &code);
        }
        load(&self.engine, &code).map_err(|error| refused(format!("{error:#}")))
    }
}

/// The component that a module is or becomes: what the gate finds out before a compiler sees anything.
///
/// # Errors
/// What is wrong with it, for its author.
pub fn inspect(bytes: &[u8]) -> Result<Vec<u8>, GateErrorKind> {
    let sort = scan::scan(bytes)?;
    let component = component::component(bytes, sort)?;
    if sort == Sort::Core {
        // the type that it carries may ask for anything
        scan::scan(&component)?;
    }
    Ok(component)
}

#[expect(clippy::disallowed_methods, reason = "the backstop is real time, and decides nothing but overload")]
fn tick(engine: &EngineWeak) {
    loop {
        std::thread::sleep(Duration::from_millis(TICK_MS));
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}
