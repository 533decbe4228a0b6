//! Roles: named sets of actions, and of scopes that their holders may hand out. The built-in ones are data of the policy that
//! decides by them; an organization adds its own.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::Id;
use crate::member::OWNER;
use crate::organization::{NameError, check_name};

/// Names that no organization gives to a role of its own.
pub const BUILT_IN: [&str; 5] = [OWNER, "admin", "developer", "viewer", "auditor"];
/// Actions of one role at most: what a policy reads of a list.
pub const MOST_ACTIONS: usize = 32;
/// Roles of one organization, beside the built-in ones.
pub const MOST_ROLES: usize = 64;

/// A role that an organization made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// The organization.
    pub organization: Id,
    /// Its name, unique in the organization.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// What its holders may do. Empty means nothing.
    pub actions: Vec<String>,
    /// Scopes that its holders may put on keys and clients. Empty means none.
    pub scopes: Vec<String>,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// A name that no role can be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleNameError {
    /// Not a name.
    #[error(transparent)]
    NotAName(#[from] NameError),
    /// Built in.
    #[error("`{0}` is built in, and stays as it is; choose another name")]
    BuiltIn(String),
}

impl Role {
    /// Checks the name of a role of one's own.
    ///
    /// # Errors
    /// [`RoleNameError`].
    pub fn check_name(name: &str) -> Result<(), RoleNameError> {
        check_name(name)?;
        if is_built_in(name) { Err(RoleNameError::BuiltIn(name.to_owned())) } else { Ok(()) }
    }
}

/// Whether a role is there in every organization.
pub fn is_built_in(name: &str) -> bool {
    BUILT_IN.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_names_are_taken() {
        assert_eq!(Role::check_name("on-call"), Ok(()));
        assert_eq!(Role::check_name("owner"), Err(RoleNameError::BuiltIn("owner".into())));
        assert!(matches!(Role::check_name("Owner"), Err(RoleNameError::NotAName(_))));
    }
}
