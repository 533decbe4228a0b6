//! Organizations: create, list, show, suspend, resume, archive.

mod create;
mod list;

use access_model::{Id, IdKind, Organization, OwnerState, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::heads::OwnerChange;

pub use create::OrganizationRequest;
pub(crate) use create::{Founded, Founding, Named};

/// Actions of the catalog that these use cases need a permit for.
pub mod actions {
    /// Create.
    pub const CREATE: &str = "organizations.create";
    /// List.
    pub const LIST: &str = "organizations.list";
    /// Show.
    pub const GET: &str = "organizations.get";
    /// Suspend.
    pub const SUSPEND: &str = "organizations.suspend";
    /// Resume.
    pub const RESUME: &str = "organizations.resume";
    /// Archive.
    pub const ARCHIVE: &str = "organizations.archive";
}

/// An organization as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Organization", example = example())]
pub struct OrganizationView {
    /// Public id.
    #[schemars(extend("pattern" = Id::pattern(&[IdKind::Organization])))]
    pub id: Id,
    /// Unique name.
    pub name: String,
    /// `active`, `suspended` or `archived`.
    #[schemars(extend("enum" = ["active", "suspended", "archived"]))]
    pub state: &'static str,
    /// When it came to be.
    pub created_at: Timestamp,
}

fn example() -> Value {
    json!({
        "id": Id::example(IdKind::Organization),
        "name": "acme",
        "state": "active",
        "created_at": "2026-01-01T00:00:00Z",
    })
}

impl From<&Organization> for OrganizationView {
    fn from(organization: &Organization) -> Self {
        let Organization { id, name, state, settings: _, created_at } = organization;
        Self { id: *id, name: name.clone(), state: state.name(), created_at: *created_at }
    }
}

impl Authority {
    /// Changes the state of the permit's organization. When this returns, none of its credentials works, or all do that would.
    ///
    /// # Errors
    /// [`Error::Archived`].
    pub async fn change_organization(&self, permit: &Permit, change: OwnerChange) -> Result<OrganizationView, Error> {
        permit.covers(match change {
            OwnerChange::Suspend => actions::SUSPEND,
            OwnerChange::Resume => actions::RESUME,
            OwnerChange::Archive => actions::ARCHIVE,
        })?;
        let id = permit.organization()?.record.id;
        self.change_owner(permit, &id, change, |organization: &Organization| organization.into()).await
    }
}

/// Refuses to make something in an organization that is not alive.
pub(crate) fn check_active(organization: &Organization) -> Result<(), Error> {
    match organization.state {
        OwnerState::Active => Ok(()),
        state => Err(Error::NotActive { what: "organization", state: state.name() }),
    }
}
