//! The policies that ship in the binary: the folder `policies/`, embedded.

use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, File, include_dir};

use crate::error::GateError;
use crate::package::{CASES, CEL_MODULE, MANIFEST, PolicyPackage, README};

static POLICIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../policies");
/// What ships of a package: the built-in set is CEL only.
const SHIPPED: [&str; 4] = [MANIFEST, CEL_MODULE, README, CASES];

/// The built-in packages, verified, by name: what a host runs unless it is told of a folder.
pub fn baseline() -> Result<Vec<PolicyPackage>, Vec<GateError>> {
    let mut folders: Vec<&Dir<'_>> = POLICIES.dirs().filter(|dir| has_manifest(dir)).collect();
    folders.sort_by_key(|dir| dir.path());
    let mut packages = Vec::new();
    let mut errors = Vec::new();
    for folder in folders {
        let files: BTreeMap<String, Vec<u8>> =
            folder.files().map(|file| (name(file.path()), file.contents().to_vec())).collect();
        match PolicyPackage::from_files(&name(folder.path()), &files, None) {
            Ok(package) => packages.push(package),
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(packages) } else { Err(errors) }
}

/// The embedded catalog and packages, by their paths below `policies/`: what an export writes out. Where a policy is there in
/// Rust too, that stays behind: it needs a workspace around it.
pub fn baseline_files() -> impl Iterator<Item = (&'static Path, &'static [u8])> {
    let ships = |file: &&File<'_>| SHIPPED.contains(&name(file.path()).as_str());
    let within = POLICIES.dirs().flat_map(Dir::files).filter(ships);
    POLICIES.files().chain(within).map(|file| (file.path(), file.contents()))
}

fn has_manifest(dir: &Dir<'_>) -> bool {
    dir.files().any(|file| name(file.path()) == MANIFEST)
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
