//! `key issue | list | show | rotate | disable | enable | revoke | suggestions | snooze`.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::cli::{Connection, Format};
use crate::output;

/// Issue, show, rotate and end API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Issue a key. Its secret is printed once.
    Issue(Issue),
    /// List a workspace's keys, newest first.
    List(List),
    /// Show a key.
    Show(One),
    /// Replace a key by a successor, whose secret is printed once; both work during the overlap.
    Rotate(Rotate),
    /// Switch a key off.
    Disable(One),
    /// Switch a key on again.
    Enable(One),
    /// End a key for good.
    Revoke(One),
    /// Show what a key holds and did not need.
    Suggestions(One),
    /// Have no reminder created of an event about a key, for some time.
    Snooze(Snooze),
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// Public id of the workspace.
    #[arg(long, value_name = "ID")]
    workspace: String,
    /// The catalog's kind, for example production, staging or read_only.
    #[arg(long)]
    kind: String,
    /// A name for people.
    #[arg(long)]
    name: String,
    /// A scope to grant; repeat for more. None: none.
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    /// A network that the key may be used from; repeat for more. None: no restriction.
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    ip_allow: Vec<String>,
    /// Not valid before (RFC 3339).
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Not valid from here on (RFC 3339).
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// Free text by name; repeat for more.
    #[arg(long, value_name = "NAME=TEXT")]
    metadata: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Public id of the workspace.
    #[arg(long, value_name = "ID")]
    workspace: String,
    /// Keys of one page, 1 to 200.
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
    /// Public id of the workspace.
    #[arg(long, value_name = "ID")]
    workspace: String,
    /// Public id of the key.
    key: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    one: One,
    /// How long the old key goes on; 0 ends it now. Never longer than it would have lasted.
    #[arg(long, value_name = "N", default_value_t = 86_400)]
    overlap_seconds: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Snooze {
    #[command(flatten)]
    one: One,
    /// The event: key.rotation_due, key.expiring or key.inactive.
    #[arg(long)]
    event: String,
    #[command(flatten)]
    length: SnoozeLength,
}

/// For how long, and why.
#[derive(Debug, Args)]
pub(super) struct SnoozeLength {
    /// For so many days, 1 to 90.
    #[arg(long, required_unless_present = "until", conflicts_with = "until")]
    days: Option<u32>,
    /// Until then (RFC 3339), in 90 days at the latest.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Why, for whoever asks later.
    #[arg(long)]
    reason: String,
}

impl SnoozeLength {
    /// As the API is told, with the event where it wants one.
    pub(super) fn body(self, event: Option<String>) -> Value {
        let mut body = Map::new();
        body.extend(event.map(|event| ("event".to_owned(), event.into())));
        body.extend(self.days.map(|days| ("days".to_owned(), days.into())));
        body.extend(self.until.map(|until| ("until".to_owned(), until.into())));
        body.insert("reason".to_owned(), self.reason.into());
        body.into()
    }
}

impl Key {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let answer = match self {
            Self::Issue(issue) => issue.ask()?,
            Self::List(list) => list.ask()?,
            Self::Show(one) => Api::new(&one.connection)?.get(&one.path("")?)?,
            Self::Rotate(Rotate { one, overlap_seconds }) => {
                one.post("/rotate", &json!({ "overlap_seconds": overlap_seconds }))?
            }
            Self::Disable(one) => one.post("/disable", &json!({}))?,
            Self::Enable(one) => one.post("/enable", &json!({}))?,
            Self::Revoke(one) => one.post("/revoke", &json!({}))?,
            Self::Suggestions(one) => Api::new(&one.connection)?.get(&one.path("/suggestions")?)?,
            Self::Snooze(Snooze { one, event, length }) => one.post("/snooze", &length.body(Some(event)))?,
        };
        output::show(format, &answer);
        if answer.get("secret").is_some() {
            output::remark("the secret is shown this once; keep it now");
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Issue {
    fn ask(self) -> anyhow::Result<Value> {
        let mut body = Map::new();
        body.insert("kind".into(), self.kind.into());
        body.insert("name".into(), self.name.into());
        body.insert("scopes".into(), self.scopes.into());
        if !self.ip_allow.is_empty() {
            body.insert("ip_allow".into(), self.ip_allow.into());
        }
        for (field, time) in [("not_before", self.not_before), ("expires_at", self.expires_at)] {
            if let Some(time) = time {
                body.insert(field.into(), time.into());
            }
        }
        let mut metadata = Map::new();
        for entry in self.metadata {
            let (name, text) =
                entry.split_once('=').with_context(|| format!("--metadata `{entry}`: expected NAME=TEXT"))?;
            metadata.insert(name.into(), text.into());
        }
        body.insert("metadata".into(), metadata.into());
        Api::new(&self.connection)?.post(&format!("{}/keys", workspace(&self.workspace)?), &body.into())
    }
}

impl List {
    fn ask(self) -> anyhow::Result<Value> {
        let keys = format!("{}/keys", workspace(&self.workspace)?);
        Api::new(&self.connection)?.get(&paged(&keys, self.limit, self.cursor.as_deref())?)
    }
}

impl One {
    fn path(&self, then: &str) -> anyhow::Result<String> {
        Ok(format!("{}/keys/{}{then}", workspace(&self.workspace)?, segment("the key", &self.key)?))
    }

    fn post(&self, then: &str, body: &Value) -> anyhow::Result<Value> {
        Api::new(&self.connection)?.post(&self.path(then)?, body)
    }
}

fn workspace(id: &str) -> anyhow::Result<String> {
    Ok(format!("/v1/workspaces/{}", segment("--workspace", id)?))
}

/// The path of a page of a list.
pub(super) fn paged(path: &str, limit: Option<u32>, cursor: Option<&str>) -> anyhow::Result<String> {
    let mut path = format!("{path}?limit={}", limit.unwrap_or(50));
    if let Some(cursor) = cursor {
        path.push_str("&cursor=");
        path.push_str(segment("--cursor", cursor)?);
    }
    Ok(path)
}

/// Refuses what would change the path: ids and cursors are letters, digits, `_` and `-`.
pub(super) fn segment<'t>(what: &str, text: &'t str) -> anyhow::Result<&'t str> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let wellformed = !text.is_empty() && text.bytes().all(legal);
    wellformed.then_some(text).with_context(|| format!("{what} `{text}` is not an id"))
}
