//! The policies: they load, their cases pass, and they are what the running host decides by.

use super::scene::Scene;
use crate::commands::config::checks;
use crate::report::{Finding, Level};

const NAME: &str = "policies";

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let mut findings = checks::policies(&scene.settings);
    let Some(ready) = &scene.host().ready else { return findings };
    if let Some(problem) = &ready.policies.problem {
        let what =
            format!("the running host can't use what is in its folder, and decides by its last good set: {problem}");
        findings.push(Finding::fail(NAME, what, "mend it; a host that is restarted now would not start"));
    } else if let Some(here) = checks::set_digest(&scene.settings).filter(|here| *here != ready.policies.set_digest) {
        let what = format!("the running host decides by {}, and these settings mean {here}", ready.policies.set_digest);
        let todo = "restart the host if its settings, catalog or release have changed since it was started; else name its \
                    settings here";
        findings.push(Finding::warn(NAME, what, todo));
    }
    if findings.len() > 1 {
        findings.retain(|finding| finding.level != Level::Ok);
    }
    findings
}
