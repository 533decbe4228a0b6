//! The audit trail: every record is what was hashed, and none is missing.

use access_authority::audit::examine;

use super::scene::{Scene, not_looked_at};
use crate::report::Finding;

const NAME: &str = "audit";
const TODO: &str = "somebody has written to the store past the host: keep a copy of the data folder as evidence, find out \
                    who, and compare with a backup";

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let look = match scene.store_for(NAME) {
        Ok(look) => look,
        Err(finding) => return vec![finding],
    };
    let Ok(logs) = scene.audit_logs(look) else { return vec![not_looked_at(NAME)] };
    let (mut findings, mut records, count) = (Vec::new(), 0, logs.len());
    for (shard, log) in logs {
        match scene.wait(examine(look, shard, &log)) {
            Ok(examined) => {
                records += examined.records;
                findings.extend(examined.first_fault.map(|fault| {
                    let others = examined.faults.saturating_sub(1);
                    let more = if others == 0 { String::new() } else { format!(", and {others} more are wrong") };
                    Finding::fail(NAME, format!("`{log}`: {fault}{more}"), TODO)
                }));
            }
            Err(error) => findings.push(Finding::fail(NAME, format!("`{log}`: {error}"), "see the line `store`")),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, format!("{records} records in {count} logs, whole and unchanged")));
    }
    findings
}
