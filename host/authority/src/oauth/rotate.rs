//! Give a client another secret: old and new work during the overlap.

use std::time::Duration;

use access_model::{Id, PlainSecret};
use access_store::{Commit, CommitError, Committed, IndexEntry, Store};

use super::actions;
use super::register::HINT;
use super::view::{ClientIssued, ClientView};
use crate::authority::Authority;
use crate::current::IfMatch;
use crate::decide::Permit;
use crate::error::Error;
use crate::idempotency::{Done, Idempotency, Recalled};
use crate::records::{self, TRIES};

impl Authority {
    /// Gives the client `id` of the permit's organization another secret; those before it end after `overlap_seconds`, and the
    /// tokens obtained with them too.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the overlap; [`Error::NotFound`]; [`Error::Client`]; [`Error::Stale`];
    /// [`Error::IdempotencyKeyReused`].
    pub async fn rotate_client(
        &self,
        permit: &Permit,
        id: &Id,
        overlap_seconds: u64,
        if_match: &IfMatch,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done<ClientIssued>, Error> {
        permit.covers(actions::ROTATE)?;
        let most = self.catalog.limits.overlap_seconds;
        if overlap_seconds > most {
            return Err(Error::invalid("overlap_seconds", format!("must be 0 to {most}")));
        }
        let attempt = permit.attempt(&id.to_string(), idempotency);
        for _ in 0..TRIES {
            let (home, now) = (permit.organization()?.record.id.home(), self.clock.now());
            let slot = match attempt.recall(self.store.as_ref(), home, now).await? {
                Recalled::Answer(answer) => return Ok(Done::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            let found = self.read_client(permit, id).await?;
            if_match.check(found.version())?;
            let secret = PlainSecret::draw(&self.client_kind()?.prefix, id, self.entropy.as_ref())?;
            let overlap = Duration::from_secs(overlap_seconds);
            let after = found.value.clone().rotate(self.digest(&secret)?, permit.issuer(), overlap, now)?;
            let permit = self.permit_client(permit, &after, Some(id)).await?;
            let mut commit = Commit::new(id.home());
            let entry = IndexEntry { score: now.as_millis(), member: id.to_string() };
            commit.index_puts.extend(after.issued_by.map(|member| (records::issued_by(&member), entry)));
            self.put_changed_client(&mut commit, &permit, &found.value, &after, found.check)?;
            let shown = ClientView::new(&after, now);
            slot.remember(&mut commit, &shown, Some(HINT))?;
            match self.store.commit(commit).await {
                Ok(Committed { sequence: version, .. }) => {
                    return Ok(Done::Now(ClientIssued { shown, secret, version }));
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}
