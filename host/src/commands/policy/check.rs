//! `policy check DIR`: everything that an upload is examined for, here and now.

use std::path::PathBuf;
use std::process::ExitCode;

use access_engine::{CostUnit, Examined, Folder, GateError, GateReport, PolicyPackage, Refused, examine};
use clap::Args;
use cronflow_policy_cases::Report;
use serde_json::json;

use super::settings::Settings;
use super::{build, findings};
use crate::cli::Format;
use crate::output;

/// Examine a policy as an upload would be: types, bounds, cost, cases.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The policy's folder. A crate in it is built first.
    dir: PathBuf,
    #[command(flatten)]
    settings: Settings,
}

impl Check {
    pub(super) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        build::build_if_rust(&self.dir)?;
        let sandbox = crate::sandbox::sandbox(None)?;
        let alone = |findings: Vec<GateError>| Refused { findings, cases: None };
        let folder = Folder::read(&self.dir, &self.settings.read()?).map_err(alone);
        // What its manifest promises is no matter of an upload, but of the author.
        let kept = folder.and_then(|folder| PolicyPackage::load(&self.dir, &sandbox).map(|_| folder).map_err(alone));
        let remark = kept.as_ref().ok().and_then(Folder::remark);
        remark.iter().for_each(|remark| output::remark(remark));
        match kept.and_then(|folder| examine(&folder.upload, &sandbox)) {
            Ok(examined) => Ok(passed(format, &examined)),
            Err(refused) => Ok(self.refused(format, &refused)),
        }
    }

    fn refused(&self, format: Format, Refused { findings, cases }: &Refused) -> ExitCode {
        if format == Format::Json {
            let cases = cases.as_ref().map(Report::to_json);
            output::show(format, &json!({ "passed": false, "findings": findings::to_json(findings), "cases": cases }));
            return ExitCode::FAILURE;
        }
        findings::complain(&self.dir, findings);
        if let Some(report) = cases {
            output::remark(report.to_string().trim_end());
        }
        ExitCode::FAILURE
    }
}

fn passed(format: Format, Examined { package, report }: &Examined) -> ExitCode {
    match format {
        Format::Json => output::show(format, &json!({ "passed": true, "policy": package.name(), "report": report })),
        Format::Human => output::say(&told(report)),
    }
    ExitCode::SUCCESS
}

/// The report for people.
fn told(GateReport { digest, size, checks, cost, facts_read, .. }: &GateReport) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or_default().max(6);
    let line = |name: &str, found: &str| format!("ok  {name:width$}  {found}\n");
    let unit = match cost.unit {
        CostUnit::Fuel => "fuel",
        CostUnit::Steps => "steps",
    };
    let mut text: String = checks.iter().map(|check| line(&check.name, &check.found)).collect();
    text += &line("module", &format!("{size} bytes, sha256 {digest}"));
    text += &line("at most", &format!("{} {unit} an evaluation, of {}", cost.at_most, cost.limit));
    let read = if facts_read.iter().any(|path| path == "*") {
        "it may read them all".to_owned()
    } else {
        facts_read.join(", ")
    };
    text + &line("facts", if read.is_empty() { "it reads none" } else { &read })
}
