//! The store in Redis: whether Redis answers and is set so that it keeps what it acknowledged.

use std::time::Duration;

use access_store::Store as _;

use super::{NAME, size};
use crate::commands::doctor::scene::{Books, Scene};
use crate::report::Finding;

/// Of the memory that Redis may use, when somebody should look at it: full, it refuses every change.
const NEARLY_FULL: f64 = 0.9;
/// A round trip that takes longer makes every change, and every first use of a key, slow.
const SLOW: Duration = Duration::from_millis(50);

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let look = match scene.store() {
        Ok(Books::Redis(look)) => look,
        Ok(Books::File(_)) => return Vec::new(),
        Err(error) => return vec![Finding::of_error(NAME, error)],
    };
    let (server, address) = (look.server(), look.address());
    let used = size(server.used_memory);
    let mut findings = Vec::new();
    if let Some(weakness) = &server.weakness {
        let what =
            format!("Redis at {address} may lose changes that were acknowledged, revocations among them: {weakness}");
        findings.push(Finding::warn(NAME, what, "set `appendonly yes` and `appendfsync always` in its configuration"));
    }
    if server.failed_to_write {
        let what = format!("Redis at {address} could not write to its disk");
        findings.push(Finding::fail(NAME, what, "look at its log, and make room on its disk"));
    }
    if let Some(most) = server.max_memory.filter(|most| server.used_memory as f64 > NEARLY_FULL * *most as f64) {
        let what = format!("Redis at {address} uses {used} of the {} that it may", size(most));
        findings.push(Finding::warn(NAME, what, "raise its `maxmemory`: when it is full, every change is refused"));
    }
    let millis = server.round_trip.as_secs_f64() * 1_000.0;
    if server.round_trip > SLOW {
        let what = format!("a round trip to Redis at {address} takes {millis:.1} ms");
        findings.push(Finding::warn(NAME, what, "bring it nearer to the hosts, or see what keeps it busy"));
    }
    if findings.is_empty() {
        let dev = if scene.installation().is_ok_and(|begun| begun.is_some_and(|begun| begun.dev)) {
            ", of a dev host"
        } else {
            ""
        };
        findings.push(Finding::ok(
            NAME,
            format!(
                "Redis {} at {address}, {} shards, epoch {}, {used}, {millis:.1} ms a round trip{dev}",
                server.version,
                look.shards(),
                server.epoch
            ),
        ));
    }
    findings
}
