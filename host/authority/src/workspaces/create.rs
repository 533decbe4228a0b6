//! Create a workspace: its name and itself in one commit, in the home of its organization.

use access_model::organization::{NAME_PATTERN, check_name};
use access_model::{Id, IdKind, Organization, Workspace};
use access_store::{Commit, CommitError, IndexEntry};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{WorkspaceView, actions};
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::idempotency::{Done, Idempotency, Recalled};
use crate::organizations::{Founded, Founding, Named, check_active};
use crate::records::{self, CommitExt as _, TRIES};

/// What is asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceRequest {
    /// Name, unique within the organization: 1 to 63 lower case letters, digits and hyphens. It is not given twice, not even
    /// after archiving.
    #[schemars(regex(pattern = NAME_PATTERN), example = &"main")]
    pub name: String,
}

impl Authority {
    /// Creates a workspace in the permit's organization.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is not a name; [`Error::NameTaken`]; [`Error::NotActive`];
    /// [`Error::IdempotencyKeyReused`].
    pub async fn create_workspace(
        &self,
        permit: &Permit,
        request: WorkspaceRequest,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done<WorkspaceView>, Error> {
        permit.covers(actions::CREATE)?;
        check_name(&request.name).map_err(|error| Error::invalid("name", error))?;
        let organization = permit.organization()?.record.id;
        let id = Id::draw(IdKind::Workspace, organization.home(), self.entropy.as_ref())?;
        let attempt = permit.attempt(&organization.to_string(), idempotency);
        match self.founding(permit, attempt).workspace(id, &organization, &request.name).await? {
            Founded::New(workspace) => Ok(Done::Now((&workspace).into())),
            Founded::There(_) => Err(Error::NameTaken { what: "a workspace", name: request.name }),
            Founded::Before(answer) => Ok(Done::Before(answer)),
        }
    }
}

impl Founding<'_> {
    /// Makes the workspace `name` of an organization, or finds it.
    pub(crate) async fn workspace(&self, id: Id, organization: &Id, name: &str) -> Result<Founded<Workspace>, Error> {
        let home = organization.home();
        for _ in 0..TRIES {
            let slot = match self.attempt.recall(self.store, home, self.now).await? {
                Recalled::Answer(answer) => return Ok(Founded::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            let reserved =
                records::read::<Named>(self.store, home, records::workspace_name(organization, name)).await?;
            if let Some(reserved) = reserved {
                let missing = || Error::internal(format!("the name `{name}` is nobody's"));
                let found = records::read(self.store, home, records::workspace(&reserved.value.id)).await?;
                return Ok(Founded::There(found.ok_or_else(missing)?.value));
            }
            let owner = records::read::<Organization>(self.store, home, records::organization(organization)).await?;
            let missing = || Error::NotFound { what: "organization", id: organization.to_string() };
            let owner = owner.ok_or_else(missing)?;
            check_active(&owner.value)?;
            let workspace = Workspace::new(id, *organization, name, self.now);
            let mut commit = Commit::new(home);
            // Suspending the organization at the same time comes first or last, never in between.
            commit.checks.push(owner.check);
            commit.put_new(records::workspace_name(organization, name), &Named { id })?;
            commit.put_new(records::workspace(&id), &workspace)?;
            let entry = IndexEntry { score: self.now.as_millis(), member: id.to_string() };
            commit.index_puts.push((records::workspaces_of(organization), entry));
            append(&mut commit, &self.record(actions::CREATE, &id, name, (Some(*organization), Some(id)))?)?;
            slot.remember(&mut commit, &WorkspaceView::from(&workspace), None)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(Founded::New(workspace)),
                // From before names were reserved: a dev host's, made anew at each start.
                Err(CommitError::Conflict { key }) if key == records::workspace(&id) => {
                    if let Some(found) = records::read(self.store, home, key).await? {
                        return Ok(Founded::There(found.value));
                    }
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}
