//! The runner of cases: the same files that the host runs in the sandbox, and the same report.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cronflow_policy_cases as cases;
use cronflow_policy_cases::{CaseFile, CaseOutcome, Report, Said, VerdictReason};
use toml::Table;

use super::facts::attributes;
use crate::policy::Policy;
use crate::verdict::{Effect, Obligation, Verdict};

/// Runs the cases of a policy's folder and prints the report: what the test of a policy does.
///
/// ```text
/// #[test]
/// fn every_case_passes() {
///     cronflow_policy::testing::check_cases(&POLICY, include_str!("../manifest.toml"), include_str!("../cases.toml"));
/// }
/// ```
///
/// # Panics
/// With the report, when a case fails or there is none; with the place, when a file can't be read.
#[track_caller]
pub fn check_cases(policy: &Policy, manifest: &str, cases: &str) {
    let report = run_cases(policy, manifest, cases);
    leave(&report);
    assert!(report.is_success(), "\n{report}");
    crate::log::log(report.to_string().trim_end());
}

/// Leaves a report to whoever runs the tests and asks for it: `cronflow-access policy test` does, to compare it with the
/// sandbox's.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "only who runs a test can say that it wants its report"
)]
fn leave(report: &Report) {
    let Some(file) = std::env::var_os("CRONFLOW_POLICY_REPORT") else { return };
    let line = format!("{}\n", report.to_json());
    let file = std::fs::OpenOptions::new().append(true).open(file);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, line.as_bytes())).expect("the report can be left");
}

/// Runs cases natively. The manifest gives the defaults of settings, and the reasons that may be given.
///
/// # Panics
/// With the place, when the manifest or the cases can't be read.
#[track_caller]
#[expect(clippy::panic, reason = "a test's files that can't be read fail the test")]
pub fn run_cases(policy: &Policy, manifest: &str, cases: &str) -> Report {
    let manifest: Table = manifest.parse().unwrap_or_else(|error| panic!("manifest.toml: {error}"));
    let file = CaseFile::parse(cases).unwrap_or_else(|error| panic!("cases.toml:{error}"));
    let outcomes = file.cases.iter().map(|case| CaseOutcome::new(case, judge(policy, &manifest, case))).collect();
    Report::new(policy.name(), outcomes)
}

fn judge(policy: &Policy, manifest: &Table, case: &cases::Case) -> Said {
    let failed = |error: String| Said::Error { error };
    let settings = match settle(manifest, &case.settings) {
        Ok(settings) => attributes(settings),
        Err(message) => return failed(format!("settings: {message}")),
    };
    if let Err(message) = policy.validate_settings(&settings) {
        return failed(format!("settings: {message}"));
    }
    let facts = case.facts.clone().into();
    match catch_unwind(AssertUnwindSafe(|| policy.evaluate(&facts, &settings))) {
        Ok(verdict) => match undeclared(manifest, &verdict) {
            None => Said::from(cases::Verdict::from(verdict)),
            Some(code) => failed(format!("the manifest does not list the reason `{code}`")),
        },
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            failed(text.unwrap_or("the policy panicked").to_owned())
        }
    }
}

/// A case's settings, with the manifest's defaults for what it leaves out.
fn settle(manifest: &Table, given: &cases::Attributes) -> Result<cases::Attributes, String> {
    let empty = Table::new();
    let declared = manifest.get("settings").and_then(toml::Value::as_table).unwrap_or(&empty);
    if let Some(unknown) = given.keys().find(|name| !declared.contains_key(*name)) {
        let known: Vec<&str> = declared.keys().map(String::as_str).collect();
        return Err(format!("unknown setting `{unknown}`; this policy knows [{}]", known.join(", ")));
    }
    let mut settings = cases::Attributes::new();
    for (name, setting) in declared {
        let Some(default) = setting.get("default") else { continue };
        let default = default.clone().try_into().map_err(|_| format!("the default of setting `{name}` is no value"))?;
        settings.insert(name.clone(), default);
    }
    settings.extend(given.clone());
    Ok(settings)
}

/// A reason's code that the manifest does not list: the host would take it for an error.
fn undeclared<'v>(manifest: &Table, verdict: &'v Verdict) -> Option<&'v str> {
    let reasons = manifest.get("reasons")?.as_array()?;
    let mut codes = verdict.reasons.iter().map(|reason| reason.code.as_str());
    codes.find(|code| !reasons.iter().any(|listed| listed.as_str() == Some(code)))
}

impl From<Verdict> for cases::Verdict {
    fn from(Verdict { effect, reasons, obligations }: Verdict) -> Self {
        Self {
            effect: match effect {
                Effect::Permit => cases::Effect::Permit,
                Effect::Forbid => cases::Effect::Forbid,
                Effect::NoMatch => cases::Effect::NoMatch,
            },
            reasons: reasons
                .into_iter()
                .map(|reason| VerdictReason { code: reason.code, message: reason.message })
                .collect(),
            obligations: obligations
                .into_iter()
                .map(|Obligation::StepUp(seconds)| cases::Obligation::StepUp(seconds))
                .collect(),
        }
    }
}
