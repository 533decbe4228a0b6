//! Make, change and take away a role of one's own.

use access_model::audit::AuditRecord;
use access_model::role::{MOST_ACTIONS, MOST_ROLES, is_built_in};
use access_model::text::quotable;
use access_model::{Class, Id, IdKind, Member, Role};
use access_store::{Check, Commit, CommitError, IndexEntry, Range, Store};
use schemars::JsonSchema;
use serde::Deserialize;

use super::list::missing;
use super::{RoleView, actions};
use crate::audit::append;
use crate::authority::Authority;
use crate::current::{Current, IfMatch};
use crate::decide::Permit;
use crate::error::Error;
use crate::keys::{distinct, is_disguising};
use crate::records::{self, CommitExt as _, TRIES};

/// Characters of a description at most.
const DESCRIPTION_LENGTH: usize = 500;
/// Members that are looked at at a time.
const AT_A_TIME: usize = 200;

/// What a role is to be. Empty or absent lists: none.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleRequest {
    /// For people.
    #[serde(default)]
    #[schemars(length(max = DESCRIPTION_LENGTH), extend("x-catalog" = "plain"))]
    pub description: String,
    /// What its holders may do: actions of the catalog that members may do at all.
    #[serde(default)]
    #[schemars(length(max = MOST_ACTIONS), example = &["keys.list", "keys.revoke"])]
    pub actions: Vec<String>,
    /// Scopes that its holders may put on keys and clients.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "scopes"))]
    pub scopes: Vec<String>,
}

