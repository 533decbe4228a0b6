//! Show a role; list an organization's, the built-in ones first. What those allow is asked of the policies.

use access_model::role::{BUILT_IN, is_built_in};
use access_model::text::quotable;
use access_model::{Class, Role};
use cronflow_policy_cases::{Attributes, Decision, Value};
use schemars::JsonSchema;
use serde::Serialize;

use super::{RoleView, actions};
use crate::authority::Authority;
use crate::current::Current;
use crate::decide::Permit;
use crate::decide::cache::OrganizationEntry;
use crate::error::Error;
use crate::keys;
use crate::permissions::Supposed;
use crate::records::{self, Versioned};

/// What holders of each of the built-in roles do, in a sentence.
const DESCRIPTIONS: [(&str, &str); 5] = [
    ("owner", "everything an admin may, and making other owners"),
    ("admin", "runs the organization: members, roles, clients, network, policies"),
    ("developer", "sees everything but the audit trail, and issues keys"),
    ("viewer", "sees everything but the audit trail"),
    ("auditor", "sees everything, the audit trail included"),
];

/// An organization's roles.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Roles")]
pub struct RoleList {
    /// The built-in ones, then its own by their names.
    pub items: Vec<RoleView>,
}

impl Authority {
    /// The roles of the permit's organization.
    ///
    /// # Errors
    /// Never but for the store's.
    pub async fn list_roles(&self, permit: &Permit) -> Result<RoleList, Error> {
        permit.covers(actions::LIST)?;
        let organization = permit.organization()?;
        let mut items = Vec::with_capacity(BUILT_IN.len());
        for name in BUILT_IN {
            items.push(self.built_in(organization, name).await?);
        }
        items.extend(self.roles_of(organization).await?.values().map(RoleView::from));
        Ok(RoleList { items })
    }

    /// The role `name` of the permit's organization. A built-in one has the version 0.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_role(&self, permit: &Permit, name: &str) -> Result<Current<RoleView>, Error> {
        permit.covers(actions::GET)?;
        let organization = permit.organization()?;
        if is_built_in(name) {
            return Ok(Current { shown: self.built_in(organization, name).await?, version: 0 });
        }
        let found = self.read_role(organization, name).await?.ok_or_else(|| missing(name))?;
        Ok(Current { shown: (&found.value).into(), version: found.version() })
    }

    /// Reads a role for changing.
    pub(super) async fn read_role(
        &self,
        organization: &OrganizationEntry,
        name: &str,
    ) -> Result<Option<Versioned<Role>>, Error> {
        let id = &organization.record.id;
        records::read(self.store.as_ref(), id.home(), records::role(id, name)).await
    }

    /// A built-in role, as the policies have it.
    async fn built_in(&self, organization: &OrganizationEntry, name: &str) -> Result<RoleView, Error> {
        let rules = self.policies.current();
        let supposed = self.suppose(&rules, organization, None, None, vec![name.to_owned()]).await?;
        let managing = self.catalog.actions().filter(|action| action.category == "management");
        let allowed = managing.filter(|action| supposed.may(action, None, Attributes::new()) == Decision::Allow);
        let actions = allowed.map(|action| action.name.clone()).collect();
        let issue = self.catalog.action(keys::actions::ISSUE);
        let kinds: Vec<_> = self.catalog.kinds.values().filter(|kind| kind.class == Class::ApiKey).collect();
        let may_hand_out = |scope: &String| {
            let kind = kinds.iter().find(|kind| kind.scopes.contains(scope));
            let (Some(kind), Some(issue)) = (kind, issue) else { return false };
            let stated = [("kind", Value::Text(kind.name.clone())), ("scopes", Value::Texts(vec![scope.clone()]))];
            let attributes = stated.map(|(name, value)| (name.to_owned(), value)).into();
            supposed.may(issue, Some(Supposed::GRANT), attributes) == Decision::Allow
        };
        let scopes = self.catalog.scopes.keys().filter(|scope| may_hand_out(scope)).cloned().collect();
        let description = DESCRIPTIONS.iter().find(|(of, _)| *of == name).map_or("", |(_, description)| description);
        Ok(RoleView { name: name.to_owned(), built_in: true, description: description.to_owned(), actions, scopes })
    }
}

pub(super) fn missing(name: &str) -> Error {
    Error::NotFound { what: "role", id: quotable(name) }
}
