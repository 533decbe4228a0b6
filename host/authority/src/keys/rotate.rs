//! Rotate a key: a successor takes over, both work during the overlap.

use std::time::Duration;

use access_model::key::Successor;
use access_model::{Id, IdKind, PlainSecret};
use access_store::{Commit, CommitError, Committed, Store};

use super::actions;
use super::issue::{HINT, put_new_key};
use super::view::KeyView;
use crate::authority::Authority;
use crate::current::IfMatch;
use crate::decide::Permit;
use crate::error::Error;
use crate::idempotency::{Done, Idempotency, Recalled};
use crate::issued::Issued;
use crate::records::{TRIES, Versioned};

impl Authority {
    /// Replaces the key `id` of the permit's workspace; without an overlap stated, the workspace's holds. Old and new land in one commit, and the old one's version is
    /// checked, so of two rotations at the same time one fails.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the overlap; [`Error::NotFound`]; [`Error::Transition`]; [`Error::Stale`]; [`Error::Denied`] for
    /// what the caller may not hand out; [`Error::IdempotencyKeyReused`].
    pub async fn rotate_key(
        &self,
        permit: &Permit,
        id: &Id,
        overlap_seconds: Option<u64>,
        if_match: &IfMatch,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done<Issued<KeyView>>, Error> {
        permit.covers(actions::ROTATE)?;
        let settings = &permit.workspace()?.record.settings;
        let most = self.catalog.limits.overlap_seconds;
        if overlap_seconds.is_some_and(|seconds| seconds > most) {
            return Err(Error::invalid("overlap_seconds", format!("must be 0 to {most}")));
        }
        // The catalog's limit may have come down since the setting was made.
        let overlap_seconds = overlap_seconds.or(settings.rotation_overlap_seconds).unwrap_or(0).min(most);
        let attempt = permit.attempt(&id.to_string(), idempotency);
        for _ in 0..TRIES {
            let (entropy, now) = (self.entropy.as_ref(), self.clock.now());
            let home = permit.workspace_id()?.home();
            let slot = match attempt.recall(self.store.as_ref(), home, now).await? {
                Recalled::Answer(answer) => return Ok(Done::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            let found = self.read_key(permit, id).await?;
            if_match.check(found.version())?;
            let Versioned { value: before, check } = found;
            let kind = self.catalog.kinds.get(&before.kind).cloned();
            let kind = kind.ok_or_else(|| Error::internal(format!("kind `{}` is not in the catalog", before.kind)))?;
            let successor_id = Id::draw(IdKind::Key, id.home(), entropy)?;
            let secret = PlainSecret::draw(&kind.prefix, &successor_id, entropy)?;
            let overlap = Duration::from_secs(overlap_seconds);
            let lifetime = settings.key_lifetime();
            let new = Successor { id: successor_id, secret: self.digest(&secret)?, issuer: permit.issuer() };
            let (after, successor) = before.clone().rotate(new, overlap, lifetime, &kind, now)?;
            let permit = self.permit_grant(permit, &successor, &kind, Some(id)).await?;
            let mut commit = Commit::new(id.home());
            self.put_changed_key(&mut commit, &permit, &before, &after, check)?;
            let decision = Some(permit.decision_id().to_string());
            put_new_key(&mut commit, &successor, &kind, permit.actor(), decision, now, entropy)?;
            let shown = self.view(&successor);
            slot.remember(&mut commit, &shown, Some(HINT))?;
            match self.store.commit(commit).await {
                Ok(Committed { sequence: version, .. }) => return Ok(Done::Now(Issued { shown, secret, version })),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}
