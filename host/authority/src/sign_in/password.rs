//! Change one's password: the old one is asked for, and every other session ends.

use access_model::password::PasswordRules;
use access_model::{Password, PlainSecret, Session};
use access_store::{CommitError, Store as _};
use schemars::JsonSchema;
use serde::Deserialize;

use super::sessions::{Own, SessionOpened};
use super::trail::Refused;
use super::{Visitor, actions, records};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::records::{CommitExt as _, TRIES, member as member_key};

/// The password, and the one to come.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password as it is.
    #[schemars(with = "String")]
    pub current: PlainSecret,
    /// The one to come.
    #[schemars(with = "String", extend("x-catalog" = "password"))]
    pub new: PlainSecret,
}

impl Authority {
    /// Changes the password of whoever asks.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a password that is not taken; [`Error::PasswordRefused`]; [`Error::TooManyAttempts`].
    pub async fn change_password(
        &self,
        permit: &Permit,
        request: &PasswordChange,
        visitor: &Visitor,
    ) -> Result<SessionOpened, Error> {
        permit.covers(actions::PASSWORD)?;
        let mut own = self.own(permit).await?;
        let member = &own.member.value;
        let (current, new) = (Password::new(&request.current), Password::new(&request.new));
        self.check_password("new", &new, member.email.as_str())?;
        if current.is(&new) {
            return Err(Error::invalid("new", "it is the password that there is already"));
        }
        // Whoever has given the factor is not kept out by guesses that strangers make at the door: it is counted by itself.
        let has_factor = own.session.value.factor_at.is_some();
        let (guess, locked, locks_until) = if has_factor {
            match self.count_factor(&member.id).await? {
                Ok(attempts) => (None, None, attempts.locked_until()),
                Err(locked) => (None, Some(locked), None),
            }
        } else {
            let guess = self.count_guess(&member.email.digest(), visitor.ip).await?;
            let (locked, until) = (guess.locked, guess.locks_until);
            (Some(guess), locked, until)
        };
        if let Some(locked) = locked {
            return Err(self.too_many(locked));
        }
        let kept = member.password.clone();
        if !self.door.hashing.is_right(&current, kept.as_ref()).await? {
            self.record_refusal(Refused::Member(member), "wrong_password", visitor, locks_until).await?;
            return Err(Error::PasswordRefused);
        }
        if let Some(guess) = &guess {
            self.forget_guess(guess).await?;
        }
        let hash = self.door.hashing.hash(&new, self.entropy.as_ref()).await?;
        for _ in 0..TRIES {
            if own.member.value.password != kept {
                return Err(Error::Stale);
            }
            let mut commit = own.commit();
            let Own { member, session } = own;
            let (mut member, now) = (member.value, self.clock.now());
            if has_factor {
                commit.deletes.push(records::factor_attempts(&member.id));
            }
            member.password = Some(hash.clone());
            member.sessions_after = now;
            let renew = |session: Session, id, secret| session.renew(id, secret, now);
            let opened = self.succeed(&mut commit, &member, session.value, renew)?;
            commit.put(member_key(&member.id), &member)?;
            self.put_on_record(&mut commit, &member, permit, &member.id.to_string(), visitor.told([]))?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(opened),
                Err(CommitError::Conflict { .. }) => own = self.own(permit).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Refuses what is no good as a new password.
    pub(super) fn check_password(&self, field: &'static str, password: &Password, email: &str) -> Result<(), Error> {
        let sign_in = &self.catalog.sign_in;
        let rules = PasswordRules { characters: sign_in.password_characters, service: &sign_in.service, email };
        password.check(&rules).map_err(|error| Error::invalid(field, error))
    }
}
