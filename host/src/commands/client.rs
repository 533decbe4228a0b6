//! `client register | list | show | update | rotate | disable | enable | revoke | snooze`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::cli::{Connection, Format};
use crate::commands::key::{SnoozeLength, paged, segment};
use crate::output;

/// Register, show, rotate and end OAuth2 clients.
#[derive(Debug, Subcommand)]
pub(crate) enum Client {
    /// Register a client. Its secret is printed once.
    Register(Register),
    /// List an organization's clients, newest first.
    List(List),
    /// Show a client, and when its secrets were last used.
    Show(One),
    /// Change what a client may have; its tokens follow at once.
    Update(Update),
    /// Give a client another secret, printed once; those before it work during the overlap.
    Rotate(Rotate),
    /// Switch a client and its tokens off.
    Disable(One),
    /// Switch a client on again.
    Enable(One),
    /// End a client and its tokens for good.
    Revoke(One),
    /// Not have a client flagged as inactive, for some time.
    Snooze(Snooze),
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Public id of the organization.
    #[arg(long, value_name = "ID")]
    organization: String,
    /// A name for people.
    #[arg(long)]
    name: String,
    #[command(flatten)]
    terms: Terms,
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
    terms: Terms,
}

/// What is not said is left as it is; of a new client: none, and every environment.
#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// A scope that its tokens may hold; repeat for more.
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    /// A workspace that its tokens may serve, by public id; repeat for more.
    #[arg(long = "workspace", value_name = "ID", value_delimiter = ',')]
    workspaces: Vec<String>,
    /// An environment that its tokens may act in, or `*`; repeat for more.
    #[arg(long = "environments", value_name = "NAME", value_delimiter = ',')]
    environments: Vec<String>,
    /// A network that it and its tokens may be used from; repeat for more.
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    ip_allow: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Public id of the organization.
    #[arg(long, value_name = "ID")]
    organization: String,
    /// Clients of one page, 1 to 200.
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
    /// The client's id.
    client: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    one: One,
    /// How long the secrets before go on, and the tokens obtained with them; 0 ends them now.
    #[arg(long, value_name = "N", default_value_t = 86_400)]
    overlap_seconds: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Snooze {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    length: SnoozeLength,
}

impl Client {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let answer = match self {
            Self::Register(Register { organization, name, terms, connection }) => {
                let body = terms.body(Some(name));
                Api::new(&connection)?.post(&clients(&organization)?, &body)?
            }
            Self::List(list) => list.ask()?,
            Self::Show(one) => Api::new(&one.connection)?.get(&one.path("")?)?,
            Self::Update(Update { one, name, terms }) => {
                Api::new(&one.connection)?.put(&one.path("")?, &terms.body(name))?
            }
            Self::Rotate(Rotate { one, overlap_seconds }) => {
                one.post("/rotate", &json!({ "overlap_seconds": overlap_seconds }))?
            }
            Self::Disable(one) => one.post("/disable", &json!({}))?,
            Self::Enable(one) => one.post("/enable", &json!({}))?,
            Self::Revoke(one) => one.post("/revoke", &json!({}))?,
            Self::Snooze(Snooze { one, length }) => one.post("/snooze", &length.body(None))?,
        };
        output::show(format, &answer);
        if answer.get("client_secret").is_some() {
            output::remark("the secret is shown this once; keep it now");
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Terms {
    fn body(self, name: Option<String>) -> Value {
        let lists = [
            ("scopes", self.scopes),
            ("workspaces", self.workspaces),
            ("environments", self.environments),
            ("ip_allow", self.ip_allow),
        ];
        let stated = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let mut body: Map<String, Value> = stated.map(|(field, list)| (field.to_owned(), list.into())).collect();
        if let Some(name) = name {
            body.insert("name".into(), name.into());
        }
        body.into()
    }
}

impl List {
    fn ask(self) -> anyhow::Result<Value> {
        let clients = clients(&self.organization)?;
        Api::new(&self.connection)?.get(&paged(&clients, self.limit, self.cursor.as_deref())?)
    }
}

impl One {
    fn path(&self, then: &str) -> anyhow::Result<String> {
        Ok(format!("{}/{}{then}", clients(&self.organization)?, segment("the client", &self.client)?))
    }

    fn post(&self, then: &str, body: &Value) -> anyhow::Result<Value> {
        Api::new(&self.connection)?.post(&self.path(then)?, body)
    }
}

fn clients(organization: &str) -> anyhow::Result<String> {
    Ok(format!("/v1/organizations/{}/clients", segment("--organization", organization)?))
}
