//! A policy package: a folder with a manifest, a module, a page for people and cases, read and verified.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cronflow_policy_cases::{Attributes, CaseFile, FactsRef};
use sha2::{Digest, Sha256};

use crate::cel;
use crate::error::{GateError, GateErrorKind, Position};
use crate::manifest::{Engine, Manifest};
use crate::module::{Facts, Module};
use crate::trace::Trace;
use crate::upload::Upload;
use crate::wasm::{self, Sandbox};

pub(crate) const MANIFEST: &str = "manifest.toml";
pub(crate) const CEL_MODULE: &str = "policy.cel";
pub(crate) const WASM_MODULE: &str = "policy.wasm";
pub(crate) const README: &str = "README.md";
pub(crate) const CASES: &str = "cases.toml";

/// The files that make a package, and the most bytes that each may have. Others in the folder are left alone.
const FILES: [(&str, usize); 5] = [
    (MANIFEST, 64 << 10),
    (CEL_MODULE, cel::limits::SOURCE_BYTES),
    (WASM_MODULE, wasm::limits::MODULE_BYTES),
    (README, 256 << 10),
    (CASES, 1 << 20),
];

/// Bytes that a package takes whatever is in it.
const BASE_WEIGHT: u64 = 4 << 10;
/// Bytes that a program takes for each of its source, about.
const CEL_WEIGHT: usize = 16;

/// A package that passed the gate: its manifest holds, its module can be evaluated.
#[derive(Debug)]
pub struct PolicyPackage {
    manifest: Manifest,
    module: Module,
    cases: Option<CaseFile>,
    readme: Option<String>,
    bytes: Vec<u8>,
    digest: [u8; 32],
}

impl PolicyPackage {
    /// Reads and verifies a folder.
    pub fn load(dir: &Path, sandbox: &Sandbox) -> Result<Self, Vec<GateError>> {
        let (folder, files) = files(dir)?;
        Self::from_files(&folder, &files, Some(sandbox))
    }

    /// Verifies a package's files, by their names: what is uploaded, embedded or read. `folder` is the name that the
    /// package must have. Without a sandbox there are no WASM modules.
    pub fn from_files(
        folder: &str,
        files: &BTreeMap<String, Vec<u8>>,
        sandbox: Option<&Sandbox>,
    ) -> Result<Self, Vec<GateError>> {
        let refused = |file: &str, position, kind| vec![GateError::file(folder, file, position, kind)];
        let required =
            |name| text(folder, files, name)?.ok_or_else(|| refused("", None, GateErrorKind::MissingFile(name)));

        let source = required(MANIFEST)?;
        let manifest = manifest(folder, source)?;
        let mut errors = Vec::new();
        let cases = match text(folder, files, CASES)?.map(CaseFile::parse).transpose() {
            Ok(cases) => cases,
            Err(error) => {
                let position = Position { line: error.line, column: error.column };
                errors.extend(refused(CASES, Some(position), GateErrorKind::Cases(error.message)));
                None
            }
        };
        let file = module_file(manifest.engine);
        let bytes = bytes(folder, files, file)?.ok_or_else(|| refused("", None, GateErrorKind::MissingFile(file)))?;
        let readme = text(folder, files, README)?.map(str::to_owned);
        match Module::verify(&manifest, bytes, sandbox) {
            Ok(module) if errors.is_empty() => Ok(Self {
                digest: digest(source.as_bytes(), bytes),
                module,
                bytes: bytes.to_owned(),
                manifest,
                cases,
                readme,
            }),
            Ok(_) => Err(errors),
            Err(found) => {
                errors.extend(found.into_iter().map(|(at, kind)| GateError::file(folder, file, at, kind)));
                Err(errors)
            }
        }
    }

    /// Verifies an upload's module, without running anything of it: also what makes a package of a kept revision.
    pub fn from_upload(upload: &Upload, sandbox: &Sandbox) -> Result<Self, Vec<GateError>> {
        let manifest = upload.manifest();
        let refused = |message| vec![GateError::package(&upload.name, GateErrorKind::Manifest(message))];
        manifest.check().map_err(refused)?;
        let file = module_file(upload.engine);
        within_limit(&upload.name, file, &upload.module)?;
        let module = Module::verify(&manifest, &upload.module, Some(sandbox)).map_err(|found| {
            found.into_iter().map(|(at, kind)| GateError::file(&upload.name, file, at, kind)).collect::<Vec<_>>()
        })?;
        let shown = toml::to_string(&manifest).map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            digest: digest(shown.as_bytes(), &upload.module),
            module,
            bytes: upload.module.clone(),
            manifest,
            cases: Some(upload.cases.clone()),
            readme: None,
        })
    }

    /// Judges facts as a binding with these settings would, and says how.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn explain(&self, facts: FactsRef<'_>, settings: &Attributes) -> Result<Trace, String> {
        let settings = self.manifest.settle_settings(settings)?;
        Ok(self.trace(&Facts::new(facts), &settings))
    }

    /// The same, with settings that are settled.
    pub(crate) fn trace(&self, facts: &Facts<'_>, settings: &Attributes) -> Trace {
        self.module.explain(&self.bytes, facts, settings)
    }

    /// The policy's name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// What it says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its cases; `None` where it has no `cases.toml`.
    pub fn cases(&self) -> Option<&CaseFile> {
        self.cases.as_ref()
    }

    /// Its page for people.
    pub fn readme(&self) -> Option<&str> {
        self.readme.as_deref()
    }

    /// The most steps that an evaluation may cost, of a CEL policy.
    pub fn cost(&self) -> Option<u64> {
        match &self.module {
            Module::Cel(program) => Some(program.cost()),
            Module::Wasm(_) => None,
        }
    }

    /// About how many bytes of memory it takes while it is loaded, its cases and its page for people not counted.
    pub fn weight(&self) -> u64 {
        let made = match &self.module {
            Module::Cel(_) => self.bytes.len().saturating_mul(CEL_WEIGHT),
            Module::Wasm(guest) => guest.code_bytes(),
        };
        BASE_WEIGHT + self.bytes.len().saturating_add(made) as u64
    }

    /// The same without its cases, which the gate is done with.
    pub(crate) fn without_cases(self) -> Self {
        Self { cases: None, ..self }
    }

    /// The module as it was given: CEL source, or WebAssembly.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn module(&self) -> &Module {
        &self.module
    }

    /// SHA-256 over manifest and module.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// The file that a module lies in.
