//! The first look at a module: its shape, counted without compiling anything.

use wasmparser::{
    ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload, TypeBounds, Validator, WasmFeatures,
};

use crate::error::GateErrorKind;

/// A limit that a module's counts are held to: what there may not be too much of, and the most of it.
type Count = (&'static str, u64, u64);

const FUNCTIONS: u64 = 10_000;
const LOCALS: u64 = 2_000;
const FUNCTION_BYTES: u64 = 128 << 10;
const TYPES: u64 = 2_000;
const EXPORTS: u64 = 200;
const GLOBALS: u64 = 1_000;
const SEGMENTS: u64 = 2_000;
const NESTED: u64 = 16;

/// Which sort of module the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A component.
    Component,
    /// A core module, to be made a component of.
    Core,
}

/// Refuses what is no WebAssembly, what is too large in any way, and what asks for more than `log`.
pub(super) fn scan(bytes: &[u8]) -> Result<Sort, GateErrorKind> {
    if bytes.starts_with(b"\x7fELF") {
        return refuse("this is compiled code, not WebAssembly; upload the `.wasm` file that the compiler was given");
    }
    if !bytes.starts_with(b"\0asm") {
        return refuse("this is no WebAssembly module; upload what `policy build` writes");
    }
    let mut sort = None;
    let mut nested = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| malformed(&error))?;
        if let Payload::Version { encoding, .. } = &payload {
            sort.get_or_insert(match encoding {
                Encoding::Module => Sort::Core,
                Encoding::Component => Sort::Component,
            });
        }
        for (what, count, limit) in counts(&payload, &mut nested)? {
            if count > limit {
                return refuse(&format!("the module has {count} {what} and may have {limit}; make it smaller"));
            }
        }
        check_imports(&payload)?;
    }
    validate(bytes)?;
    sort.ok_or_else(|| malformed(&"it is empty"))
}

fn counts(payload: &Payload<'_>, nested: &mut u64) -> Result<Vec<Count>, GateErrorKind> {
    let one = |what, count: u32, limit| vec![(what, u64::from(count), limit)];
    Ok(match payload {
        Payload::TypeSection(types) => one("types", types.count(), TYPES),
        Payload::FunctionSection(functions) => one("functions", functions.count(), FUNCTIONS),
        Payload::ExportSection(exports) => one("exports", exports.count(), EXPORTS),
        Payload::GlobalSection(globals) => one("globals", globals.count(), GLOBALS),
        Payload::ElementSection(elements) => one("element segments", elements.count(), SEGMENTS),
        Payload::DataSection(data) => one("data segments", data.count(), SEGMENTS),
        Payload::MemorySection(memories) => one("memories", memories.count(), 1),
        Payload::ComponentTypeSection(types) => one("types", types.count(), TYPES),
        Payload::ComponentExportSection(exports) => one("exports", exports.count(), EXPORTS),
        Payload::ComponentAliasSection(aliases) => one("aliases", aliases.count(), TYPES),
        Payload::ComponentCanonicalSection(functions) => one("canonical functions", functions.count(), EXPORTS),
        Payload::InstanceSection(instances) => one("instances", instances.count(), EXPORTS),
        Payload::ComponentInstanceSection(instances) => one("instances", instances.count(), EXPORTS),
        Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
            *nested += 1;
            vec![("modules within it", *nested, NESTED)]
        }
        Payload::CodeSectionEntry(body) => {
            let mut locals = 0u64;
            for group in body.get_locals_reader().map_err(|error| malformed(&error))? {
                locals += u64::from(group.map_err(|error| malformed(&error))?.0);
            }
            let bytes = body.range().len() as u64;
            vec![("locals in a function", locals, LOCALS), ("bytes in a function", bytes, FUNCTION_BYTES)]
        }
        _ => Vec::new(),
    })
}

/// The interfaces that a policy may import: what the world's own types come from, and `log`.
fn is_ours(name: &str) -> bool {
    ["cronflow:policy/facts@1.", "cronflow:policy/verdict@1.", "cronflow:policy/log@1."]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

fn check_imports(payload: &Payload<'_>) -> Result<(), GateErrorKind> {
    match payload {
        Payload::ImportSection(imports) => {
            for import in imports.clone().into_imports() {
                let module = import.map_err(|error| malformed(&error))?.module;
                // what `wit-component` puts between a component's own modules has no name of an interface
                if module.contains(':') || module == "env" || module.starts_with("wasi") {
                    check_import(module)?;
                }
            }
        }
        Payload::ComponentImportSection(imports) => {
            for import in imports.clone() {
                let import = import.map_err(|error| malformed(&error))?;
                // the types that the world uses stand as imports, and give nothing to call
                if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                    check_import(import.name.name)?;
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports.clone() {
                let export = export.map_err(|error| malformed(&error))?;
                if export.kind == ComponentExternalKind::Module {
                    return refuse("a policy exports functions, not modules");
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn check_import(name: &str) -> Result<(), GateErrorKind> {
    if is_ours(name) {
        return Ok(());
    }
    let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    let wasi = shown.starts_with("wasi");
    let hint = if wasi { "; build for wasm32-unknown-unknown, not for a wasi target" } else { "" };
    refuse(&format!("the module imports `{shown}`; a policy may import `cronflow:policy/log` and nothing else{hint}"))
}

fn validate(bytes: &[u8]) -> Result<(), GateErrorKind> {
    let mut features = WasmFeatures::default();
    for off in [
        WasmFeatures::THREADS,
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        WasmFeatures::MEMORY64,
        WasmFeatures::MULTI_MEMORY,
        WasmFeatures::EXCEPTIONS,
        WasmFeatures::LEGACY_EXCEPTIONS,
        WasmFeatures::GC,
        WasmFeatures::FUNCTION_REFERENCES,
        WasmFeatures::RELAXED_SIMD,
        WasmFeatures::TAIL_CALL,
        WasmFeatures::STACK_SWITCHING,
        WasmFeatures::CM_ASYNC,
    ] {
        features.remove(off);
    }
    features.insert(WasmFeatures::COMPONENT_MODEL);
    Validator::new_with_features(features).validate_all(bytes).map(drop).map_err(|error| malformed(&error))
}

/// A parser's messages name places in the file and what stands there, never more.
fn malformed(error: &dyn std::fmt::Display) -> GateErrorKind {
    GateErrorKind::Module(format!("the module is not valid here: {error}"))
}

fn refuse<T>(message: &str) -> Result<T, GateErrorKind> {
    Err(GateErrorKind::Module(message.to_owned()))
}