impl Authority {
    /// Makes the role `name` of the permit's organization, or makes it another. Whoever holds it follows at once.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field; [`Error::Conflict`] for too many; [`Error::Stale`]; [`Error::Denied`] for what the
    /// caller may not hand out.
    pub async fn put_role(
        &self,
        permit: &Permit,
        name: &str,
        request: RoleRequest,
        if_match: &IfMatch,
    ) -> Result<Current<RoleView>, Error> {
        permit.covers(actions::PUT)?;
        Role::check_name(name).map_err(|error| Error::invalid("name", error))?;
        let request = self.check_role(request)?;
        let organization = permit.organization()?;
        let id = organization.record.id;
        for _ in 0..TRIES {
            let found = self.read_role(organization, name).await?;
            let version = found.as_ref().map(records::Versioned::version);
            if_match.check(version.unwrap_or_default())?;
            let before = found.map(|found| found.value);
            if before.is_none() && self.roles_of(organization).await?.len() >= MOST_ROLES {
                return Err(Error::Conflict(format!("an organization may have {MOST_ROLES} roles of its own")));
            }
            let after = Role {
                organization: id,
                name: name.to_owned(),
                description: request.description.clone(),
                actions: request.actions.clone(),
                scopes: request.scopes.clone(),
                created_at: before.as_ref().map_or_else(|| self.clock.now(), |before| before.created_at),
            };
            // Whoever changes a role gives and takes what it was and what it will be.
            let mut permitted = self.permit_role(permit, Vec::new(), Some(&after), None).await?;
            if let Some(before) = &before {
                permitted = self.permit_role(permit, Vec::new(), Some(before), None).await?;
            }
            let shown = RoleView::from(&after);
            if let (Some(version), Some(before)) = (version, &before)
                && *before == after
            {
                return Ok(Current { shown, version });
            }
            let mut commit = Commit::new(id.home());
            let key = records::role(&id, name);
            commit.checks.push(Check { key: key.clone(), version });
            commit.put(key, &after)?;
            commit.index_puts.push((records::roles_of(&id), IndexEntry { score: 0, member: name.to_owned() }));
            append(&mut commit, &self.role_record(&permitted, before.as_ref(), Some(&after))?)?;
            match self.store.commit(commit).await {
                Ok(committed) => return Ok(Current { shown, version: committed.sequence }),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Takes the role `name` of the permit's organization away, where nobody holds it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] where somebody holds it, or it is built in; [`Error::Stale`]; [`Error::Denied`].
    pub async fn delete_role(&self, permit: &Permit, name: &str, if_match: &IfMatch) -> Result<(), Error> {
        permit.covers(actions::DELETE)?;
        if is_built_in(name) {
            return Err(Error::Conflict(format!("`{name}` is built in, and stays")));
        }
        let organization = permit.organization()?;
        let id = organization.record.id;
        for _ in 0..TRIES {
            let found = self.read_role(organization, name).await?.ok_or_else(|| missing(name))?;
            if_match.check(found.version())?;
            let permitted = self.permit_role(permit, Vec::new(), Some(&found.value), None).await?;
            if let Some(holder) = self.holder_of(&id, name).await? {
                return Err(Error::Conflict(format!("the member `{holder}` holds `{name}`; take it from them first")));
            }
            let mut commit = Commit::new(id.home());
            commit.checks.push(found.check);
            commit.deletes.push(records::role(&id, name));
            commit.index_deletes.push((records::roles_of(&id), name.to_owned()));
            append(&mut commit, &self.role_record(&permitted, Some(&found.value), None)?)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// A member that holds the role `name`.
    async fn holder_of(&self, organization: &Id, name: &str) -> Result<Option<Id>, Error> {
        let mut after = None;
        loop {
            let index = records::members_of(organization);
            let range = Range { index, after, up_to: None, descending: false, limit: AT_A_TIME };
            let entries = self.store.range(organization.home(), range).await?;
            let keys: Vec<String> = entries.iter().map(|entry| format!("member/{}", entry.member)).collect();
            for (key, record) in keys.iter().zip(self.store.read(organization.home(), &keys).await?) {
                let Some(record) = record else { continue };
                let member: Member = records::decode(key, &record)?;
                if member.all_roles().contains(name) {
                    return Ok(Some(member.id));
                }
            }
            if entries.len() < AT_A_TIME {
                return Ok(None);
            }
            after = entries.into_iter().next_back();
        }
    }

    fn check_role(&self, request: RoleRequest) -> Result<RoleRequest, Error> {
        let RoleRequest { description, actions, scopes } = request;
        if description.chars().count() > DESCRIPTION_LENGTH || description.chars().any(is_disguising) {
            let message = format!("may have {DESCRIPTION_LENGTH} characters, and none that control or hide others");
            return Err(Error::invalid("description", message));
        }
        let (actions, scopes) = (distinct(actions), distinct(scopes));
        let member = self.catalog.kind_of_class(Class::Session).map(|kind| kind.name.as_str()).unwrap_or_default();
        let may =
            |name: &String| self.catalog.action(name).is_some_and(|of| of.kinds.iter().any(|kind| kind == member));
        if let Some(unknown) = actions.iter().find(|name| !may(name)) {
            let message = format!("members can't do `{}`; `GET …/permissions` lists what they can", quotable(unknown));
            return Err(Error::invalid("actions", message));
        }
        if let Some(unknown) = scopes.iter().find(|scope| !self.catalog.scopes.contains_key(*scope)) {
            return Err(Error::invalid("scopes", format!("there is no scope `{}`", quotable(unknown))));
        }
        for (field, length) in [("actions", actions.len()), ("scopes", scopes.len())] {
            if length > MOST_ACTIONS {
                return Err(Error::invalid(field, format!("may name {MOST_ACTIONS} at most; give a member two roles")));
            }
        }
        Ok(RoleRequest { description, actions, scopes })
    }

    fn role_record(&self, permit: &Permit, before: Option<&Role>, after: Option<&Role>) -> Result<AuditRecord, Error> {
        let shown = |role: &Role| serde_json::to_value(RoleView::from(role)).map_err(Error::internal);
        let organization = permit.organization()?.record.id;
        let target = after.or(before).map(|role| role.name.clone()).unwrap_or_default();
        Ok(AuditRecord {
            id: Id::draw(IdKind::Audit, organization.home(), self.entropy.as_ref())?,
            at: self.clock.now(),
            organization: Some(organization),
            workspace: None,
            actor: permit.actor(),
            action: permit.action().to_owned(),
            target,
            decision_id: Some(permit.decision_id().to_string()),
            before: before.map(shown).transpose()?,
            after: after.map(shown).transpose()?,
        })
    }
}
