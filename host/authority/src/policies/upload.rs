//! What a workspace uploads, and the gate that it passes.

use access_engine::{Examined, GateError, GateErrorKind, Refused, Upload, examine};
use access_model::PolicyMode;
use access_model::audit::sha256_hex;
use access_model::policy::is_policy_name;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cronflow_policy_cases::{Attributes, CaseFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;

/// Cases of one policy at most.
const CASES: usize = 500;
/// Bytes of all settings as JSON at most.
const SETTINGS_BYTES: usize = 16 << 10;
/// Findings and failed cases that are told at most.
const TOLD: usize = 50;

/// A policy as it is uploaded.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PolicyUpload", example = example())]
pub struct UploadRequest {
    /// What evaluates it.
    pub engine: access_engine::Engine,
    /// CEL: its source, one expression that comes to `permit()`, `forbid("code", "text")` or `no_match()`.
    #[serde(default)]
    pub source: Option<String>,
    /// WASM: its bytes, a component of the world `cronflow:policy/policy@1`, in base64.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9A-Za-z+/]*={0,2}$"))]
    pub module_base64: Option<String>,
    /// The same as it is, where it came in a form.
    #[serde(skip)]
    pub module: Option<bytes::Bytes>,
    /// Parameters that it reads; what is set is what is declared.
    #[serde(default, deserialize_with = "cronflow_policy_cases::distinct")]
    pub settings: Attributes,
    /// The free attributes that it reads, with their types.
    #[serde(default)]
    pub attributes: access_engine::DeclaredAttributes,
    /// Whether it counts once it is published.
    #[serde(default)]
    pub mode: PolicyMode,
    /// What it must say to which facts: `{"name", "facts"?, "absent"?, "settings"?, "expect"}`, as in a file of cases.
    #[serde(default, deserialize_with = "super::distinct::values")]
    #[schemars(with = "Vec<std::collections::BTreeMap<String, Value>>", length(max = CASES))]
    pub cases: Vec<Value>,
}

fn example() -> Value {
    json!({
        "engine": "cel",
        "source": "action.name == \"jobs.delete\" ? forbid(\"deleting_is_off\", \"nobody deletes jobs here\") : no_match()",
        "mode": "enforce",
        "cases": [{
            "name": "deleting is off",
            "facts": { "action": { "name": "jobs.delete" } },
            "expect": { "effect": "forbid", "codes": ["deleting_is_off"] },
        }],
    })
}

/// Something that the gate objects to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// `policy.cel`, `policy.wasm`, `cases`; empty where the whole is meant.
    pub file: String,
    /// From 1, where there is a place; of cases, which one.
    pub line: Option<usize>,
    /// From 1, in characters.
    pub column: Option<usize>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// A case that the policy fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FailedCase {
    /// Its name.
    pub name: String,
    /// What was expected.
    pub expected: String,
    /// What the policy said.
    pub got: String,
}

/// Why an upload did not pass the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRefused {
    /// Everything that the gate objects to.
    pub findings: Vec<Finding>,
    /// Cases that fail.
    pub cases: Vec<FailedCase>,
}

impl UploadRefused {
    /// The first objection in one line.
    pub(crate) fn summary(&self) -> String {
        let Some(first) = self.findings.first() else { return "nothing more is known".to_owned() };
        let place = match (first.line, first.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}: ", first.file),
            _ => String::new(),
        };
        let more = self.findings.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" (and {more} more, see `findings`)") };
        format!("{place}{}{more}", first.message)
    }

    /// One objection.
    fn one(file: &str, line: Option<usize>, message: String) -> Error {
        let column = line.map(|_| 1);
        let findings = vec![Finding { file: file.to_owned(), line, column, message }];
        Error::UploadRefused(Box::new(Self { findings, cases: Vec::new() }))
    }
}

/// An upload that passed, and what it is told apart by.
pub(super) struct Passed {
    pub(super) upload: Upload,
    pub(super) mode: PolicyMode,
    pub(super) examined: Examined,
    /// Its cases as they are kept.
    pub(super) cases: Vec<u8>,
    /// SHA-256 of everything that it is made of.
    pub(super) digest: String,
}

