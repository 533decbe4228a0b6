//! The dev clock: users rehearse expiry, rotation and inactivity by moving wall time forward. The offset lies in the store,
//! only grows, and holds for every host of it.

use std::time::Duration;

use access_model::audit::AuditRecord;
use access_model::{Clock, Id, IdKind, Shard, Timestamp};
use access_store::{Change, Commit, CommitError, Store, in_background};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::records::{self, CommitExt as _};

/// The action that moves it.
pub const ACTION: &str = "dev.clock";
/// Times that a change is tried against others'.
const TRIES: usize = 50;
/// A century.
const MOST_SECONDS: u64 = 100 * 366 * 86_400;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Offset {
    seconds: u64,
}

/// Where the clock stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DevClock {
    /// Now, the offset included.
    pub now: Timestamp,
    /// How far it runs ahead of the machine's.
    pub offset_seconds: u64,
}

/// Brings `clock` to where the store says it stands.
///
/// # Errors
/// When the store can't answer.
pub async fn restore(store: &dyn Store, clock: &dyn Clock) -> Result<(), Error> {
    let found = records::read::<Offset>(store, Shard::PLATFORM, records::DEV_CLOCK.to_owned()).await?;
    clock.set_offset(Duration::from_secs(found.map_or(0, |found| found.value.seconds)));
    Ok(())
}

/// Whether the store's offset may be another one after this change.
pub(crate) fn may_have_moved(change: &Change) -> bool {
    match change {
        Change::Touched { shard, keys } => {
            *shard == Shard::PLATFORM && keys.iter().any(|key| key == records::DEV_CLOCK)
        }
        Change::Missed { shard } => *shard == Shard::PLATFORM,
    }
}

impl Authority {
    /// Follows the clock that other hosts of the store move, for ever.
    pub async fn follow_dev_clock(&self) {
        loop {
            self.clock_moved.notified().await;
            if let Err(error) = in_background(restore(self.store.as_ref(), self.clock.as_ref())).await {
                tracing::warn!(%error, "the dev clock could not be read");
            }
            self.wake_deliveries();
            self.wake_mails();
        }
    }

    /// Moves the dev clock forward.
    ///
    /// # Errors
    /// [`Error::NotFound`] on a host that is not a dev host; [`Error::Invalid`] for more than a century.
    pub async fn advance_dev_clock(&self, permit: &Permit, seconds: u64) -> Result<DevClock, Error> {
        permit.covers(ACTION)?;
        if !self.is_dev {
            return Err(Error::NotFound { what: "dev clock", id: "clock".into() });
        }
        for _ in 0..TRIES {
            let key = records::DEV_CLOCK.to_owned();
            let found = records::read::<Offset>(self.store.as_ref(), Shard::PLATFORM, key.clone()).await?;
            let (before, check) = found.map_or((0, None), |found| (found.value.seconds, Some(found.check)));
            let after = before.checked_add(seconds).filter(|after| *after <= MOST_SECONDS);
            let after =
                after.ok_or_else(|| Error::invalid("advance_seconds", "the clock may run ahead a century at most"))?;
            let mut commit = Commit::new(Shard::PLATFORM);
            match check {
                Some(check) => {
                    commit.checks.push(check);
                    commit.put(key, &Offset { seconds: after })?;
                }
                None => commit.put_new(key, &Offset { seconds: after })?,
            }
            append(
                &mut commit,
                &AuditRecord {
                    id: Id::draw(IdKind::Audit, Shard::PLATFORM, self.entropy.as_ref())?,
                    at: self.clock.now(),
                    organization: None,
                    workspace: None,
                    actor: permit.actor(),
                    action: ACTION.to_owned(),
                    target: "dev-clock".into(),
                    decision_id: Some(permit.decision_id().to_string()),
                    before: Some(json!({ "offset_seconds": before })),
                    after: Some(json!({ "offset_seconds": after })),
                },
            )?;
            match self.store.commit(commit).await {
                Ok(_) => {
                    self.clock.set_offset(Duration::from_secs(after));
                    self.wake_deliveries();
                    self.wake_mails();
                    return Ok(DevClock { now: self.clock.now(), offset_seconds: after });
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}
