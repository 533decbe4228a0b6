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
    /// Names of the cases that are not: they leave unset what is set here and has no default, which no upload can say.
    pub left_out: Vec<String>,
}

impl Folder {
    /// A sentence about the cases that are left out, where there are some.
    pub fn remark(&self) -> Option<String> {
        let names = self.left_out.join("`, `");
        (!names.is_empty()).then(|| format!("not among the cases, since they leave unset what is set here: `{names}`"))
    }
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
        let all = CaseFile::parse(source).map_err(of_cases)?;
        let sent = CaseFile::to_json(source).map_err(of_cases)?;
        let default = |name: &String| manifest.settings.get(name).and_then(|setting| setting.default.clone());
        let (mut cases, mut left_out) = (Vec::new(), Vec::new());
        for (mut case, mut sent) in all.cases.into_iter().zip(sent) {
            // They were written with the manifest's defaults in mind, whatever is set now.
            if settings.keys().any(|name| default(name).is_none() && !case.settings.contains_key(name)) {
                left_out.push(case.name);
                continue;
            }
            if !is_as_written {
                let defaults = settings.keys().filter_map(|name| Some((name.clone(), default(name)?)));
                case.settings = defaults.chain(case.settings).collect();
                let stated = serde_json::to_value(&case.settings).unwrap_or_default();
                sent.as_object_mut().map(|sent| sent.insert("settings".to_owned(), stated));
            }
            cases.push((case, sent));
        }
        let (cases, sent) = cases.into_iter().unzip();
        let upload = Upload {
            engine: manifest.engine,
            module,
            settings,
            attributes: manifest.attributes,
            cases: CaseFile { cases },
            name: manifest.name,
        };
        Ok(Self { upload, cases: sent, left_out })
    }
}
