//! The audit trail: every record is what was hashed, and none is missing.

use access_authority::audit::examine;

use super::scene::{Log, Scene, not_looked_at};
use crate::report::Finding;

const NAME: &str = "audit";
const TODO: &str = "somebody has written to the store past the host: keep a copy of its data as evidence, find out \
                    who, and compare with a backup";

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let (Ok(store), Ok(logs)) = (scene.store_for(NAME), scene.audit_logs()) else { return vec![not_looked_at(NAME)] };
    let (mut findings, mut records, count) = (Vec::new(), 0, logs.len());
    for Log { shard, name, last } in logs {
        match scene.wait(examine(store, shard, &name, last)) {
            Ok(examined) => {
                records += examined.records;
                findings.extend(examined.first_fault.map(|fault| {
                    let others = examined.faults.saturating_sub(1);
                    let more = if others == 0 { String::new() } else { format!(", and {others} more are wrong") };
                    Finding::fail(NAME, format!("`{name}`: {fault}{more}"), TODO)
                }));
            }
            Err(error) => findings.push(Finding::fail(NAME, format!("`{name}`: {error}"), "see the line `store`")),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, format!("{records} records in {count} logs, whole and unchanged")));
    }
    findings
}
