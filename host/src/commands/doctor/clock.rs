//! The clock: keys begin and end by it, so a wrong one denies, or allows, what it should not.

use std::time::Duration;

use access_authority::lifecycle::dev_clock;
use access_model::audit::SealedRecord;
use access_model::clock::SystemClock;
use access_model::{Clock as _, Timestamp};

use super::scene::{Books, Scene, not_looked_at};
use crate::report::Finding;

const NAME: &str = "clock";
/// Clocks of two machines, or of one before and after it was set right, differ by so much without harm.
const TOLERANCE: Duration = Duration::from_secs(60);
/// A round trip to the store tells the difference of two clocks to within milliseconds.
const TOLERATED_SKEW: Duration = Duration::from_secs(2);

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let store = match scene.store_for(NAME) {
        Ok(store) => store,
        Err(finding) => return vec![finding],
    };
    let clock = SystemClock::new();
    let machine = clock.now();
    let (Ok(()), Ok(begun)) = (scene.wait(dev_clock::restore(store, &clock)), scene.installation()) else {
        return vec![not_looked_at(NAME)];
    };
    let now = clock.now();
    let begun = begun.map(|installation| installation.created_at);
    let newest = newest_record(scene).into_iter().chain(begun).max();
    if let Some(finding) = skewed(scene) {
        return vec![finding];
    }
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
    let store = scene.store_for(NAME).ok()?;
    let newest = scene.audit_logs().ok()?.into_iter().filter_map(|log| {
        let entry = scene.wait(store.log(log.shard, &log.name, None, 1)).ok()?.pop()?;
        Some(serde_json::from_slice::<SealedRecord>(&entry.value).ok()?.open()?.at)
    });
    newest.max()
}

/// The clocks of two machines, where the store is on another.
fn skewed(scene: &Scene) -> Option<Finding> {
    let Ok(Books::Redis(look)) = scene.store() else { return None };
    let skew = look.server().skew_millis;
    (skew.unsigned_abs() > TOLERATED_SKEW.as_millis().try_into().unwrap_or(u64::MAX)).then(|| {
        let what = format!("the clock of Redis is {skew} ms ahead of this machine's");
        Finding::warn(
            NAME,
            what,
            "set both right, as with `timedatectl set-ntp true`: keys end by this one, quotas by that one",
        )
    })
}
