//! Sign in: an address, a password, and the second factor where it is at hand.
//!
//! Counted first, then looked at. An address that nobody has, one whose member may not sign in, a wrong password, a wrong code
//! and a locked account are all told the same, after the same work. A right password without its code begins a session that has
//! no second factor: what that may do is up to the policies.

use access_model::audit::sha256_hex;
use access_model::{Email, Id, Member, MemberState, OwnerState, Password, PlainSecret, Shard};
use access_store::{Commit, CommitError, Store as _};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::factor::Proof;
use super::guesses::Guess;
use super::sessions::{SessionOpened, told};
use super::trail::Refused;
use super::{Visitor, actions, records};
use crate::authority::Authority;
use crate::error::Error;
use crate::organizations::Named;
use crate::records::{CommitExt as _, TRIES, Versioned, member as member_key, member_email, read};

/// Who somebody says to be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignIn")]
pub struct SignInRequest {
    /// The member's address; capitals don't matter.
    #[schemars(example = &"ada@example.com")]
    pub email: String,
    /// The member's password.
    #[schemars(with = "String", example = &"correct horse battery staple")]
    pub password: PlainSecret,
    /// What the authenticator app shows. It may be given later.
    #[serde(default)]
    #[schemars(with = "Option<String>", example = &"492039")]
    pub code: Option<PlainSecret>,
}

impl Authority {
    /// Signs somebody in. The session that is presented ends.
    ///
    /// # Errors
    /// [`Error::SignInFailed`] for whatever is wrong; [`Error::TooManyAttempts`] from this network; [`Error::TooManySignIns`].
    pub async fn sign_in(&self, request: &SignInRequest, visitor: &Visitor) -> Result<SessionOpened, Error> {
        let address = match Email::parse(&request.email) {
            Ok(email) => email.digest(),
            Err(_) => sha256_hex(request.email.trim().to_lowercase().as_bytes()),
        };
        let guess = self.count_guess(&address, visitor.ip).await?;
        let found = self.member_at(&address).await?;
        let kept = found.as_ref().and_then(|found| found.value.password.clone());
        let is_right = self.door.hashing.is_right(&Password::new(&request.password), kept.as_ref()).await?;
        let Some(found) = found else {
            return Err(self.turn_away(Refused::Nobody(&address), "unknown_address", &guess, visitor).await);
        };
        let wrong = match (is_right, self.may_sign_in(&found.value).await?) {
            (false, _) => Some("wrong_password"),
            (true, false) => Some("not_active"),
            (true, true) => None,
        };
        if let Some(reason) = wrong.or(guess.locked.map(|_| "locked")) {
            return Err(self.turn_away(Refused::Member(&found.value), reason, &guess, visitor).await);
        }
        self.forget_guess(&guess).await?;
        let locks_until = match request.code.as_ref().filter(|_| found.value.has_factor()) {
            None => None,
            Some(_) => match self.count_factor(&found.value.id).await? {
                Ok(attempts) => attempts.locked_until(),
                // Nothing more is recorded of what is locked.
                Err(_) => return Err(Error::SignInFailed),
            },
        };
        let opened = self.open_session(found, kept, request, visitor).await?;
        match opened {
            Ok(opened) => Ok(opened),
            Err((member, reason)) => {
                self.record_refusal(Refused::Member(&member), reason, visitor, locks_until).await?;
                Err(Error::SignInFailed)
            }
        }
    }

