//! A key ought to be rotated, or ends soon: people are told, in the stages that its kind states.
//!
//! The commit that tells of a stage moves the entry to the next one. Where several stages are due at once, the latest is told
//! of and the others are not.

use access_model::{ApiKey, Credential, Event, EventKind, Id, KeyState, Stages, Timestamp, Upkeep};
use access_store::{Commit, Store as _};
use serde_json::json;

use super::Due;
use crate::authority::Authority;
use crate::error::Error;
use crate::keys::Snoozes;
use crate::records::{self, Versioned};

/// What people are reminded of about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reminder {
    /// To rotate it.
    Rotation,
    /// That it ends.
    Expiry,
}

impl Reminder {
    const ALL: [Self; 2] = [Self::Rotation, Self::Expiry];

    const fn due(self, key: Id) -> Due {
        match self {
            Self::Rotation => Due::KeyRotation(key),
            Self::Expiry => Due::KeyExpiring(key),
        }
    }

    const fn event(self) -> EventKind {
        match self {
            Self::Rotation => EventKind::KeyRotationDue,
            Self::Expiry => EventKind::KeyExpiring,
        }
    }

    /// Nobody is reminded of what is switched off, ended, or replaced already.
    fn stages(self, key: &ApiKey, upkeep: &Upkeep, now: Timestamp) -> Stages {
        let is_over = key.expires_at.is_some_and(|end| end <= now);
        if key.state != KeyState::Active || key.successor.is_some() || is_over {
            return Stages::default();
        }
        match (self, key.expires_at) {
            (Self::Rotation, _) => upkeep.rotation_at(key.created_at, now),
            (Self::Expiry, Some(end)) => upkeep.expiry_at(key.created_at, end, now),
            (Self::Expiry, None) => Stages::default(),
        }
    }
}

/// Keeps the index in step with a key that `commit` puts.
pub(super) fn schedule(commit: &mut Commit, key: &ApiKey, upkeep: &Upkeep, now: Timestamp) {
    for reminder in Reminder::ALL {
        move_on(commit, reminder.due(key.id), &reminder.stages(key, upkeep, now));
    }
}

fn move_on(commit: &mut Commit, due: Due, stages: &Stages) {
    match &stages.next {
        Some(stage) => due.put(commit, stage.at),
        None => due.take_out(commit),
    }
}

impl Authority {
    pub(super) async fn remind(&self, id: &Id, reminder: Reminder) -> Result<(), Error> {
        let (home, now) = (id.home(), self.clock.now());
        let mut commit = Commit::new(home);
        let keys = [records::credential(id), records::snoozes(id)];
        let found = self.store.read(home, &keys).await?;
        let ([key, snoozes_key], [record, snoozes]) = (keys, found.as_slice()) else {
            return Err(Error::internal("the store answers what it was not asked"));
        };
        let Some(Versioned { value: Credential::ApiKey(key), check }) = Versioned::of(key, record.as_ref())? else {
            reminder.due(*id).take_out(&mut commit);
            return self.commit_due(commit).await;
        };
        // Unchanged, and checked to be: whoever revokes or rotates it at the same time wants no reminder.
        commit.checks.push(check);
        let stages = reminder.stages(&key, &self.upkeep(&key.kind), now);
        if stages.latest.is_some() && self.are_archived(&(key.organization, Some(key.workspace))).await? {
            reminder.due(*id).take_out(&mut commit);
            return self.commit_due(commit).await;
        }
        move_on(&mut commit, reminder.due(*id), &stages);
        let snoozes = Snoozes::read(&snoozes_key, snoozes.as_ref())?;
        let Some(stage) = stages.latest.filter(|_| snoozes.until(reminder.event(), now).is_none()) else {
            return self.commit_due(commit).await;
        };
        let owners = (key.organization, Some(key.workspace));
        let event = Event::once(reminder.event(), owners, &id.to_string(), &stage.name, now)?.at_stage(&stage.name);
        let data = json!({
            "name": key.name, "kind": key.kind, "created_at": key.created_at, "rotation_due_at": key.rotation_due_at,
            "expires_at": key.expires_at,
        });
        self.announce(commit, &event.with(data)).await
    }
}
