//! Network rules of a workspace: where requests may come from, and where its jobs may call.

use access_model::{AllowList, Network, Workspace};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::authority::Authority;
use crate::current::{Current, IfMatch};
use crate::decide::Permit;
use crate::error::Error;

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
pub(crate) fn stated<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The rules as they are shown. Null means no restriction.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
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
    /// Never but for the store's.
    pub async fn get_network(&self, permit: &Permit) -> Result<Current<NetworkView>, Error> {
        permit.covers(ACTION_GET)?;
        let found = self.read_head::<Workspace>(&permit.workspace_id()?).await?;
        Ok(Current { shown: (&found.value.network).into(), version: found.version() })
    }

    /// Changes the rules of the permit's workspace. When this returns, decisions on this host follow them.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the list and the entry; [`Error::Stale`].
    pub async fn update_network(
        &self,
        permit: &Permit,
        update: &NetworkUpdate,
        if_match: &IfMatch,
    ) -> Result<Current<NetworkView>, Error> {
        permit.covers(ACTION_UPDATE)?;
        let most = self.catalog.limits.allow_list;
        let read = |list: &Option<Option<Vec<String>>>, field| {
            let parse = |list: &Vec<String>| AllowList::parse(list, most).map_err(Error::list(field));
            list.as_ref().map(|list| list.as_ref().map(parse).transpose()).transpose()
        };
        let ip_allow = read(&update.ip_allow, "ip_allow")?;
        let egress_allow = read(&update.egress_allow, "egress_allow")?;
        let change = |workspace: &mut Workspace| {
            if let Some(list) = &ip_allow {
                workspace.network.ip_allow.clone_from(list);
            }
            if let Some(list) = &egress_allow {
                workspace.network.egress_allow.clone_from(list);
            }
            Ok(())
        };
        let id = permit.workspace_id()?;
        self.change_head(permit, &id, if_match, change, |workspace: &Workspace| NetworkView::from(&workspace.network))
            .await
    }
}
