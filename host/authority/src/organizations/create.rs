//! Create an organization.
//!
//! Its name is the platform's to give, and its home is elsewhere, so there are two commits. The first reserves the name and
//! says in the platform's audit trail what is intended; the second makes the organization. Where it ends in between, asking
//! for the same name again does the rest.

use access_model::audit::{Actor, AuditRecord};
use access_model::organization::{NAME_PATTERN, check_name};
use access_model::{Entropy, Id, IdKind, Organization, Shard, Timestamp};
use access_store::{Commit, CommitError, IndexEntry, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{OrganizationView, actions};
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::idempotency::{Attempt, Done, Idempotency, Recalled, Slot};
use crate::records::{self, CommitExt as _, TRIES};

/// What is asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationRequest {
    /// Unique name: 1 to 63 lower case letters, digits and hyphens. It is not given twice, not even after archiving.
    #[schemars(regex(pattern = NAME_PATTERN), example = &"acme")]
    pub name: String,
}

/// Whoever makes organizations and workspaces, and by which decision: an installation that begins has neither principal nor
/// permit.
pub(crate) struct Founding<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) entropy: &'a dyn Entropy,
    pub(crate) now: Timestamp,
    pub(crate) actor: Actor,
    pub(crate) decision_id: Option<String>,
    pub(crate) attempt: Attempt,
}

/// What a name's record says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Named {
    /// Who has it.
    pub(crate) id: Id,
}

/// What came of something that was to be made.
pub(crate) enum Founded<T> {
    /// It was made.
    New(T),
    /// Something of that name was there already.
    There(T),
    /// The same request made it before, and was answered this.
    Before(Value),
}

impl<T> Founded<T> {
    /// What is there now, for whom it does not matter since when.
    pub(crate) fn either(self) -> Result<T, Error> {
        match self {
            Self::New(it) | Self::There(it) => Ok(it),
            Self::Before(_) => Err(Error::internal("a beginning has no requests before it")),
        }
    }
}

impl Authority {
    /// Creates an organization.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is not a name; [`Error::NameTaken`]; [`Error::IdempotencyKeyReused`].
    pub async fn create_organization(
        &self,
        permit: &Permit,
        request: OrganizationRequest,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done<OrganizationView>, Error> {
        permit.covers(actions::CREATE)?;
        check_name(&request.name).map_err(|error| Error::invalid("name", error))?;
        let entropy = self.entropy.as_ref();
        let id = Id::draw(IdKind::Organization, Shard::draw(entropy, self.store.shards())?, entropy)?;
        let attempt = permit.attempt("organizations", idempotency);
        match self.founding(permit, attempt).organization(id, &request.name).await? {
            Founded::New(organization) => Ok(Done::Now((&organization).into())),
            Founded::There(_) => Err(Error::NameTaken { what: "an organization", name: request.name }),
            Founded::Before(answer) => Ok(Done::Before(answer)),
        }
    }

    pub(crate) fn founding(&self, permit: &Permit, attempt: Attempt) -> Founding<'_> {
        Founding {
            store: self.store.as_ref(),
            entropy: self.entropy.as_ref(),
            now: self.clock.now(),
            actor: permit.actor(),
            decision_id: Some(permit.decision_id().to_string()),
            attempt,
        }
    }
}

impl Founding<'_> {
    /// Makes the organization `name`, or finds it. `id` is its id unless the name is reserved for another.
    pub(crate) async fn organization(&self, id: Id, name: &str) -> Result<Founded<Organization>, Error> {
        for _ in 0..TRIES {
            // The platform alone can tell that a key of idempotency comes with another name; a home remembers the answer.
            let claim = match self.attempt.recall(self.store, Shard::PLATFORM, self.now).await? {
                Recalled::Answer(answer) => return Ok(Founded::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            let id = match self.reserve(id, name, &claim).await {
                Err(Error::Contended) => continue,
                reserved => reserved?.id,
            };
            let slot = match self.attempt.recall(self.store, id.home(), self.now).await? {
                Recalled::Answer(answer) => return Ok(Founded::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            if let Some(found) = records::read(self.store, id.home(), records::organization(&id)).await? {
                return Ok(Founded::There(found.value));
            }
            let organization = Organization::new(id, name, self.now);
            let mut commit = Commit::new(id.home());
            commit.put_new(records::organization(&id), &organization)?;
            append(&mut commit, &self.record(actions::CREATE, &id, name, (Some(id), None))?)?;
            slot.remember(&mut commit, &OrganizationView::from(&organization), None)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(Founded::New(organization)),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Whoever has the name, which is `id` if nobody had it.
    async fn reserve(&self, id: Id, name: &str, claim: &Slot<'_>) -> Result<Named, Error> {
        let key = records::organization_name(name);
        let mut commit = Commit::new(Shard::PLATFORM);
        claim.claim(&mut commit)?;
        if let Some(named) = records::read::<Named>(self.store, Shard::PLATFORM, key.clone()).await? {
            // Nothing is claimed for what is there: only what is begun.
            if claim.is_free() && !self.is_whole(&named.value.id).await? {
                self.store.commit(commit).await?;
            }
            return Ok(named.value);
        }
        let named = Named { id };
        commit.put_new(key, &named)?;
        let entry = IndexEntry { score: self.now.as_millis(), member: id.to_string() };
        commit.index_puts.push((records::ORGANIZATIONS.to_owned(), entry));
        append(&mut commit, &self.record(actions::CREATE, &id, name, (None, None))?)?;
        self.store.commit(commit).await?;
        Ok(named)
    }

    async fn is_whole(&self, id: &Id) -> Result<bool, Error> {
        let key = [records::organization(id)];
        Ok(self.store.read(id.home(), &key).await?.iter().any(Option::is_some))
    }

    /// The audit record of making something, in the books of an organization and workspace, or of the platform.
    pub(crate) fn record(
        &self,
        action: &str,
        target: &Id,
        name: &str,
        (organization, workspace): (Option<Id>, Option<Id>),
    ) -> Result<AuditRecord, Error> {
        let home = organization.map_or(Shard::PLATFORM, |id| id.home());
        Ok(AuditRecord {
            id: Id::draw(IdKind::Audit, home, self.entropy)?,
            at: self.now,
            organization,
            workspace,
            actor: self.actor.clone(),
            action: action.to_owned(),
            target: target.to_string(),
            decision_id: self.decision_id.clone(),
            before: None,
            after: Some(json!({ "name": name })),
        })
    }
}
