//! `org create | list | show | suspend | resume | archive`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::Api;
use crate::cli::{Connection, Format};
use crate::commands::key::{paged, segment};
use crate::output;

/// Create, show and end organizations.
#[derive(Debug, Subcommand)]
pub(crate) enum Org {
    /// Create an organization.
    Create(Create),
    /// List organizations, newest first.
    List(List),
    /// Show an organization.
    Show(One),
    /// End its credentials for now, its members' sessions among them.
    Suspend(One),
    /// Let its credentials work again.
    Resume(One),
    /// End it for good.
    Archive(One),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name: lower case letters, digits and hyphens.
    name: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Organizations of one page, 1 to 200.
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
    /// The organization's id.
    organization: String,
    #[command(flatten)]
    connection: Connection,
}

impl Org {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let answer = match self {
            Self::Create(Create { name, connection }) => {
                Api::new(&connection)?.post("/v1/organizations", &json!({ "name": name }))?
            }
            Self::List(List { limit, cursor, connection }) => {
                Api::new(&connection)?.get(&paged("/v1/organizations", limit, cursor.as_deref())?)?
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
        Ok(format!("/v1/organizations/{}{then}", segment("the organization", &self.organization)?))
    }

    fn post(&self, then: &str) -> anyhow::Result<Value> {
        Api::new(&self.connection)?.post(&self.path(then)?, &json!({}))
    }
}
