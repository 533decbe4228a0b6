//! `role list | show | put | delete`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use crate::api::Api;
use crate::cli::{Connection, Format};
use crate::commands::key::segment;
use crate::output;

/// Show the roles of an organization, and make its own.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// List roles: the built-in ones, and the organization's own.
    List(Of),
    /// Show a role.
    Show(One),
    /// Make a role, or make it another; whoever holds it follows at once.
    Put(Put),
    /// Take a role away that nobody holds.
    Delete(One),
}

#[derive(Debug, Args)]
pub(crate) struct Of {
    /// Public id of the organization.
    #[arg(long, value_name = "ID")]
    organization: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    #[command(flatten)]
    of: Of,
    /// The role's name.
    role: String,
}

#[derive(Debug, Args)]
pub(crate) struct Put {
    #[command(flatten)]
    one: One,
    /// For people.
    #[arg(long)]
    description: Option<String>,
    /// An action that its holders may do; repeat for more.
    #[arg(long = "action", value_name = "ACTION", value_delimiter = ',')]
    actions: Vec<String>,
    /// A scope that its holders may put on keys and clients; repeat for more.
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
}

impl Role {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let answer = match self {
            Self::List(of) => Api::new(&of.connection)?.get(&of.path()?)?,
            Self::Show(one) => Api::new(&one.of.connection)?.get(&one.path()?)?,
            Self::Put(Put { one, description, actions, scopes }) => {
                let lists = [("actions", actions), ("scopes", scopes)];
                let mut body: Map<String, Value> =
                    lists.into_iter().map(|(field, list)| (field.to_owned(), list.into())).collect();
                body.extend(description.map(|text| ("description".to_owned(), text.into())));
                Api::new(&one.of.connection)?.put(&one.path()?, &body.into())?
            }
            Self::Delete(one) => Api::new(&one.of.connection)?.delete(&one.path()?)?,
        };
        output::show(format, &answer);
        Ok(ExitCode::SUCCESS)
    }
}

impl Of {
    fn path(&self) -> anyhow::Result<String> {
        Ok(format!("/v1/organizations/{}/roles", segment("--organization", &self.organization)?))
    }
}

impl One {
    fn path(&self) -> anyhow::Result<String> {
        Ok(format!("{}/{}", self.of.path()?, segment("the role", &self.role)?))
    }
}
