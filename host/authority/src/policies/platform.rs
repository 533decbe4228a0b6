//! Which policy set decides, and how it is swapped: gate → swap → announce. A broken one changes nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use access_engine::{PolicyPackage, PolicySet, Sandbox};
use access_model::Catalog;
use arc_swap::{ArcSwap, Guard};

use crate::authority::lock;

/// A set in force, with the digest that decisions name. In-flight decisions keep the one they began with.
#[derive(Debug)]
pub struct Rules {
    pub(crate) set: PolicySet,
    pub(crate) digest: Arc<str>,
}

/// The policies in force.
#[derive(Debug)]
pub struct Policies {
    rules: ArcSwap<Rules>,
    folder: Option<Folder>,
    catalog: String,
    sandbox: Arc<Sandbox>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    watched: Mutex<Watched>,
    // Apart from `watched`, which is held while a set is loaded: whoever asks how things stand must not wait for that.
    problem: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct Watched {
    // What the folder looked like when it was last loaded or refused, and at the last look.
    settled: Vec<(PathBuf, SystemTime, u64)>,
    seen: Vec<(PathBuf, SystemTime, u64)>,
}

/// The policies can't be used. One line per fault, each naming file and position.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PoliciesError(String);

/// What a look at the folder came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Reload {
    /// Nothing has changed, or it is still changing.
    Nothing,
    /// A new set is in force; its digest.
    Swapped(Arc<str>),
    /// The new files can't be used; the last good set stays.
    Refused(String),
}

impl Policies {
    /// The built-in platform set, or the one in `folder`, which replaces it whole.
    ///
    /// # Errors
    /// When a package does not pass the gate, or one of its cases fails.
    pub fn load(folder: Option<PathBuf>, catalog: &Catalog, sandbox: Arc<Sandbox>) -> Result<Self, PoliciesError> {
        let seen = folder.as_deref().map(fingerprint).unwrap_or_default();
        let rules = load(folder.as_deref(), &catalog.digest, &sandbox)?;
        let watched = |path| Folder {
            path,
            watched: Mutex::new(Watched { settled: seen.clone(), seen: seen.clone() }),
            problem: Mutex::default(),
        };
        let (rules, catalog) = (ArcSwap::from_pointee(rules), catalog.digest.clone());
        Ok(Self { rules, folder: folder.map(watched), catalog, sandbox })
    }

    /// The set in force.
    pub(crate) fn current(&self) -> Guard<Arc<Rules>> {
        self.rules.load()
    }

    /// Where WASM modules are compiled and run.
    pub const fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    /// Digest of what decides now: platform set and catalog.
    pub fn digest(&self) -> Arc<str> {
        Arc::clone(&self.rules.load().digest)
    }

    /// Names of the policies in force.
    pub fn names(&self) -> Vec<String> {
        self.rules.load().set.names().map(str::to_owned).collect()
    }

    /// Why the files in the folder are not the set in force, if they aren't.
    pub fn problem(&self) -> Option<String> {
        self.folder.as_ref().and_then(|folder| lock(&folder.problem).clone())
    }

    /// Looks at the folder, and takes over what has changed once it has stopped changing. Blocks: call it off the runtime.
    pub fn reload(&self) -> Reload {
        let Some(folder) = &self.folder else { return Reload::Nothing };
        let mut watched = lock(&folder.watched);
        let seen = fingerprint(&folder.path);
        let still_changing = seen != watched.seen;
        watched.seen.clone_from(&seen);
        if still_changing || seen == watched.settled {
            return Reload::Nothing;
        }
        watched.settled = seen;
        match load(Some(&folder.path), &self.catalog, &self.sandbox) {
            Ok(rules) => {
                *lock(&folder.problem) = None;
                let digest = Arc::clone(&rules.digest);
                self.rules.store(Arc::new(rules));
                Reload::Swapped(digest)
            }
            Err(PoliciesError(problem)) => {
                *lock(&folder.problem) = Some(problem.clone());
                Reload::Refused(problem)
            }
        }
    }
}

fn load(folder: Option<&Path>, catalog: &str, sandbox: &Sandbox) -> Result<Rules, PoliciesError> {
    let packages = match folder {
        Some(folder) => access_engine::load_dir(folder, sandbox),
        None => access_engine::baseline(),
    };
    let packages = packages.map_err(|errors| lines(&errors))?;
    if packages.is_empty() {
        return Err(PoliciesError(
            "no policies: nothing would ever be allowed; `policy export DIR` writes a set to start from".into(),
        ));
    }
    for package in &packages {
        check_cases(package)?;
    }
    let set = PolicySet::platform(packages).map_err(|errors| lines(&errors))?;
    let digest = access_model::audit::sha256_hex(format!("{}\n{catalog}", set.digest()).as_bytes());
    Ok(Rules { set, digest: digest.into() })
}

fn check_cases(package: &PolicyPackage) -> Result<(), PoliciesError> {
    let report = access_engine::run_cases(package);
    if report.is_success() {
        Ok(())
    } else {
        Err(PoliciesError(format!("policy `{}`: a case fails\n{report}", package.name())))
    }
}

fn lines(errors: &[access_engine::GateError]) -> PoliciesError {
    PoliciesError(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// What a folder looks like from outside: names, times and sizes of its files and of those one level down.
fn fingerprint(folder: &Path) -> Vec<(PathBuf, SystemTime, u64)> {
    let list = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = list(folder)
        .flat_map(|path| if path.is_dir() { list(&path).collect() } else { vec![path] })
        .filter_map(|path| {
            let meta = path.metadata().ok()?;
            Some((path, meta.modified().ok()?, meta.len()))
        })
        .collect();
    files.sort();
    files
}
