//! People are told of a quarantine when it begins: what a decision noticed is kept until the next second, since no decision
//! waits for the store.

use std::sync::Mutex;

use access_model::{Event, EventKind, Id};
use access_store::{Commit, CommitError, Store as _};
use serde_json::json;

use crate::authority::{Authority, lock};
use crate::error::Error;
use crate::events::record;

/// Quarantines that wait to be told of at most.
const MOST: usize = 1_000;
/// Hosts that come to the same conclusion within an hour tell of it once.
const HOUR_MILLIS: i64 = 3_600_000;

/// Quarantines that nobody was told of yet.
#[derive(Debug, Default)]
pub(crate) struct Quarantined(Mutex<Vec<Begun>>);

#[derive(Debug)]
struct Begun {
    workspace: Id,
    policy: String,
    revision: u64,
}

impl Quarantined {
    /// Notes that one began.
    pub(super) fn begins(&self, workspace: Id, policy: &str, revision: u64) {
        let mut waiting = lock(&self.0);
        if waiting.len() < MOST {
            waiting.push(Begun { workspace, policy: policy.to_owned(), revision });
        }
    }
}

impl Authority {
    /// Tells of the quarantines that have begun since the last time.
    pub(crate) async fn tell_quarantines(&self) {
        let begun = std::mem::take(&mut *lock(&self.quarantined.0));
        for begun in begun {
            if let Err(error) = self.tell_quarantine(&begun).await {
                tracing::debug!(%error, "a quarantine waits to be told of");
                lock(&self.quarantined.0).push(begun);
            }
        }
    }

    async fn tell_quarantine(&self, Begun { workspace, policy, revision }: &Begun) -> Result<(), Error> {
        let Some(owner) = self.workspace(workspace).await? else { return Ok(()) };
        let now = self.clock.now();
        let owners = (owner.record.organization, Some(*workspace));
        let once = format!("{workspace}/{revision}/{}", now.as_millis().div_euclid(HOUR_MILLIS));
        let event = Event::once(EventKind::PolicyQuarantined, owners, policy, &once, now)?;
        let mut commit = Commit::new(workspace.home());
        record(&mut commit, &event.with(json!({ "revision": revision, "host": self.host })))?;
        match self.store.commit(commit).await {
            // Another host was quicker.
            Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