    /// The password was right: what the second factor says, and the session.
    async fn open_session(
        &self,
        mut found: Versioned<Member>,
        kept: Option<access_model::PasswordHash>,
        request: &SignInRequest,
        visitor: &Visitor,
    ) -> Result<Result<SessionOpened, (Member, &'static str)>, Error> {
        let before = match &visitor.session {
            Some(secret) => self.session_of_secret(secret).await?,
            None => None,
        };
        for _ in 0..TRIES {
            let Versioned { value: member, check } = found;
            let mut commit = Commit::new(member.id.home());
            commit.checks.push(check);
            let code = request.code.as_ref().filter(|_| member.has_factor());
            let now = self.clock.now();
            if let Some(code) = code {
                match self.use_up(&member, Proof::Code(code), now)? {
                    Ok(after) => commit.put(member_key(&member.id), &after)?,
                    Err(reason) => return Ok(Err((member, reason))),
                }
                commit.deletes.push(records::factor_attempts(&member.id));
            }
            let replaced = before.as_ref().map(|before| &before.value).filter(|before| before.member == member.id);
            if let Some(before) = replaced {
                self.end(&mut commit, before.clone())?;
            }
            let (session, secret) = self.begin_session(&mut commit, &member, code.map(|_| now), visitor).await?;
            let opened = told(session, secret, &member);
            let replaces = json!(replaced.map(|before| before.id));
            let after = visitor.told([("factor", json!(opened.factor)), ("replaces", replaces)]);
            self.put_entry(&mut commit, &member, actions::OPEN, &opened.id.to_string(), after)?;
            match self.store.commit(commit).await {
                Ok(_) => {
                    metrics::counter!("access_sign_ins_total", "result" => "let_in").increment(1);
                    self.end_others(&member, before.as_ref()).await?;
                    return Ok(Ok(opened));
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            // The member has changed: whether all of it holds still is asked anew.
            let again = read::<Member>(self.store.as_ref(), member.id.home(), member_key(&member.id)).await?;
            match again {
                Some(again) if again.value.password == kept && self.may_sign_in(&again.value).await? => found = again,
                _ => return Ok(Err((member, "changed_meanwhile"))),
            }
        }
        Err(Error::Contended)
    }

    /// A session of somebody else's that was presented ends as well: a browser has one.
    pub(super) async fn end_others(
        &self,
        member: &Member,
        before: Option<&Versioned<access_model::Session>>,
    ) -> Result<(), Error> {
        let Some(before) = before.filter(|before| before.value.member != member.id) else { return Ok(()) };
        let home = before.value.member.home();
        let whose = read::<Member>(self.store.as_ref(), home, member_key(&before.value.member)).await?;
        let Some(whose) = whose else { return Ok(()) };
        let mut commit = Commit::new(home);
        let ended = self.end(&mut commit, before.value.clone())?;
        let after = json!({ "reason": "somebody else signed in" });
        self.put_entry(&mut commit, &whose.value, actions::REVOKE, &ended.id.to_string(), after)?;
        self.store.commit(commit).await?;
        Ok(())
    }

    async fn turn_away(&self, whom: Refused<'_>, reason: &str, guess: &Guess, visitor: &Visitor) -> Error {
        metrics::counter!("access_sign_ins_total", "result" => "refused").increment(1);
        // What is locked was told of when it was locked: an endless flood must not fill the trail.
        if guess.locked.is_some() {
            return Error::SignInFailed;
        }
        match self.record_refusal(whom, reason, visitor, guess.locks_until).await {
            Ok(()) => Error::SignInFailed,
            Err(error) => error,
        }
    }

    /// Whoever has the address of this digest. It takes as many reads whether or not somebody has.
    async fn member_at(&self, address: &str) -> Result<Option<Versioned<Member>>, Error> {
        let named = read::<Named>(self.store.as_ref(), Shard::PLATFORM, member_email(address)).await?;
        match named {
            Some(named) => {
                let id: Id = named.value.id;
                read(self.store.as_ref(), id.home(), member_key(&id)).await
            }
            None => {
                let shard = u8::from_str_radix(address.get(..2).unwrap_or_default(), 16).unwrap_or_default();
                let shard = Shard::new(shard % self.store.shards()).unwrap_or(Shard::PLATFORM);
                read(self.store.as_ref(), shard, "member/nobody".to_owned()).await
            }
        }
    }

    async fn may_sign_in(&self, member: &Member) -> Result<bool, Error> {
        let organization = self.organization(&member.organization).await?;
        let is_alive = organization.is_some_and(|organization| organization.record.state == OwnerState::Active);
        Ok(is_alive && member.state == MemberState::Active)
    }
}
