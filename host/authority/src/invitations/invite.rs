//! Invite somebody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use access_model::audit::{Actor, AuditRecord};
use access_model::{
    Class, Email, Entropy, Id, IdKind, Invitation, Kind, MemberState, OwnerState, PlainSecret, SecretDigest, Shard,
    Timestamp,
};
use access_store::{Commit, CommitError, Committed, IndexEntry, Store};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{InvitationView, actions};
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::idempotency::{Done, Idempotency, Recalled};
use crate::issued::Issued;
use crate::members::Rights;
use crate::organizations::Named;
use crate::records::{self, CommitExt as _, TRIES};

/// What is told with an answer whose secret was shown before.
const HINT: &str = "the link was shown once and is not kept; take the invitation back and make another";

/// What is asked for. Empty or absent roles: none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationRequest {
    /// Whom it is for: the address that they sign in with.
    #[schemars(length(min = 3, max = access_model::member::EMAIL_LENGTH), example = &"ada@example.com")]
    pub email: String,
    /// Roles in the whole organization.
    #[serde(default)]
    #[schemars(example = &["viewer"])]
    pub roles: Vec<String>,
    /// Roles in single workspaces besides, by the workspace's id.
    #[serde(default, deserialize_with = "cronflow_policy_cases::distinct")]
    pub workspaces: BTreeMap<String, Vec<String>>,
}

impl Authority {
    /// Invites somebody into the permit's organization.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field; [`Error::Conflict`] for a member of it; [`Error::NotActive`]; [`Error::Denied`] for
    /// roles that the caller may not give; [`Error::IdempotencyKeyReused`].
    pub async fn invite(
        &self,
        permit: &Permit,
        request: InvitationRequest,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done<Issued<InvitationView>>, Error> {
        permit.covers(actions::CREATE)?;
        let organization = &permit.organization()?.record;
        let email = Email::parse(&request.email).map_err(|error| Error::invalid("email", error))?;
        let attempt = permit.attempt(&organization.id.to_string(), idempotency);
        for _ in 0..TRIES {
            let (home, entropy, now) = (organization.id.home(), self.entropy.as_ref(), self.clock.now());
            let slot = match attempt.recall(self.store.as_ref(), home, now).await? {
                Recalled::Answer(answer) => return Ok(Done::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            if organization.state != OwnerState::Active {
                return Err(Error::NotActive { what: "organization", state: organization.state.name() });
            }
            let Rights { roles, workspaces } =
                self.rights(permit, request.roles.clone(), request.workspaces.clone()).await?;
            let given: BTreeSet<String> = roles.iter().chain(workspaces.values().flatten()).cloned().collect();
            if given.is_empty() {
                return Err(Error::invalid("roles", "name at least one role, in the organization or in a workspace"));
            }
            let permit = self.permit_roles(permit, &given, None).await?;
            if self.is_member(&organization.id, &email).await? {
                return Err(Error::Conflict("whoever has that address is a member already".to_owned()));
            }
            let kind = invitation_kind(&self.catalog)?;
            let lifetime = kind.lifetime.unwrap_or_default();
            let invited_by = Some(permit.member().unwrap_or(*permit.caller().entry.credential.id()));
            let (id, secret) = draw(&organization.id, kind, entropy)?;
            let offer =
                Offer { id, organization: organization.id, email: email.clone(), roles, workspaces, invited_by };
            let invitation = offer.made(self.digest(&secret)?, lifetime, now);
            let mut commit = Commit::new(home);
            let decision = Some(permit.decision_id().to_string());
            put_new_invitation(&mut commit, &invitation, permit.actor(), decision, entropy)?;
            let shown = InvitationView::new(&invitation, now);
            slot.remember(&mut commit, &shown, Some(HINT))?;
            match self.store.commit(commit).await {
                Ok(Committed { sequence: version, .. }) => return Ok(Done::Now(Issued { shown, secret, version })),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Whether an address is that of a member of `organization`. Of another's members nothing is told here.
    async fn is_member(&self, organization: &Id, email: &Email) -> Result<bool, Error> {
        let key = records::member_email(&email.digest());
        let Some(named) = records::read::<Named>(self.store.as_ref(), Shard::PLATFORM, key).await? else {
            return Ok(false);
        };
        let member = self.member(&named.value.id).await?;
        Ok(member.is_some_and(|member| {
            member.record.organization == *organization && member.record.state != MemberState::Removed
        }))
    }
}

/// An invitation before it has a secret.
pub(crate) struct Offer {
    pub(crate) id: Id,
    pub(crate) organization: Id,
    pub(crate) email: Email,
    pub(crate) roles: Vec<String>,
    pub(crate) workspaces: BTreeMap<Id, Vec<String>>,
    pub(crate) invited_by: Option<Id>,
}

impl Offer {
    /// The invitation, to be accepted for `lifetime`.
    pub(crate) fn made(self, secret: SecretDigest, lifetime: Duration, now: Timestamp) -> Invitation {
        Invitation {
            id: self.id,
            organization: self.organization,
            email: self.email,
            roles: self.roles,
            workspaces: self.workspaces,
            invited_by: self.invited_by,
            secret,
            created_at: now,
            expires_at: now.plus(lifetime),
            used_at: None,
            revoked_at: None,
        }
    }
}

/// The kind of invitations.
pub(crate) fn invitation_kind(catalog: &access_model::Catalog) -> Result<&Kind, Error> {
    let none = || Error::Conflict("the catalog has no kind of class `invitation`, so nobody is invited".to_owned());
    catalog.kind_of_class(Class::Invitation).map(std::sync::Arc::as_ref).ok_or_else(none)
}

/// The id and the secret of a new invitation.
pub(crate) fn draw(organization: &Id, kind: &Kind, entropy: &dyn Entropy) -> Result<(Id, PlainSecret), Error> {
    let id = Id::draw(IdKind::Invitation, organization.home(), entropy)?;
    Ok((id, PlainSecret::draw(&kind.prefix, &id, entropy)?))
}

/// Puts a new invitation, its place in the organization's list and its audit record into `commit`.
pub(crate) fn put_new_invitation(
    commit: &mut Commit,
    invitation: &Invitation,
    actor: Actor,
    decision_id: Option<String>,
    entropy: &dyn Entropy,
) -> Result<(), Error> {
    let entry = IndexEntry { score: invitation.created_at.as_millis(), member: invitation.id.to_string() };
    commit.index_puts.push((records::invitations_of(&invitation.organization), entry));
    commit.put_new(records::invitation(&invitation.id), invitation)?;
    let shown = InvitationView::new(invitation, invitation.created_at);
    append(
        commit,
        &AuditRecord {
            id: Id::draw(IdKind::Audit, invitation.organization.home(), entropy)?,
            at: invitation.created_at,
            organization: Some(invitation.organization),
            workspace: None,
            actor,
            action: actions::CREATE.to_owned(),
            target: invitation.id.to_string(),
            decision_id,
            before: None,
            after: Some(serde_json::to_value(shown).map_err(Error::internal)?),
        },
    )
}
