//! Stated subjects: principals that the host knows nothing of (`user` `alice`), on the word of the enforcement point that asks.
//!
//! Nothing is granted to one: it has no scope, no role, no factor, no environment. Whoever wants such subjects allowed anything
//! has a platform policy that says so. It has no quota either, and consumes nobody's.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use access_model::catalog::STATED;
use access_model::text::quotable;
use access_model::{Id, IdKind, OwnerState};
use cronflow_policy_cases::Principal;

use crate::authority::Authority;
use crate::decide::cache::{CredentialEntry, OrganizationEntry, WorkspaceEntry};
use crate::decide::identify::{Caller, Unidentified, json_size, unavailable};
use crate::decide::permit::Permit;
use crate::decide::refusal::Refusal;
use crate::error::Error;
use crate::organizations::Named;
use crate::records;
use crate::usage::Uses;

/// Types of subjects that the host itself identifies, or may come to: nobody is one because somebody says so. Compared
/// without case and punctuation, so that no policy takes the one for the other.
const HOSTS_OWN: [&str; 16] = [
    "accesstoken",
    "apikey",
    "client",
    "credential",
    "gateway",
    "invitation",
    "key",
    "member",
    "oauthclient",
    "operator",
    "organization",
    "person",
    "session",
    "stated",
    "token",
    "workspace",
];

/// A subject as it was stated.
#[derive(Debug)]
pub struct Stated {
    /// Its type.
    pub kind: String,
    /// What names it among those of its type.
    pub id: String,
}

impl Authority {
    /// The stated subject as a principal. It acts in the organization that the asking gateway is bound to, where that is
    /// exactly one, and there in the workspace that the resource names.
    pub(crate) async fn stated(
        &self,
        stated: &Stated,
        asker: &Permit,
        workspace: Option<&str>,
    ) -> Result<Caller, Unidentified> {
        if is_hosts_own(&stated.kind) {
            return Err((Refusal::NotPresented, None));
        }
        let nobody = || (Refusal::Unauthenticated, None);
        let asking = &asker.caller().entry;
        let bound = asking.gateway.as_ref().map(|gateway| gateway.organizations.as_slice());
        let organization = match bound {
            Some([only]) if only != "*" => {
                let id: Id = only.parse().map_err(|_| nobody())?;
                Some(self.organization(&id).await.map_err(unavailable)?.ok_or_else(nobody)?)
            }
            _ => None,
        };
        let workspace = match (&organization, workspace) {
            (Some(organization), Some(named)) => self.workspace_of(organization, named).await.map_err(unavailable)?,
            _ => None,
        };
        let is_active = |state: OwnerState| state == OwnerState::Active;
        let alive = organization.as_ref().is_none_or(|organization| is_active(organization.record.state))
            && workspace.as_ref().is_none_or(|workspace| is_active(workspace.record.state));
        if !alive {
            return Err(nobody());
        }
        let principal = principal(
            stated,
            organization.as_ref().map(|organization| organization.facts.id.clone()),
            workspace.as_ref().map(|workspace| workspace.facts.id.clone()),
        );
        let entry = CredentialEntry {
            size: json_size(&principal),
            // What stands behind it is the asker's word.
            credential: asking.credential.clone(),
            kind: Arc::clone(&asking.kind),
            principal,
            gateway: None,
            workspace: None,
            client: None,
            member: None,
            placed: Mutex::default(),
            quota: None,
            meter: None,
            scopes_json: serde_json::value::to_raw_value::<[&str]>(&[]).map_err(|_| nobody())?,
            uses: Uses::default(),
        };
        Ok(Caller { entry: Arc::new(entry), organization, workspace, presented: None })
    }

    /// The workspace of `organization` that `named` is the id or the name of.
    pub(super) async fn workspace_of(
        &self,
        organization: &OrganizationEntry,
        named: &str,
    ) -> Result<Option<Arc<WorkspaceEntry>>, Error> {
        let owner = organization.record.id;
        let id = match named.parse::<Id>() {
            Ok(id) if id.kind() == IdKind::Workspace => id,
            _ => {
                let key = records::workspace_name(&owner, named);
                match records::read::<Named>(self.store.as_ref(), owner.home(), key).await? {
                    Some(found) => found.value.id,
                    None => return Ok(None),
                }
            }
        };
        // An id names its home, and one of another home is of another organization: nothing is asked there.
        if id.home() != owner.home() {
            return Ok(None);
        }
        Ok(self.workspace(&id).await?.filter(|workspace| workspace.record.organization == owner))
    }
}

/// What policies know of it.
fn principal(stated: &Stated, organization: Option<String>, workspace: Option<String>) -> Principal {
    Principal {
        kind: stated.kind.clone(),
        id: stated.id.clone(),
        key_kind: STATED.to_owned(),
        organization,
        workspace,
        scopes: Vec::new(),
        roles: Vec::new(),
        client: None,
        factor_at: None,
        environments: Vec::new(),
        environments_except: Vec::new(),
        methods: Vec::new(),
        ip_allow: None,
        created_at: 0,
        expires_at: None,
    }
}

fn is_hosts_own(kind: &str) -> bool {
    let folded: String = kind.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    folded.is_empty() || HOSTS_OWN.contains(&folded.as_str())
}

/// What logs call a principal. A stated one is shown with its type, so that it passes for no key, and shortened, since it
/// may be a secret that was put in the wrong place.
pub(crate) fn in_logs(principal: &Principal) -> Cow<'_, str> {
    if principal.key_kind == STATED {
        Cow::Owned(format!("{}:{}", quotable(&principal.kind), quotable(&principal.id)))
    } else {
        Cow::Borrowed(&principal.id)
    }
}

#[cfg(test)]
mod tests;
