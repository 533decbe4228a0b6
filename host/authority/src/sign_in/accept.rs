//! Accept an invitation: somebody becomes a member, and is signed in.
//!
//! An address is the platform's to give, and a member's home is its organization's, so there are two commits. The first reserves
//! the address for an id; the second makes the member, uses the invitation up and begins the session. Where it ends in between,
//! accepting again does the rest; of many at once, one makes the member.

use std::time::Duration;

use access_model::invitation::InvitationError;
use access_model::{
    Class, Email, Id, IdKind, Invitation, Member, MemberState, Password, PlainSecret, Shard, Timestamp,
};
use access_store::{Check, Commit, CommitError, Store as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::sessions::{SessionOpened, told};
use super::{Visitor, actions};
use crate::audit::append;
use crate::authority::Authority;
use crate::error::Error;
use crate::keys::{NAME_LENGTH, check_name};
use crate::members::put_new_member;
use crate::organizations::check_active;
use crate::records::{self, CommitExt as _, TRIES, Versioned, read};

/// How long an address is kept for whoever has begun to accept, and not come to the end.
const BEGUN: Duration = Duration::from_secs(60);

const TAKEN: &str =
    "whoever has that address is a member already; sign in, or ask for an invitation to another address";

/// Somebody who was invited.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationAcceptance {
    /// The invitation's secret, from its link.
    #[schemars(with = "String", example = &"cf_inv_…")]
    pub invitation: PlainSecret,
    /// A name for people, 1 to 120 characters.
    #[schemars(length(min = 1, max = NAME_LENGTH), extend("x-catalog" = "name"), example = &"Ada")]
    pub name: String,
    /// The password to be.
    #[schemars(with = "String", extend("x-catalog" = "password"))]
    pub password: PlainSecret,
}

/// Whose an address is.
#[derive(Debug, Serialize, Deserialize)]
struct Reserved {
    id: Id,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
}

