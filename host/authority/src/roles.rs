//! Roles: the built-in ones, which the policies know, and those that an organization makes of actions and scopes.

mod change;
mod list;

use std::collections::BTreeMap;

use access_model::{Id, Role};
use access_store::{Range, Store};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::decide::cache::OrganizationEntry;
use crate::error::Error;
use crate::records;

pub use change::RoleRequest;
pub use list::RoleList;

/// Actions of the catalog that these use cases need a permit for.
pub mod actions {
    /// List.
    pub const LIST: &str = "roles.list";
    /// Show.
    pub const GET: &str = "roles.get";
    /// Make or change.
    pub const PUT: &str = "roles.put";
    /// Take away.
    pub const DELETE: &str = "roles.delete";
}

/// A role as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Role", example = example())]
pub struct RoleView {
    /// Its name.
    pub name: String,
    /// Whether it is there in every organization, and stays as it is.
    pub built_in: bool,
    /// For people.
    pub description: String,
    /// What its holders may do.
    pub actions: Vec<String>,
    /// Scopes that its holders may put on keys and clients.
    pub scopes: Vec<String>,
}

fn example() -> Value {
    json!({
        "name": "on-call",
        "built_in": false,
        "description": "may see everything and revoke keys",
        "actions": ["keys.get", "keys.list", "keys.revoke"],
        "scopes": [],
    })
}

impl From<&Role> for RoleView {
    fn from(role: &Role) -> Self {
        Self {
            name: role.name.clone(),
            built_in: false,
            description: role.description.clone(),
            actions: role.actions.clone(),
            scopes: role.scopes.clone(),
        }
    }
}

impl Authority {
    /// An organization's own roles, by name; read once for each time that its head is.
    pub(crate) async fn roles_of<'a>(
        &self,
        organization: &'a OrganizationEntry,
    ) -> Result<&'a BTreeMap<String, Role>, Error> {
        organization.roles.get_or_try_init(|| self.read_roles(&organization.record.id)).await
    }

    async fn read_roles(&self, organization: &Id) -> Result<BTreeMap<String, Role>, Error> {
        let index = records::roles_of(organization);
        let limit = access_model::role::MOST_ROLES;
        let range = Range { index, after: None, up_to: None, descending: false, limit };
        let names = self.store.range(organization.home(), range).await?;
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys: Vec<String> = names.iter().map(|entry| records::role(organization, &entry.member)).collect();
        let mut roles = BTreeMap::new();
        for (key, record) in keys.iter().zip(self.store.read(organization.home(), &keys).await?) {
            if let Some(record) = record {
                let role: Role = records::decode(key, &record)?;
                roles.insert(role.name.clone(), role);
            }
        }
        Ok(roles)
    }
}
