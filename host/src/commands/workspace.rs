//! `workspace create | list | show | suspend | resume | archive`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::Api;
use crate::cli::{Connection, Format};
use crate::commands::key::{paged, segment};
use crate::output;

/// Create, show and end workspaces.
#[derive(Debug, Subcommand)]
pub(crate) enum Workspace {
    /// Create a workspace.
    Create(Create),
    /// List an organization's workspaces, newest first.
    List(List),
    /// Show a workspace.
    Show(One),
    /// End its credentials for now.
    Suspend(One),
    /// Let its credentials work again.
    Resume(One),
    /// End it for good.
    Archive(One),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Public id of the organization.
    #[arg(long, value_name = "ID")]
    organization: String,
    /// Its name: lower case letters, digits and hyphens.
    name: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Public id of the organization.
    #[arg(long, value_name = "ID")]
    organization: String,
    /// Workspaces of one page, 1 to 200.
    #[arg(long)]
    limit: Option<u32>,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The workspace's id.
    workspace: String,
    #[command(flatten)]
    connection: Connection,
}

impl Workspace {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let answer = match self {
            Self::Create(Create { organization, name, connection }) => {
                Api::new(&connection)?.post(&workspaces(&organization)?, &json!({ "name": name }))?
            }
            Self::List(List { organization, limit, cursor, connection }) => {
                Api::new(&connection)?.get(&paged(&workspaces(&organization)?, limit, cursor.as_deref())?)?
            }
            Self::Show(one) => Api::new(&one.connection)?.get(&one.path("")?)?,
            Self::Suspend(one) => one.post("/suspend")?,
            Self::Resume(one) => one.post("/resume")?,
            Self::Archive(one) => one.post("/archive")?,
        };
        output::show(format, &answer);
        Ok(ExitCode::SUCCESS)
    }
}

impl One {
    fn path(&self, then: &str) -> anyhow::Result<String> {
        Ok(format!("/v1/workspaces/{}{then}", segment("the workspace", &self.workspace)?))
    }

    fn post(&self, then: &str) -> anyhow::Result<Value> {
        Api::new(&self.connection)?.post(&self.path(then)?, &json!({}))
    }
}

fn workspaces(organization: &str) -> anyhow::Result<String> {
    Ok(format!("/v1/organizations/{}/workspaces", segment("--organization", organization)?))
}
