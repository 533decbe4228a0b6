//! An author's folder, as what is uploaded of it: what the command line sends, and has examined beforehand.

use std::path::Path;

use cronflow_policy_cases::{Attributes, CaseError, CaseFile};
use serde_json::Value;

use crate::error::{GateError, GateErrorKind, Position};
use crate::package::{self, CASES, MANIFEST};
use crate::upload::{TENANT_SEES, Upload};

/// A folder, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    /// What it amounts to.
    pub upload: Upload,
    /// Its cases as they are sent: each by itself, with the facts that the file states for all.
    pub cases: Vec<Value>,
}

impl Folder {
    /// Reads a folder with a manifest, a module and cases. `settings` are put over the manifest's defaults.
    ///
    /// # Errors
    /// What can't be uploaded, with its place. The module itself is not looked at: that is the gate's.
    pub fn read(dir: &Path, settings: &Attributes) -> Result<Self, Vec<GateError>> {
        let (name, files) = package::files(dir)?;
        let refused = |file: &str, position, kind| vec![GateError::file(&name, file, position, kind)];
        let missing = |file| refused("", None, GateErrorKind::MissingFile(file));
        let manifest = package::text(&name, &files, MANIFEST)?.ok_or_else(|| missing(MANIFEST))?;
        let manifest = package::manifest(&name, manifest)?;
        let not_for_tenants = |message: &str| refused(MANIFEST, None, GateErrorKind::NotForTenants(message.to_owned()));
        if manifest.grants {
            return Err(not_for_tenants("an uploaded policy can't grant; take out `grants = true`"));
        }
        if manifest.sees.iter().any(|seen| !TENANT_SEES.contains(seen)) {
            return Err(not_for_tenants("an uploaded policy sees `customer` and `issuance` only; shorten `sees`"));
        }
        let is_as_written = settings.is_empty();
        let given = manifest.settle_settings(settings);
        let settings = given.map_err(|message| refused("", None, GateErrorKind::Settings(message)))?;
        if let Some(unset) = manifest.settings.keys().find(|name| !settings.contains_key(*name)) {
            let message = format!("setting `{unset}` has no default; state it with --setting {unset}=VALUE");
            return Err(refused("", None, GateErrorKind::Settings(message)));
        }
        let file = package::module_file(manifest.engine);
        let module = package::bytes(&name, &files, file)?.ok_or_else(|| missing(file))?.to_owned();
        let of_cases = |CaseError { line, column, message }| {
            refused(CASES, Some(Position { line, column }), GateErrorKind::Cases(message))
        };
        let source = package::text(&name, &files, CASES)?.unwrap_or_default();
        let mut cases = CaseFile::parse(source).map_err(of_cases)?;
        let mut sent = CaseFile::to_json(source).map_err(of_cases)?;
        // They were written with the manifest's defaults in mind, whatever is set now.
        for (case, sent) in cases.cases.iter_mut().zip(&mut sent).filter(|_| !is_as_written) {
            let defaults = manifest.settings.iter().filter_map(|(name, s)| Some((name.clone(), s.default.clone()?)));
            case.settings = defaults.chain(case.settings.clone()).collect();
            let stated = serde_json::to_value(&case.settings).unwrap_or_default();
            sent.as_object_mut().map(|sent| sent.insert("settings".to_owned(), stated));
        }
        let upload = Upload {
            engine: manifest.engine,
            module,
            settings,
            attributes: manifest.attributes,
            cases,
            name: manifest.name,
        };
        Ok(Self { upload, cases: sent })
    }
}