impl Authority {
    /// Brings an upload into the form that the gate takes, and has it examined, off the runtime.
    pub(super) async fn examine_upload(
        &self,
        permit: &Permit,
        name: &str,
        request: UploadRequest,
    ) -> Result<Passed, Error> {
        let mode = request.mode;
        let cases = serde_json::to_vec(&request.cases).map_err(Error::internal)?;
        let upload = self.read_upload(name, request)?;
        let digest = digest(&upload, mode, &cases)?;
        let sandbox = std::sync::Arc::clone(self.policies.sandbox());
        let work = move || examine(&upload, &sandbox).map(|examined| (upload, examined));
        let (upload, examined) = self.gate_queue.pass(permit.workspace_id()?, work).await?.map_err(refused)?;
        Ok(Passed { upload, mode, examined, cases, digest })
    }

    fn read_upload(&self, name: &str, request: UploadRequest) -> Result<Upload, Error> {
        let UploadRequest { engine, source, module_base64, module, settings, attributes, mode: _, cases } = request;
        if !is_policy_name(name) {
            let message = "must have 1 to 63 lower case letters, digits and hyphens, a letter first";
            return Err(Error::invalid("name", message));
        }
        if self.policies.names().iter().any(|taken| taken == name) {
            return Err(Error::NameTaken { what: "a policy of the platform", name: name.to_owned() });
        }
        let module = match (engine, source, module_base64, module) {
            (access_engine::Engine::Cel, Some(source), None, None) => source.into_bytes(),
            (access_engine::Engine::Wasm, None, None, Some(module)) => module.into(),
            (access_engine::Engine::Wasm, None, Some(module), None) => STANDARD
                .decode(module)
                .map_err(|_| Error::invalid("module_base64", "is not base64 (RFC 4648 §4, padded)"))?,
            (access_engine::Engine::Cel, ..) => {
                return Err(Error::invalid("source", "a policy with `engine` cel has a `source`, and no module"));
            }
            (access_engine::Engine::Wasm, ..) => {
                let message =
                    "a policy with `engine` wasm has a `module_base64` (in a form, a `module`), and no `source`";
                return Err(Error::invalid("module_base64", message));
            }
        };
        if serde_json::to_vec(&settings).map_or(usize::MAX, |json| json.len()) > SETTINGS_BYTES {
            return Err(Error::invalid("settings", format!("may have {SETTINGS_BYTES} bytes altogether")));
        }
        if cases.len() > CASES {
            return Err(Error::invalid("cases", format!("may have {CASES} cases")));
        }
        let cases = CaseFile::from_json(&cases)
            .map_err(|error| UploadRefused::one("cases", Some(error.line), error.message))?;
        Ok(Upload { name: name.to_owned(), engine, module, settings, attributes, cases })
    }
}

/// What is uploaded, and nothing else: the same again has the same digest.
fn digest(upload: &Upload, mode: PolicyMode, cases: &[u8]) -> Result<String, Error> {
    let content = json!({
        "engine": upload.engine,
        "module": sha256_hex(&upload.module),
        "settings": upload.settings,
        "attributes": upload.attributes,
        "mode": mode,
        "cases": sha256_hex(cases),
    });
    Ok(sha256_hex(&serde_json::to_vec(&content).map_err(Error::internal)?))
}

fn refused(Refused { findings, cases }: Refused) -> Error {
    let is_too_large = matches!(findings.first(), Some(GateError { kind: GateErrorKind::FileTooLarge { .. }, .. }));
    let findings = findings.into_iter().take(TOLD).map(|GateError { file, position, kind, .. }| Finding {
        file,
        line: position.map(|position| position.line),
        column: position.map(|position| position.column),
        message: kind.to_string(),
    });
    let failed = cases.into_iter().flat_map(|report| report.cases).filter(|case| !case.passed);
    let cases = failed.take(TOLD).map(|case| FailedCase {
        name: case.name,
        expected: case.expected.to_string(),
        got: case.got.to_string(),
    });
    let refused = Box::new(UploadRefused { findings: findings.collect(), cases: cases.collect() });
    if is_too_large { Error::TooLarge(refused) } else { Error::UploadRefused(refused) }
}
