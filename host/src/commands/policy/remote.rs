//! What commands about a workspace's own policies have in common.

use clap::Args;

use crate::api::Api;
use crate::cli::Connection;
use crate::commands::key::segment;

/// Which workspace's policies, at which host.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// Public id of the workspace; unless stated, the one that the key in hand belongs to.
    #[arg(long, value_name = "ID", default_value = "own")]
    workspace: String,
    #[command(flatten)]
    connection: Connection,
}

/// One policy of a workspace.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The policy's name.
    #[arg(value_parser = policy_name)]
    pub(super) name: String,
    #[command(flatten)]
    pub(super) at: At,
}

impl At {
    /// The host.
    pub(super) fn api(&self) -> anyhow::Result<Api> {
        Api::new(&self.connection)
    }

    /// The path of the workspace's policies, and what follows it.
    pub(super) fn path(&self, then: &str) -> anyhow::Result<String> {
        Ok(format!("/v1/workspaces/{}/policies{then}", segment("--workspace", &self.workspace)?))
    }
}

impl One {
    /// The path of the policy, and what follows it.
    pub(super) fn path(&self, then: &str) -> anyhow::Result<String> {
        self.at.path(&format!("/{}{then}", self.name))
    }
}

/// Lower case, so that a folder `./a/` or an id is not sent as a name.
pub(super) fn policy_name(text: &str) -> Result<String, String> {
    let name = text.trim_end_matches('/');
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 63 || !name.bytes().all(legal) {
        return Err("a policy's name has lower case letters, digits and hyphens".to_owned());
    }
    Ok(name.to_owned())
}
