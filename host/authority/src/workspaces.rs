//! Workspaces: create, list, show, suspend, resume, archive.

mod create;
mod list;

use access_model::{Id, IdKind, Timestamp, Workspace};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::heads::OwnerChange;

pub use create::WorkspaceRequest;

/// Actions of the catalog that these use cases need a permit for.
pub mod actions {
    /// Create.
    pub const CREATE: &str = "workspaces.create";
    /// List.
    pub const LIST: &str = "workspaces.list";
    /// Show.
    pub const GET: &str = "workspaces.get";
    /// Suspend.
    pub const SUSPEND: &str = "workspaces.suspend";
    /// Resume.
    pub const RESUME: &str = "workspaces.resume";
    /// Archive.
    pub const ARCHIVE: &str = "workspaces.archive";
}

/// A workspace as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Workspace", example = example())]
pub struct WorkspaceView {
    /// Public id.
    #[schemars(extend("pattern" = Id::pattern(&[IdKind::Workspace])))]
    pub id: Id,
    /// The owner.
    #[schemars(extend("pattern" = Id::pattern(&[IdKind::Organization])))]
    pub organization: Id,
    /// Name, unique within the organization.
    pub name: String,
    /// `active`, `suspended` or `archived`. Its credentials work while its organization is active, too.
    #[schemars(extend("enum" = ["active", "suspended", "archived"]))]
    pub state: &'static str,
    /// Revision of its own policy set; 0 while it has none.
    pub policy_revision: u64,
    /// When it came to be.
    pub created_at: Timestamp,
}

fn example() -> Value {
    json!({
        "id": Id::example(IdKind::Workspace),
        "organization": Id::example(IdKind::Organization),
        "name": "main",
        "state": "active",
        "policy_revision": 0,
        "created_at": "2026-01-01T00:00:00Z",
    })
}

impl From<&Workspace> for WorkspaceView {
    fn from(workspace: &Workspace) -> Self {
        Self {
            id: workspace.id,
            organization: workspace.organization,
            name: workspace.name.clone(),
            state: workspace.state.name(),
            policy_revision: workspace.policy_revision,
            created_at: workspace.created_at,
        }
    }
}

impl Authority {
    /// Changes the state of the permit's workspace. When this returns, none of its credentials works, or all do that would.
    ///
    /// # Errors
    /// [`Error::Archived`].
    pub async fn change_workspace(&self, permit: &Permit, change: OwnerChange) -> Result<WorkspaceView, Error> {
        permit.covers(match change {
            OwnerChange::Suspend => actions::SUSPEND,
            OwnerChange::Resume => actions::RESUME,
            OwnerChange::Archive => actions::ARCHIVE,
        })?;
        let id = permit.workspace_id()?;
        self.change_owner(permit, &id, change, |workspace: &Workspace| workspace.into()).await
    }
}
