//! `member invite | invitations | uninvite | list | show | update | suspend | resume | remove | reset-factors | permissions`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::cli::{Connection, Format};
use crate::commands::key::{paged, segment};
use crate::output;

/// Invite, show, change and remove the people of an organization.
#[derive(Debug, Subcommand)]
pub(crate) enum Member {
    /// Invite somebody. The link is printed once.
    Invite(Invite),
    /// List invitations, newest first.
    Invitations(List),
    /// Take an invitation back.
    Uninvite(Uninvite),
    /// List members, newest first.
    List(List),
    /// Show a member, and what it issued beyond what it may now.
    Show(One),
    /// Change a member's name and roles; what is not said stays.
    Update(Update),
    /// Keep a member out for now.
    Suspend(One),
    /// Let a member in again.
    Resume(One),
    /// Keep a member out for good; what it issued stays.
    Remove(One),
    /// Take a member's second factors away, for whoever lost them.
    ResetFactors(One),
    /// Show what a member may do, and through which role.
    Permissions(Permissions),
}

#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// Public id of the organization.
    #[arg(long, value_name = "ID")]
    organization: String,
    /// Whom to invite.
    email: String,
    #[command(flatten)]
    rights: Rights,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    one: One,
    /// A name for people.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    rights: Rights,
    /// Take every role in the whole organization away.
    #[arg(long, conflicts_with = "roles")]
    no_roles: bool,
    /// Take every role in single workspaces away.
    #[arg(long, conflicts_with = "workspace_roles")]
    no_workspace_roles: bool,
}

/// What somebody is to hold.
#[derive(Debug, Args)]
pub(crate) struct Rights {
    /// A role in the whole organization; repeat for more.
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',')]
    roles: Vec<String>,
    /// A role in one workspace, `ws_…=ROLE`; repeat for more.
    #[arg(long = "workspace-role", value_name = "ID=ROLE", value_delimiter = ',')]
    workspace_roles: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Public id of the organization.
    #[arg(long, value_name = "ID")]
    organization: String,
    /// How many of one page, 1 to 200.
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
    /// Public id of the organization.
    #[arg(long, value_name = "ID")]
    organization: String,
    /// The member's id.
    member: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct Uninvite {
    /// Public id of the organization.
    #[arg(long, value_name = "ID")]
    organization: String,
    /// The invitation's id.
    invitation: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct Permissions {
    #[command(flatten)]
    one: One,
    /// In this workspace, by public id, in place of the whole organization.
    #[arg(long, value_name = "ID")]
    workspace: Option<String>,
}

impl Member {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let answer = match self {
            Self::Invite(Invite { organization, email, rights, connection }) => {
                let mut body = rights.body()?;
                body.insert("email".into(), email.into());
                Api::new(&connection)?.post(&below(&organization, "invitations")?, &body.into())?
            }
            Self::Invitations(list) => list.ask("invitations")?,
            Self::Uninvite(Uninvite { organization, invitation, connection }) => {
                let of = segment("the invitation", &invitation)?;
                let path = format!("{}/{of}/revoke", below(&organization, "invitations")?);
                Api::new(&connection)?.post(&path, &json!({}))?
            }
            Self::List(list) => list.ask("members")?,
            Self::Show(one) => Api::new(&one.connection)?.get(&one.path("")?)?,
            Self::Update(update) => update.ask()?,
            Self::Suspend(one) => one.post("/suspend")?,
            Self::Resume(one) => one.post("/resume")?,
            Self::Remove(one) => one.post("/remove")?,
            Self::ResetFactors(one) => one.post("/reset-factors")?,
            Self::Permissions(permissions) => permissions.ask()?,
        };
        output::show(format, &answer);
        if answer.get("link").is_some() {
            output::remark("the link is shown this once; send it to whoever is invited, and to nobody else");
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Rights {
    /// What was said, and nothing else.
    fn body(self) -> anyhow::Result<Map<String, Value>> {
        let mut body = Map::new();
        if !self.roles.is_empty() {
            body.insert("roles".into(), self.roles.into());
        }
        let mut workspaces: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for text in self.workspace_roles {
            let expected = || format!("--workspace-role `{text}`: expected ID=ROLE");
            let (workspace, role) = text.split_once('=').with_context(expected)?;
            workspaces.entry(workspace.to_owned()).or_default().push(role.to_owned());
        }
        if !workspaces.is_empty() {
            body.insert("workspaces".into(), json!(workspaces));
        }
        Ok(body)
    }
}

impl Update {
    fn ask(self) -> anyhow::Result<Value> {
        let Self { one, name, rights, no_roles, no_workspace_roles } = self;
        let mut body = rights.body()?;
        if let Some(name) = name {
            body.insert("name".into(), name.into());
        }
        if no_roles {
            body.insert("roles".into(), json!([]));
        }
        if no_workspace_roles {
            body.insert("workspaces".into(), json!({}));
        }
        Api::new(&one.connection)?.put(&one.path("")?, &body.into())
    }
}

impl List {
    fn ask(self, what: &str) -> anyhow::Result<Value> {
        let path = paged(&below(&self.organization, what)?, self.limit, self.cursor.as_deref())?;
        Api::new(&self.connection)?.get(&path)
    }
}

impl One {
    fn path(&self, then: &str) -> anyhow::Result<String> {
        let member = segment("the member", &self.member)?;
        Ok(format!("{}/{member}{then}", below(&self.organization, "members")?))
    }

    fn post(&self, then: &str) -> anyhow::Result<Value> {
        Api::new(&self.connection)?.post(&self.path(then)?, &json!({}))
    }
}

impl Permissions {
    fn ask(self) -> anyhow::Result<Value> {
        let place = match &self.workspace {
            Some(workspace) => format!("/v1/workspaces/{}/permissions", segment("--workspace", workspace)?),
            None => below(&self.one.organization, "permissions")?,
        };
        let path = format!("{place}?principal={}", segment("the member", &self.one.member)?);
        Api::new(&self.one.connection)?.get(&path)
    }
}

fn below(organization: &str, what: &str) -> anyhow::Result<String> {
    Ok(format!("/v1/organizations/{}/{what}", segment("--organization", organization)?))
}
