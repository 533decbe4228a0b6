//! The gate that everything uploaded passes: the API, the command line and the console all come here.

use std::sync::Arc;

use cronflow_policy_cases::Report;
use sha2::{Digest, Sha256};

use crate::cases::run_cases;
use crate::error::{GateError, GateErrorKind};
use crate::package::PolicyPackage;
use crate::upload::{Cost, CostUnit, GateCheck, GateReport, Upload};
use crate::wasm::Sandbox;

/// What passed the gate.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Ready to be bound.
    pub package: Arc<PolicyPackage>,
    /// What was found out.
    pub report: GateReport,
}

/// What did not.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Why, each with its place.
    pub findings: Vec<GateError>,
    /// The cases, where it came to running them.
    pub cases: Option<Report>,
}

/// Verifies an upload and runs its cases.
///
/// # Errors
/// [`Refused`], saying everything that the author should mend.
pub fn examine(upload: &Upload, sandbox: &Sandbox) -> Result<Examined, Refused> {
    let package = PolicyPackage::from_upload(upload, sandbox).map_err(|findings| Refused { findings, cases: None })?;
    let cases = upload.cases.cases.len();
    if cases > 0 {
        let report = run_cases(&package);
        if !report.is_success() {
            let kind = GateErrorKind::Cases(format!("{} of {cases} cases fail", report.failed));
            return Err(Refused { findings: vec![GateError::package(&upload.name, kind)], cases: Some(report) });
        }
    }
    let digest = Sha256::digest(&upload.module);
    let report = GateReport {
        digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        size: upload.module.len(),
        checks: vec![GateCheck { name: "cases".to_owned(), found: format!("{cases} run, all passed") }],
        cost: Cost { unit: CostUnit::Steps, typical: 0, at_most: 0, limit: 0 },
        facts_read: Vec::new(),
        cases,
    };
    Ok(Examined { package: Arc::new(package), report })
}
