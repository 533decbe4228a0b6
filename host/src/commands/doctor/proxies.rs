//! Proxies: whose word about the client's address is believed, and whether somebody's is missed.

use super::host::IGNORED_METRIC;
use super::scene::Scene;
use crate::commands::config::checks;
use crate::report::{Finding, Level};

const NAME: &str = "trusted_proxies";

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let findings = checks::trusted_proxies(&scene.settings);
    let is_fine = findings.iter().all(|finding| finding.level == Level::Ok);
    if is_fine && scene.host().metric(IGNORED_METRIC).is_some_and(|value| value > 0.0) {
        let what =
            "X-Forwarded-For reaches the host, and no proxy is trusted: every client looks like the proxy before it";
        return vec![Finding::warn(
            NAME,
            what,
            "name your proxies' networks in `trusted_proxies`; the host's log says who sends it",
        )];
    }
    findings
}
