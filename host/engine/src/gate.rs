//! The gate that everything uploaded passes: the API, the command line and the console all come here.

use std::sync::Arc;

use cronflow_policy_cases::Report;
use sha2::{Digest, Sha256};

use crate::cases::run_within;
use crate::cel::limits;
use crate::error::{GateError, GateErrorKind};
use crate::module::{Fault, Module};
use crate::package::PolicyPackage;
use crate::trial;
use crate::upload::{Cost, CostUnit, GateCheck, GateReport, Upload};
use crate::wasm::{Fuel, Sandbox};

/// What passed the gate.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Ready to be bound. Its cases are left out.
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
    let mut checks = Vec::new();
    let (cost, facts_read) = match package.module() {
        Module::Cel(program) => {
            checks.extend(program.checks().into_iter().map(|(name, found)| check(name, found)));
            let (steps, limit) = (program.cost(), limits::STEPS);
            (Cost { unit: CostUnit::Steps, typical: steps, at_most: steps, limit }, program.facts_read())
        }
        Module::Wasm(guest) => {
            let trial = trial::run(guest, &upload.settings).map_err(|found| Refused {
                findings: found.into_iter().map(|kind| GateError::package(&upload.name, kind)).collect(),
                cases: None,
            })?;
            let Cost { typical, at_most, limit, .. } = trial.cost;
            checks.push(check("shape", format!("{} bytes, a component of the world of policies", upload.module.len())));
            checks.push(check("settings", "the module takes them".to_owned()));
            checks.push(check("description", trial.description));
            checks.push(check(
                "cost",
                format!("{typical} fuel typically, {at_most} with facts at their cap, of {limit}"),
            ));
            (trial.cost, vec!["*".to_owned()])
        }
    };
    let cases = upload.cases.cases.len();
    if cases > 0 {
        let limits = sandbox.limits();
        let report = run_within(&package, Fuel(limits.cases_fuel)).map_err(|fault| {
            let message = match fault {
                Fault::OutOfFuel => format!("the cases burn more than {} fuel together; have fewer", limits.cases_fuel),
                _ => format!("a case can't be judged within {} ms; make the policy do less", limits.deadline_ms),
            };
            let findings = vec![GateError::package(&upload.name, GateErrorKind::Cases(message))];
            Refused { findings, cases: None }
        })?;
        if !report.is_success() {
            let kind = GateErrorKind::Cases(format!("{} of {cases} cases fail", report.failed));
            return Err(Refused { findings: vec![GateError::package(&upload.name, kind)], cases: Some(report) });
        }
    }
    checks.push(check(
        "cases",
        match cases {
            0 => "there are none; cases show what the policy does before anybody's request meets it".to_owned(),
            count => format!("{count} run, all as expected"),
        },
    ));
    let digest = Sha256::digest(&upload.module);
    let report = GateReport {
        digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        size: upload.module.len(),
        checks,
        cost,
        facts_read,
        cases,
    };
    Ok(Examined { package: Arc::new(package.without_cases()), report })
}

fn check(name: &str, found: String) -> GateCheck {
    GateCheck { name: name.to_owned(), found }
}
