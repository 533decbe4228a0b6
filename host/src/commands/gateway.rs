//! `gateway issue | revoke`.

use std::process::ExitCode;

use access_model::Profile;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::api::Api;
use crate::cli::{Connection, Format};
use crate::commands::key::segment;
use crate::output;

/// Issue and end the credentials of enforcement points.
#[derive(Debug, Subcommand)]
pub(crate) enum Gateway {
    /// Issue a gateway credential. Its secret is printed once.
    Issue(Issue),
    /// End a gateway credential for good.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// A name for people.
    #[arg(long)]
    name: String,
    /// An organization that it may ask for: a public id, or `*`; repeat for more. None: none.
    #[arg(long = "organization", value_name = "ID", value_delimiter = ',')]
    organizations: Vec<String>,
    /// An environment that it may ask for, or `*`; repeat for more. None: none.
    #[arg(long = "environments", value_name = "NAME", value_delimiter = ',')]
    environments: Vec<String>,
    /// The environment of all its questions, where it fixes one.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Which product it is, for `/v1/forward-auth`; see examples/gateways. None: it does not ask there.
    #[arg(long, value_parser = PossibleValuesParser::new(Profile::ALL.map(Profile::name)))]
    profile: Option<String>,
    /// A network that it may ask from; repeat for more. None: no restriction.
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    ip_allow: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Public id of the gateway.
    gateway: String,
    #[command(flatten)]
    connection: Connection,
}

impl Gateway {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let answer = match self {
            Self::Issue(issue) => {
                let ip_allow = (!issue.ip_allow.is_empty()).then_some(issue.ip_allow);
                let body = json!({
                    "name": issue.name, "organizations": issue.organizations, "environments": issue.environments,
                    "environment": issue.environment, "profile": issue.profile, "ip_allow": ip_allow,
                });
                Api::new(&issue.connection)?.post("/v1/gateways", &body)?
            }
            Self::Revoke(revoke) => {
                let id = segment("the gateway", &revoke.gateway)?;
                Api::new(&revoke.connection)?.post(&format!("/v1/gateways/{id}/revoke"), &json!({}))?
            }
        };
        output::show(format, &answer);
        if answer.get("secret").is_some() {
            output::remark("the secret is shown this once; keep it now");
        }
        Ok(ExitCode::SUCCESS)
    }
}
