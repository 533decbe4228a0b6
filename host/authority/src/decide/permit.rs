//! Proof that a caller was allowed to do something.

use std::net::IpAddr;
use std::sync::Arc;

use access_model::{Actor, Credential, Gateway, Id, Issuer};
use cronflow_policy_cases::Action;

use crate::decide::cache::{OrganizationEntry, WorkspaceEntry};
use crate::decide::decision_id::DecisionId;
use crate::decide::identify::Caller;

/// Proof that a caller may do `action`. Only [`crate::Authority::require`] makes one, so whatever takes a permit can't run
/// without a decision; and the workspace to act on comes out of the permit, so it is the one that was decided about.
#[derive(Debug)]
pub struct Permit {
    pub(super) action: Arc<Action>,
    pub(super) caller: Caller,
    pub(super) client: Option<IpAddr>,
    pub(super) organization: Option<Arc<OrganizationEntry>>,
    pub(super) workspace: Option<Arc<WorkspaceEntry>>,
    pub(super) decision_id: DecisionId,
}

impl Permit {
    /// What was allowed.
    pub fn action(&self) -> &str {
        &self.action.name
    }

    /// The decision that allowed it.
    pub const fn decision_id(&self) -> &DecisionId {
        &self.decision_id
    }

    /// The gateway that may do it, when it is one.
    pub fn gateway(&self) -> Option<&Gateway> {
        match &self.caller.entry.credential {
            Credential::Gateway(gateway) => Some(gateway),
            _ => None,
        }
    }

    /// The workspace that the decision was about, with its name.
    pub fn workspace_named(&self) -> Option<(Id, &str)> {
        self.workspace.as_ref().map(|workspace| (workspace.record.id, workspace.record.name.as_str()))
    }

    /// The organization that the decision was about, with its name.
    pub fn organization_named(&self) -> Option<(Id, &str)> {
        self.organization.as_ref().map(|organization| (organization.record.id, organization.record.name.as_str()))
    }

    /// What was presented.
    pub(crate) fn credential(&self) -> &Credential {
        &self.caller.entry.credential
    }

    /// Who may do it, for the audit record.
    pub(crate) fn actor(&self) -> Actor {
        let entry = &self.caller.entry;
        let id = entry.member.as_ref().map_or(*entry.credential.id(), |member| member.record.id);
        Actor { kind: entry.principal.kind.clone(), id: Some(id) }
    }

    /// What is kept, of whatever it issues, of the member behind it.
    pub(crate) fn issuer(&self) -> Issuer {
        let entry = &self.caller.entry;
        let holder = entry.client.as_ref().map_or(&entry.credential, |client| &client.credential);
        match holder {
            Credential::Session(session) => Issuer { member: Some(session.member), factor_at: session.factor_at },
            Credential::ApiKey(key) => Issuer { member: key.issued_by, factor_at: key.factor_at },
            Credential::Client(client) => Issuer { member: client.issued_by, factor_at: client.factor_at },
            Credential::AccessToken(_) | Credential::Gateway(_) | Credential::Operator(_) => Issuer::default(),
        }
    }

    /// The member behind it, where it is one's.
    pub(crate) fn member(&self) -> Option<Id> {
        self.caller.entry.member.as_ref().map(|member| member.record.id)
    }

    /// Where it was asked from.
    pub(crate) const fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// Who asks.
    pub(crate) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The organization that the decision was about.
    pub(crate) fn organization(&self) -> Result<&OrganizationEntry, crate::Error> {
        let none = || crate::Error::internal("a permit without the organization it is used for");
        self.organization.as_deref().ok_or_else(none)
    }

    /// The workspace that the decision was about.
    pub(crate) fn workspace(&self) -> Result<&WorkspaceEntry, crate::Error> {
        self.workspace.as_deref().ok_or_else(|| crate::Error::internal("a permit without the workspace it is used for"))
    }

    /// The workspace that it was given in, where it was in one.
    pub(crate) fn workspace_if_any(&self) -> Option<&WorkspaceEntry> {
        self.workspace.as_deref()
    }

    /// The workspace's public id.
    pub(crate) fn workspace_id(&self) -> Result<Id, crate::Error> {
        self.workspace().map(|workspace| workspace.record.id)
    }

    /// Refuses to be used for anything but what was decided about.
    ///
    /// # Errors
    /// [`crate::Error::Internal`]: only a defect brings it about.
    pub(crate) fn covers(&self, action: &str) -> Result<(), crate::Error> {
        if self.action.name == action {
            Ok(())
        } else {
            Err(crate::Error::internal(format!("a permit for `{}` was used for `{action}`", self.action.name)))
        }
    }
}
