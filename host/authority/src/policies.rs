//! Policies: which decide, and how they come to.
//!
//! [`platform`](Policies) is the installation's own set, from the binary or a folder. The rest is a workspace's own: `upload`
//! (what is sent, and the gate), `put`, `publish`, `rollback`, `remove` (changes, one commit each), `list`, `show`, `diff`,
//! `status`; what they stand on: `kept` (the records), `change` (what all changes have in common), `tenant_set` (what is in
//! force, loaded), `tally` (what came of it), `pace`, `quarantine` and `quarantined` (what it
//! may take of the machine), `gate_queue` (one upload at a time, workspaces in turn).
//!
//! A revision is immutable and kept for good. What is in force stands in the workspace's head, one record, so that no decision
//! sees half a change; the modules lie apart, so that reading a head never drags them along.

mod change;
mod check;
mod diff;
mod distinct;
mod gate_queue;
mod kept;
mod list;
pub(crate) mod pace;
mod platform;
mod publish;
mod put;
mod quarantine;
pub(crate) mod quarantined;
mod remove;
mod rollback;
mod show;
mod status;
mod tally;
pub(crate) mod tenant_set;
mod upload;

use access_model::policy::POLICY_NAME_PATTERN;
use access_model::{Policy, RevisionRef, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

pub use self::diff::{DiffRequest, DiffView};
pub(crate) use self::gate_queue::GateQueue;
pub use self::platform::{Policies, PoliciesError, Reload, Rules};
pub use self::publish::Publication;
pub use self::put::PutView;
pub use self::show::RevisionView;
pub use self::status::{HostStatus, StatusView, Troubles};
pub use self::tenant_set::POLICY_MEMORY;
pub use self::upload::{FailedCase, Finding, UploadRefused, UploadRequest};

/// Actions of the catalog that these use cases need a permit for.
pub mod actions {
    /// Upload.
    pub const PUT: &str = "policies.put";
    /// Put a revision in force.
    pub const PUBLISH: &str = "policies.publish";
    /// Put in force what was before.
    pub const ROLLBACK: &str = "policies.rollback";
    /// Take a policy away.
    pub const DELETE: &str = "policies.delete";
    /// List policies and revisions.
    pub const LIST: &str = "policies.list";
    /// Show a policy, a revision, a difference, or how it fares.
    pub const GET: &str = "policies.get";
}

/// A policy as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Policy")]
pub struct PolicyView {
    /// Unique within its workspace.
    #[schemars(regex(pattern = POLICY_NAME_PATTERN), example = &"office-hours")]
    pub name: String,
    /// The revision in force; null while none is.
    pub published: Option<RevisionRef>,
    /// The revision that was uploaded last.
    pub latest: RevisionRef,
    /// What a rollback puts in force; null where it puts nothing.
    pub previous: Option<RevisionRef>,
    /// The workspace's policy revision since which this is in force: `min_revision` of a question that must know of it. 0 when
    /// nothing ever was.
    pub policy_revision: u64,
    /// When its first revision came.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<&Policy> for PolicyView {
    fn from(policy: &Policy) -> Self {
        Self {
            name: policy.name.clone(),
            published: policy.published.clone(),
            latest: policy.latest.clone(),
            previous: policy.published.as_ref().and(policy.before.last()).cloned(),
            policy_revision: policy.policy_revision,
            created_at: policy.created_at,
            updated_at: policy.updated_at,
        }
    }
}
