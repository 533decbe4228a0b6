//! Network rules of a workspace: where requests may come from, and where its jobs may call.

use access_model::audit::AuditRecord;
use access_model::{AllowList, Id, IdKind, Network, Workspace};
use access_store::{Commit, CommitError, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::records::{self, CommitExt as _, TRIES, Versioned};

/// The action of showing them.
pub const ACTION_GET: &str = "network.get";
/// The action of changing them.
pub const ACTION_UPDATE: &str = "network.update";

/// What is to change. A field that is left out stays; null lifts the restriction; an empty list is refused.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkUpdate {
    /// Networks that requests may come from.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(extend("x-catalog" = "allow_list"))]
    pub ip_allow: Option<Option<Vec<String>>>,
    /// Networks that the workspace's jobs may call.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(extend("x-catalog" = "allow_list"))]
    pub egress_allow: Option<Option<Vec<String>>>,
}

/// Tells null from left out.
#[expect(clippy::option_option, reason = "the outer says whether it was stated, the inner what")]
fn stated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Vec<String>>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The rules as they are shown. Null means no restriction.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Network", example = json!({ "ip_allow": ["203.0.113.0/24"], "egress_allow": null }))]
pub struct NetworkView {
    /// Networks that requests may come from.
    pub ip_allow: Option<Vec<String>>,
    /// Networks that the workspace's jobs may call.
    pub egress_allow: Option<Vec<String>>,
}

impl From<&Network> for NetworkView {
    fn from(network: &Network) -> Self {
        let list = |list: &Option<AllowList>| list.as_ref().map(AllowList::to_strings);
        Self { ip_allow: list(&network.ip_allow), egress_allow: list(&network.egress_allow) }
    }
}

impl Authority {
    /// The rules of the permit's workspace.
    ///
    /// # Errors
    /// Never but for a defect.
    pub fn get_network(&self, permit: &Permit) -> Result<NetworkView, Error> {
        permit.covers(ACTION_GET)?;
        Ok((&permit.workspace()?.record.network).into())
    }

    /// Changes the rules of the permit's workspace. When this returns, decisions on this host follow them.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the list and the entry.
    pub async fn update_network(&self, permit: &Permit, update: &NetworkUpdate) -> Result<NetworkView, Error> {
        permit.covers(ACTION_UPDATE)?;
        let id = permit.workspace_id()?;
        let most = self.catalog.limits.allow_list;
        let read = |list: &Option<Option<Vec<String>>>, field| {
            let parse = |list: &Vec<String>| AllowList::parse(list, most).map_err(Error::list(field));
            list.as_ref().map(|list| list.as_ref().map(parse).transpose()).transpose()
        };
        let ip_allow = read(&update.ip_allow, "ip_allow")?;
        let egress_allow = read(&update.egress_allow, "egress_allow")?;
        for _ in 0..TRIES {
            let found = records::read::<Workspace>(self.store.as_ref(), id.home(), records::workspace(&id)).await?;
            let missing = || Error::NotFound { what: "workspace", id: id.to_string() };
            let Versioned { value: before, check } = found.ok_or_else(missing)?;
            let mut after = before.clone();
            if let Some(list) = &ip_allow {
                after.network.ip_allow.clone_from(list);
            }
            if let Some(list) = &egress_allow {
                after.network.egress_allow.clone_from(list);
            }
            if after.network == before.network {
                return Ok((&after.network).into());
            }
            let mut commit = Commit::new(id.home());
            commit.checks.push(check);
            commit.put(records::workspace(&id), &after)?;
            append(&mut commit, &self.network_record(permit, &before, &after)?)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok((&after.network).into()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    fn network_record(&self, permit: &Permit, before: &Workspace, after: &Workspace) -> Result<AuditRecord, Error> {
        let shown = |of: &Workspace| serde_json::to_value(NetworkView::from(&of.network)).map_err(Error::internal);
        Ok(AuditRecord {
            id: Id::draw(IdKind::Audit, after.organization.home(), self.entropy.as_ref())?,
            at: self.clock.now(),
            organization: Some(after.organization),
            workspace: Some(after.id),
            actor: permit.actor(),
            action: ACTION_UPDATE.to_owned(),
            target: after.id.to_string(),
            decision_id: Some(permit.decision_id().to_string()),
            before: Some(shown(before)?),
            after: Some(shown(after)?),
        })
    }
}
