//! The audit trail: every record is what was hashed, none is missing, and it was this installation that sealed them.

use access_authority::audit::{Examined, LATE, examine, is_sealed_by};
use access_authority::lifecycle::Installation;
use access_model::Clock as _;
use access_model::audit::key::PublicKey;
use access_model::clock::SystemClock;

use super::scene::{Log, Scene, not_looked_at};
use crate::report::Finding;
use crate::secrets;

const NAME: &str = "audit";
const TODO: &str = "somebody has written to the store past the host: keep a copy of its data as evidence, find out \
                    who, and compare with a backup";

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let (Ok(store), Ok(logs)) = (scene.store_for(NAME), scene.audit_logs()) else { return vec![not_looked_at(NAME)] };
    let keys = keys(scene);
    let (mut findings, mut records, count) = (Vec::new(), 0, logs.len());
    for Log { shard, name, last } in logs {
        match scene.wait(examine(store, shard, &name, last)) {
            Ok(examined) => {
                records += examined.records;
                findings.extend(doubt(&name, &examined));
                findings.extend(examined.first_fault.map(|fault| {
                    let others = examined.faults.saturating_sub(1);
                    let more = if others == 0 { String::new() } else { format!(", and {others} more are wrong") };
                    Finding::fail(NAME, format!("`{name}`: {fault}{more}"), TODO)
                }));
            }
            Err(error) => findings.push(Finding::fail(NAME, format!("`{name}`: {error}"), "see the line `store`")),
        }
        let sealed = keys.as_ref().map(|keys| scene.wait(is_sealed_by(store, shard, &name, keys)));
        if let Some(Ok(false)) = sealed {
            let what = format!("`{name}`: it was sealed by a key that is none of this installation's");
            findings.push(Finding::fail(NAME, what, TODO));
        }
    }
    if findings.is_empty() {
        let by = if keys.is_some() { ", sealed by this installation's keys" } else { "" };
        findings.push(Finding::ok(NAME, format!("{records} records in {count} logs, whole and unchanged{by}")));
    }
    findings
}

/// What can have come about by itself, and by somebody who took a chain away.
fn doubt(name: &str, examined: &Examined) -> Option<Finding> {
    let is_old = examined.newest.is_some_and(|newest| newest.plus(LATE) < SystemClock::new().now());
    if examined.is_unsealed && is_old {
        let what = format!("`{name}`: its {} records were never sealed", examined.records);
        return Some(Finding::warn(
            NAME,
            what,
            "start a host, which does so within a second. If one ran since: ".to_owned() + TODO,
        ));
    }
    let (oldest, begun) = (examined.oldest?, examined.begun_late?);
    let what = format!("`{name}`: it goes back to {oldest}, and its chain was begun at {begun}");
    Some(Finding::warn(NAME, what, "if a host ran in the hour after its first record: ".to_owned() + TODO))
}

/// The keys that logs are sealed by; none where the keyring can't be opened, which the line `root_key` tells.
fn keys(scene: &Scene) -> Option<Vec<PublicKey>> {
    let source = scene.settings.root_key(false).ok()?;
    let root = scene.wait(secrets::root_key(&scene.settings, &source)).ok()?;
    let (store, installation) = (scene.store_for(NAME).ok()?, scene.installation().ok()??);
    Some(scene.wait(Installation::open(store, &root, installation.dev)).ok()?.audit_keys())
}
