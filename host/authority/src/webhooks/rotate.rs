//! Give an endpoint another secret: old and new sign during the overlap.

use std::time::Duration;

use access_model::Id;
use access_store::{Commit, CommitError, Committed, Store};

use super::create::HINT;
use super::view::WebhookView;
use super::{ROTATED, actions, purpose, sign};
use crate::authority::Authority;
use crate::current::IfMatch;
use crate::decide::Permit;
use crate::error::Error;
use crate::idempotency::{Done, Idempotency, Recalled};
use crate::issued::Issued;
use crate::records::TRIES;

impl Authority {
    /// Gives the endpoint `id` of the permit's workspace another secret; those before it end after `overlap_seconds`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the overlap; [`Error::NotFound`]; [`Error::Conflict`] where many are live; [`Error::Stale`];
    /// [`Error::IdempotencyKeyReused`].
    pub async fn rotate_webhook(
        &self,
        permit: &Permit,
        id: &Id,
        overlap_seconds: u64,
        if_match: &IfMatch,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done<Issued<WebhookView>>, Error> {
        permit.covers(actions::UPDATE)?;
        let most = self.catalog.limits.overlap_seconds;
        if overlap_seconds > most {
            return Err(Error::invalid("overlap_seconds", format!("must be 0 to {most}")));
        }
        let attempt = permit.attempt(&id.to_string(), idempotency);
        for _ in 0..TRIES {
            let (home, now, entropy) = (permit.workspace_id()?.home(), self.clock.now(), self.entropy.as_ref());
            let slot = match attempt.recall(self.store.as_ref(), home, now).await? {
                Recalled::Answer(answer) => return Ok(Done::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            let found = self.read_webhook(permit, id).await?;
            if_match.check(found.version())?;
            let secret = sign::draw(id, entropy)?;
            let of = purpose(id, found.value.next_number());
            let sealed = self.keyring().seal(&of, secret.expose().as_bytes(), entropy).map_err(Error::internal)?;
            let overlap = Duration::from_secs(overlap_seconds);
            let after = found.value.clone().rotate(sealed, overlap, now);
            let after = after.map_err(|error| Error::Conflict(error.to_string()))?;
            let shown = WebhookView::new(&after, None, now);
            let mut commit = Commit::new(home);
            self.put_changed_webhook(&mut commit, permit, ROTATED, &found, &after)?;
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
