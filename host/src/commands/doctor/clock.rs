//! The clock: keys begin and end by it, so a wrong one denies, or allows, what it should not.

use std::time::Duration;

use access_authority::lifecycle::dev_clock;
use access_model::audit::SealedRecord;
use access_model::clock::SystemClock;
use access_model::{Clock as _, Timestamp};
use access_store::Store as _;

use super::scene::{Scene, not_looked_at};
use crate::report::Finding;

const NAME: &str = "clock";
/// Clocks of two machines, or of one before and after it was set right, differ by so much without harm.
const TOLERANCE: Duration = Duration::from_secs(60);

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let look = match scene.store_for(NAME) {
        Ok(look) => look,
        Err(finding) => return vec![finding],
    };
    let clock = SystemClock::new();
    let machine = clock.now();
    let (Ok(()), Ok(begun)) = (scene.wait(dev_clock::restore(look, &clock)), scene.installation()) else {
        return vec![not_looked_at(NAME)];
    };
    let now = clock.now();
    let begun = begun.map(|installation| installation.created_at);
    let newest = newest_record(scene).into_iter().chain(begun).max();
    vec![match newest.filter(|newest| *newest > now.plus(TOLERANCE)) {
        Some(newest) => {
            let what = format!("it is {now} here, and something was written down at {newest}");
            Finding::fail(
                NAME,
                what,
                "set the machine's clock right, as with `timedatectl set-ntp true`; if the record is wrong, it was written \
                 while the clock was",
            )
        }
        None if now > machine.plus(TOLERANCE) => {
            Finding::ok(NAME, format!("{now}, which the dev clock has moved ahead of {machine}"))
        }
        None => Finding::ok(NAME, now.to_string()),
    }]
}

/// When the newest record of any audit log was made.
fn newest_record(scene: &Scene) -> Option<Timestamp> {
    let look = scene.store().as_ref().ok()?;
    let logs = scene.audit_logs(look).ok()?;
    let newest = logs.into_iter().filter_map(|(shard, log)| {
        let entry = scene.wait(look.log(shard, &log, None, 1)).ok()?.pop()?;
        Some(serde_json::from_slice::<SealedRecord>(&entry.value).ok()?.open()?.at)
    });
    newest.max()
}