pub(crate) const fn module_file(engine: Engine) -> &'static str {
    match engine {
        Engine::Cel => CEL_MODULE,
        Engine::Wasm => WASM_MODULE,
    }
}

/// A folder's manifest, which has its name.
pub(crate) fn manifest(folder: &str, source: &str) -> Result<Manifest, Vec<GateError>> {
    let refused = |position, kind| vec![GateError::file(folder, MANIFEST, position, kind)];
    let manifest = Manifest::parse(source).map_err(|(position, kind)| refused(position, kind))?;
    if manifest.name != folder {
        let kind = GateErrorKind::NameMismatch { folder: folder.to_owned(), manifest: manifest.name };
        return Err(refused(None, kind));
    }
    Ok(manifest)
}

/// Reads every package of a folder: its subfolders that hold any file of a package, by name. Plain files, the catalog among
/// them, and other subfolders are left alone. What can't be read, and a package without its manifest, is an error: a rule
/// must not go because a file did.
pub fn load_dir(dir: &Path, sandbox: &Sandbox) -> Result<Vec<PolicyPackage>, Vec<GateError>> {
    let unreadable = |e: std::io::Error| {
        vec![GateError::package(&dir.display().to_string(), GateErrorKind::Unreadable(e.to_string()))]
    };
    let mut folders = Vec::new();
    let mut errors = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        match is_package(&path) {
            Ok(true) => folders.push(path),
            Ok(false) => {}
            Err(error) => {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                errors.push(GateError::package(&name, GateErrorKind::Unreadable(error.to_string())));
            }
        }
    }
    folders.sort();
    let mut packages = Vec::new();
    for folder in folders {
        match PolicyPackage::load(&folder, sandbox) {
            Ok(package) => packages.push(package),
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(packages) } else { Err(errors) }
}

/// Files by their names.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A folder's name, and its files that make a package.
pub(crate) fn files(dir: &Path) -> Result<(String, Files), Vec<GateError>> {
    // `.` and the like name no folder by themselves
    let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let folder = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut files = BTreeMap::new();
    for (name, limit) in FILES {
        match read(&dir.join(name), limit) {
            Ok(Some(bytes)) => drop(files.insert(name.to_owned(), bytes)),
            Ok(None) => {}
            Err(kind) => return Err(vec![GateError::file(&folder, name, None, kind)]),
        }
    }
    Ok((folder, files))
}

/// `None` where there is no such file. Never reads more than the limit and one byte.
fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, GateErrorKind> {
    use std::io::{ErrorKind, Read};
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(GateErrorKind::Unreadable(e.to_string())),
    };
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|e| GateErrorKind::Unreadable(e.to_string()))?;
    Ok(Some(bytes))
}

/// A file's text, within its limit.
pub(crate) fn text<'a>(
    folder: &str,
    files: &'a BTreeMap<String, Vec<u8>>,
    name: &str,
) -> Result<Option<&'a str>, Vec<GateError>> {
    let Some(bytes) = bytes(folder, files, name)? else { return Ok(None) };
    let not_text = |_| vec![GateError::file(folder, name, None, GateErrorKind::NotText)];
    std::str::from_utf8(bytes).map(Some).map_err(not_text)
}

/// A file's bytes, within its limit.
pub(crate) fn bytes<'a>(
    folder: &str,
    files: &'a BTreeMap<String, Vec<u8>>,
    name: &str,
) -> Result<Option<&'a [u8]>, Vec<GateError>> {
    let Some(bytes) = files.get(name) else { return Ok(None) };
    within_limit(folder, name, bytes)?;
    Ok(Some(bytes))
}

fn within_limit(folder: &str, name: &str, bytes: &[u8]) -> Result<(), Vec<GateError>> {
    let limit = FILES.iter().find(|(known, _)| *known == name).map_or(0, |(_, limit)| *limit);
    if bytes.len() <= limit {
        return Ok(());
    }
    // where the source should have ended
    let position = bytes.get(..limit).filter(|_| name == CEL_MODULE).map(|start| {
        let start = String::from_utf8_lossy(start);
        Position::of(&start, start.len())
    });
    Err(vec![GateError::file(folder, name, position, GateErrorKind::FileTooLarge { size: bytes.len(), limit })])
}

fn digest(manifest: &[u8], module: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [manifest, module] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Whether a path is a folder with a file of a package in it.
fn is_package(path: &Path) -> std::io::Result<bool> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(false);
    }
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if FILES.iter().any(|(file, _)| name == *file) && name != README {
            return Ok(true);
        }
    }
    Ok(false)
}
