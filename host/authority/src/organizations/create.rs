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
use serde_json::json;

use super::{OrganizationView, actions};
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
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
}

/// What a name's record says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Named {
    /// Who has it.
    pub(crate) id: Id,
}

/// Something that was to be made: whether it was, or was there already.
pub(crate) struct Founded<T> {
    pub(crate) it: T,
    pub(crate) is_new: bool,
}

impl Authority {
    /// Creates an organization.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is not a name; [`Error::NameTaken`].
    pub async fn create_organization(
        &self,
        permit: &Permit,
        request: OrganizationRequest,
    ) -> Result<OrganizationView, Error> {
        permit.covers(actions::CREATE)?;
        check_name(&request.name).map_err(|error| Error::invalid("name", error))?;
        let entropy = self.entropy.as_ref();
        let id = Id::draw(IdKind::Organization, Shard::draw(entropy, self.store.shards())?, entropy)?;
        let founded = self.founding(permit).organization(id, &request.name).await?;
        if !founded.is_new {
            return Err(Error::NameTaken { what: "an organization", name: request.name });
        }
        Ok((&founded.it).into())
    }

    pub(crate) fn founding(&self, permit: &Permit) -> Founding<'_> {
        Founding {
            store: self.store.as_ref(),
            entropy: self.entropy.as_ref(),
            now: self.clock.now(),
            actor: permit.actor(),
            decision_id: Some(permit.decision_id().to_string()),
        }
    }
}

impl Founding<'_> {
    /// Makes the organization `name`, or finds it. `id` is its id unless the name is reserved for another.
    pub(crate) async fn organization(&self, id: Id, name: &str) -> Result<Founded<Organization>, Error> {
        for _ in 0..TRIES {
            let reserved =
                records::read::<Named>(self.store, Shard::PLATFORM, records::organization_name(name)).await?;
            let id = match reserved {
                Some(reserved) => reserved.value.id,
                None => match self.reserve(id, name).await {
                    Ok(()) => id,
                    Err(Error::Contended) => continue,
                    Err(error) => return Err(error),
                },
            };
            if let Some(found) = records::read(self.store, id.home(), records::organization(&id)).await? {
                return Ok(Founded { it: found.value, is_new: false });
            }
            let organization = Organization::new(id, name, self.now);
            let mut commit = Commit::new(id.home());
            commit.put_new(records::organization(&id), &organization)?;
            append(&mut commit, &self.record(actions::CREATE, &id, name, (Some(id), None))?)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(Founded { it: organization, is_new: true }),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    async fn reserve(&self, id: Id, name: &str) -> Result<(), Error> {
        let mut commit = Commit::new(Shard::PLATFORM);
        commit.put_new(records::organization_name(name), &Named { id })?;
        let entry = IndexEntry { score: self.now.as_millis(), member: id.to_string() };
        commit.index_puts.push((records::ORGANIZATIONS.to_owned(), entry));
        append(&mut commit, &self.record(actions::CREATE, &id, name, (None, None))?)?;
        self.store.commit(commit).await?;
        Ok(())
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
