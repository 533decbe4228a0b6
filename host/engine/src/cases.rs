//! A package's cases, run against its module: the same cases that the SDK runs natively.

use cronflow_policy_cases::{CaseOutcome, Report, Said};

use crate::module::Facts;
use crate::package::PolicyPackage;
use crate::wasm::Fuel;

/// Runs the cases. Settings that don't fit the manifest count as an error of the case.
pub fn run_cases(package: &PolicyPackage) -> Report {
    let cases = package.cases().map(|file| file.cases.as_slice()).unwrap_or_default();
    let outcomes = cases.iter().map(|case| {
        let said = match package.manifest().settle_settings(&case.settings) {
            Err(message) => Said::Error { error: format!("settings: {message}") },
            Ok(settings) => {
                let facts = Facts::new(case.facts.as_ref());
                let mut fuel = Fuel(u64::MAX);
                match package.module().evaluate(&facts, &settings, &mut fuel).0 {
                    Ok(verdict) => verdict.into(),
                    Err(fault) => Said::Error { error: fault.code().to_owned() },
                }
            }
        };
        CaseOutcome::new(case, said)
    });
    Report::new(package.name(), outcomes.collect())
}
