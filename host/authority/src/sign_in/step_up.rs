//! Give the second factor: the session that asks ends, and a successor takes over that has the factor.

use access_model::Session;
use access_store::{CommitError, Store as _};
use serde_json::json;

use super::factor::FactorRequest;
use super::sessions::{Own, SessionOpened};
use super::trail::Refused;
use super::{Visitor, actions, records};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::records::{CommitExt as _, TRIES, member as member_key};

impl Authority {
    /// Takes the second factor of whoever asks.
    ///
    /// # Errors
    /// [`Error::FactorRefused`]; [`Error::TooManyAttempts`]; [`Error::Conflict`] where there is none yet.
    pub async fn step_up(
        &self,
        permit: &Permit,
        request: &FactorRequest,
        visitor: &Visitor,
    ) -> Result<SessionOpened, Error> {
        permit.covers(actions::STEP_UP)?;
        let proof = request.proof()?;
        let mut own = self.own(permit).await?;
        if !own.member.value.has_factor() {
            return Err(Error::Conflict("there is no second factor yet; begin one first".to_owned()));
        }
        let counted = self.count_factor(&own.member.value.id).await?;
        let attempts = counted.map_err(|locked| self.too_many(locked))?;
        for _ in 0..TRIES {
            let now = self.clock.now();
            let member = match self.use_up(&own.member.value, proof, now)? {
                Ok(member) => member,
                Err(reason) => {
                    let whom = Refused::Member(&own.member.value);
                    self.record_refusal(whom, reason, visitor, attempts.locked_until()).await?;
                    return Err(Error::FactorRefused);
                }
            };
            let mut commit = own.commit();
            let Own { session, .. } = own;
            commit.deletes.push(records::factor_attempts(&member.id));
            let step_up = |session: Session, id, secret| session.step_up(id, secret, now);
            let opened = self.succeed(&mut commit, &member, session.value, step_up)?;
            commit.put(member_key(&member.id), &member)?;
            let on_record = visitor.told([("factor", json!(proof.kind()))]);
            self.put_on_record(&mut commit, &member, permit, &opened.id.to_string(), on_record)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(opened),
                Err(CommitError::Conflict { .. }) => own = self.own(permit).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}