impl Authority {
    /// Makes a member of whoever presents an invitation.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what is no invitation; [`Error::Invitation`] for one that is none any more;
    /// [`Error::Invalid`] for a name or password; [`Error::Conflict`] for an address that has a member.
    pub async fn accept_invitation(
        &self,
        request: &InvitationAcceptance,
        visitor: &Visitor,
    ) -> Result<SessionOpened, Error> {
        // Guessing one is hopeless; but nobody makes this host look things up without end.
        self.count_visit(visitor.ip).await?;
        let invitation = self.invitation_of(&request.invitation).await?.value;
        self.check_invitation(&invitation, visitor).await?;
        self.forget_visit(visitor.ip).await?;
        check_name(&request.name)?;
        let password = Password::new(&request.password);
        self.check_password("password", &password, invitation.email.as_str())?;
        let before = match &visitor.session {
            Some(secret) => self.session_of_secret(secret).await?,
            None => None,
        };
        let hash = self.door.hashing.hash(&password, self.entropy.as_ref()).await?;
        for _ in 0..TRIES {
            let Versioned { value: invitation, check } = self.invitation_of(&request.invitation).await?;
            let now = self.clock.now();
            self.check_invitation(&invitation, visitor).await?;
            let id = match self.reserve(&invitation.email, &invitation.organization).await {
                Err(Error::Contended) => continue,
                reserved => reserved?,
            };
            let member = Member {
                id,
                organization: invitation.organization,
                email: invitation.email.clone(),
                name: request.name.clone(),
                roles: invitation.roles.clone(),
                workspaces: invitation.workspaces.clone(),
                state: MemberState::Active,
                password: Some(hash.clone()),
                totp: None,
                recovery: Vec::new(),
                sessions_after: now,
                created_at: now,
            };
            let mut commit = Commit::new(id.home());
            commit.checks.push(check);
            let invitation_id = invitation.id;
            commit.put(records::invitation(&invitation_id), &invitation.accept(now)?)?;
            put_new_member(self.store.as_ref(), &mut commit, &member).await?;
            let (session, secret) = self.begin_session(&mut commit, &member, None, visitor).await?;
            let joined = json!({ "roles": member.roles, "workspaces": member.workspaces });
            let after = visitor.told([("member", joined), ("invitation", json!(invitation_id))]);
            self.put_entry(&mut commit, &member, actions::ACCEPT, &id.to_string(), after)?;
            match self.store.commit(commit).await {
                Ok(_) => {
                    self.end_others(&member, before.as_ref()).await?;
                    return Ok(told(session, secret, &member));
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Refuses an invitation that is none any more, and records that somebody came with it.
    async fn check_invitation(&self, invitation: &Invitation, visitor: &Visitor) -> Result<(), Error> {
        let organization = self.organization(&invitation.organization).await?;
        let organization = organization.ok_or_else(|| Error::internal("an invitation's organization is missing"))?;
        check_active(&organization.record)?;
        let mut checked = invitation.check(self.clock.now());
        let roles = invitation.roles.iter().chain(invitation.workspaces.values().flatten()).cloned().collect();
        if checked.is_ok() && !self.may_still_give(&organization, invitation.invited_by.as_ref(), &roles).await? {
            checked = Err(InvitationError::Void);
        }
        if let Err(error) = checked {
            self.record_late_guest(invitation, error, visitor).await?;
            return Err(error.into());
        }
        Ok(())
    }

    /// The invitation that a secret names, whatever became of it.
    pub(super) async fn invitation_of(&self, secret: &PlainSecret) -> Result<Versioned<Invitation>, Error> {
        let missing = || Error::NotFound { what: "invitation", id: "…".to_owned() };
        let (kind, tail) = self.catalog.kind_of_secret(secret.expose()).ok_or_else(missing)?;
        let id = secret.id(IdKind::Invitation, tail).filter(|_| kind.class == Class::Invitation);
        let id = id.filter(|id| id.home().number() < self.store.shards()).ok_or_else(missing)?;
        let found = read::<Invitation>(self.store.as_ref(), id.home(), records::invitation(&id)).await?;
        if let Some(found) = &found {
            self.know_pepper(found.value.secret.pepper()).await?;
        }
        found.filter(|found| self.is_digest_of(&found.value.secret, secret)).ok_or_else(missing)
    }

    /// Reserves an address for a member of `organization`: the id that it is to have.
    async fn reserve(&self, email: &Email, organization: &Id) -> Result<Id, Error> {
        let (key, now) = (records::member_email(&email.digest()), self.clock.now());
        let found = read::<Reserved>(self.store.as_ref(), Shard::PLATFORM, key.clone()).await?;
        let mut commit = Commit::new(Shard::PLATFORM);
        if let Some(found) = &found {
            let Reserved { id, at } = &found.value;
            let whose = read::<Member>(self.store.as_ref(), id.home(), records::member(id)).await?;
            match whose.map(|member| member.value.state) {
                // Whoever was removed may come back, as somebody else.
                Some(MemberState::Removed) => {}
                Some(_) => return Err(Error::Conflict(TAKEN.to_owned())),
                // Begun before, or at this moment by somebody with the same invitation: whoever ends it first has made it.
                None if id.home() == organization.home() => return Ok(*id),
                // Begun elsewhere, and perhaps about to be ended.
                None if at.is_some_and(|at| now < at.plus(BEGUN)) => return Err(Error::Contended),
                None => {}
            }
        }
        let id = Id::draw(IdKind::Member, organization.home(), self.entropy.as_ref())?;
        commit.checks.push(Check { key: key.clone(), version: found.map(|found| found.version()) });
        commit.put(key, &Reserved { id, at: Some(now) })?;
        append(&mut commit, &self.reservation(&id, organization)?)?;
        self.store.commit(commit).await?;
        Ok(id)
    }
}
