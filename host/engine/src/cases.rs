//! A package's cases, run against its module: the same cases that the SDK runs natively.

use cronflow_policy_cases::{CaseOutcome, Report, Said};

use crate::module::{Facts, Fault};
use crate::package::PolicyPackage;
use crate::wasm::Fuel;

/// Runs the cases. Settings that don't fit the manifest count as an error of the case.
pub fn run_cases(package: &PolicyPackage) -> Report {
    let mut fuel = Fuel(u64::MAX);
    run(package, &mut fuel, |_| true)
}

/// Runs the cases on so much fuel altogether, and no further than to one that takes long by the clock.
///
/// # Errors
/// [`Fault::OutOfFuel`], [`Fault::OutOfTime`] or [`Fault::NoRoom`], where not all were run for that reason.
pub(crate) fn run_within(package: &PolicyPackage, mut fuel: Fuel) -> Result<Report, Fault> {
    let mut stopped = None;
    let report = run(package, &mut fuel, |fault| {
        stopped = Some(fault).filter(|fault| fault.is_overload());
        stopped.is_none()
    });
    match stopped {
        Some(fault) => Err(fault),
        // INVARIANT: with nothing left, some case may have been given less than an evaluation may have.
        None if fuel.0 == 0 => Err(Fault::OutOfFuel),
        None => Ok(report),
    }
}

/// Goes on after a fault only where `goes_on` says so, and only while there is fuel.
fn run(package: &PolicyPackage, fuel: &mut Fuel, mut goes_on: impl FnMut(Fault) -> bool) -> Report {
    let cases = package.cases().map(|file| file.cases.as_slice()).unwrap_or_default();
    let mut is_on = true;
    let outcomes = cases.iter().map_while(|case| {
        if !is_on || fuel.0 == 0 {
            return None;
        }
        let said = match package.manifest().settle_settings(&case.settings) {
            Err(message) => Said::Error { error: format!("settings: {message}") },
            Ok(settings) => {
                let facts = Facts::new(case.facts.as_ref());
                match package.module().evaluate(&facts, &settings, fuel).0 {
                    Ok(verdict) => verdict.into(),
                    Err(fault) => {
                        is_on = goes_on(fault);
                        Said::Error { error: fault.code().to_owned() }
                    }
                }
            }
        };
        Some(CaseOutcome::new(case, said))
    });
    Report::new(package.name(), outcomes.collect())
}
