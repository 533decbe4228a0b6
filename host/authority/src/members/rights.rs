//! What is given to a member or with an invitation: checked to be there, and judged before it lands.

use std::collections::{BTreeMap, BTreeSet};

use access_model::role::is_built_in;
use access_model::text::quotable;
use access_model::{Id, IdKind, Role};
use cronflow_policy_cases::{Attributes, Decision, Value};

use crate::authority::Authority;
use crate::decide::cache::OrganizationEntry;
use crate::decide::{Grant, Permit};
use crate::error::Error;
use crate::keys::distinct;

/// Roles that one person may hold in one place.
const MOST_ROLES: usize = 16;

/// Roles in the whole organization, and in single workspaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rights {
    pub(crate) roles: Vec<String>,
    pub(crate) workspaces: BTreeMap<Id, Vec<String>>,
}

impl Authority {
    /// What is asked for, checked: every role and every workspace is the permit's organization's.
    pub(crate) async fn rights(
        &self,
        permit: &Permit,
        roles: Vec<String>,
        workspaces: BTreeMap<String, Vec<String>>,
    ) -> Result<Rights, Error> {
        let organization = permit.organization()?;
        let own = self.roles_of(organization).await?;
        let read = |field: &'static str, roles: Vec<String>| {
            let roles = distinct(roles);
            let unknown = roles.iter().find(|name| !is_built_in(name) && !own.contains_key(*name));
            match unknown {
                Some(name) => Err(Error::invalid(field, format!("there is no role `{}` here", quotable(name)))),
                None if roles.len() > MOST_ROLES => {
                    Err(Error::invalid(field, format!("may name {MOST_ROLES} roles at most")))
                }
                None => Ok(roles),
            }
        };
        let most = self.catalog.limits.client_workspaces;
        if workspaces.len() > most {
            return Err(Error::invalid("workspaces", format!("may name {most} at most")));
        }
        let mut rights = Rights { roles: read("roles", roles)?, workspaces: BTreeMap::new() };
        for (text, roles) in workspaces {
            // Another organization's is not there, as far as this one may know.
            let missing = || {
                Error::invalid("workspaces", format!("there is no workspace `{}` here; state its id", quotable(&text)))
            };
            let id: Id = text.parse().map_err(|_| missing())?;
            let is_here = id.kind() == IdKind::Workspace && id.home() == organization.record.id.home();
            let found = if is_here { self.workspace(&id).await? } else { None };
            let found = found.filter(|workspace| workspace.record.organization == organization.record.id);
            let (id, roles) = (found.ok_or_else(missing)?.record.id, read("workspaces", roles)?);
            if !roles.is_empty() {
                rights.workspaces.insert(id, roles);
            }
        }
        Ok(rights)
    }

    /// Decides whether the permit's caller may give and take `roles`, wherever they are held. The permit that comes out goes with
    /// the effect. `whose` is the member or invitation that they are for.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub(crate) async fn permit_roles(
        &self,
        permit: &Permit,
        roles: &BTreeSet<String>,
        whose: Option<&Id>,
    ) -> Result<Permit, Error> {
        let own = self.roles_of(permit.organization()?).await?;
        let built_in = roles.iter().filter(|name| is_built_in(name)).cloned().collect();
        let mut permitted = self.permit_role(permit, built_in, None, whose).await?;
        // Each by itself, so that the facts stay small however many there are. One that is gone hands out nothing.
        for role in roles.iter().filter_map(|name| own.get(name)) {
            permitted = self.permit_role(permit, Vec::new(), Some(role), whose).await?;
        }
        Ok(permitted)
    }

    /// The same, of built-in roles by their names, or of what one role allows.
    pub(crate) async fn permit_role(
        &self,
        permit: &Permit,
        names: Vec<String>,
        role: Option<&Role>,
        whose: Option<&Id>,
    ) -> Result<Permit, Error> {
        let attributes = attributes_of(names, role);
        let grant = Grant { kind: ROLE_GRANT, id: whose, attributes, context: Attributes::new() };
        self.require_grant(permit, grant).await
    }

    /// Whether whoever invited might give `roles` now as well. What a member has offered ends with its right to offer it.
    pub(crate) async fn may_still_give(
        &self,
        organization: &OrganizationEntry,
        inviter: Option<&Id>,
        roles: &BTreeSet<String>,
    ) -> Result<bool, Error> {
        let Some(inviter) = inviter.filter(|id| id.kind() == IdKind::Member) else { return Ok(true) };
        let Some(member) = self.member(inviter).await? else { return Ok(false) };
        let Some(action) = self.catalog.action(crate::invitations::actions::CREATE) else { return Ok(false) };
        let rules = self.policies.current();
        let supposed = self.suppose_member(&rules, organization, None, &member.record).await?;
        let own = self.roles_of(organization).await?;
        let built_in = roles.iter().filter(|name| is_built_in(name)).cloned().collect();
        let given = std::iter::once(attributes_of(built_in, None))
            .chain(roles.iter().filter_map(|name| own.get(name)).map(|role| attributes_of(Vec::new(), Some(role))));
        let mut questions = given.map(|attributes| (Some(ROLE_GRANT), attributes)).chain([(None, Attributes::new())]);
        Ok(questions.all(|(kind, attributes)| supposed.may(action, kind, attributes) == Decision::Allow))
    }
}

/// What is asked about a second time, where roles are given and taken.
const ROLE_GRANT: &str = "role_grant";

fn attributes_of(names: Vec<String>, role: Option<&Role>) -> Attributes {
    let of = |list: fn(&Role) -> &Vec<String>| Value::Texts(role.map(list).cloned().unwrap_or_default());
    let stated =
        [("names", Value::Texts(names)), ("actions", of(|role| &role.actions)), ("scopes", of(|role| &role.scopes))];
    stated.map(|(name, value)| (name.to_owned(), value)).into()
}
