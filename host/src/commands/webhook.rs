//! `webhook create | list | show | update | disable | enable | delete | rotate-secret | test | deliveries | replay | recover |
//! send | verify`.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access_model::Clock as _;
use access_model::clock::SystemClock;
use anyhow::Context;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use clap::{Args, Subcommand};
use cronflow_access_client::{Secret, WebhookVerifier};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::cli::{Connection, Format};
use crate::commands::key::{paged, segment};
use crate::output;

/// Tell other systems of what happens, and see what became of it.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// Create an endpoint. Its secret is printed once.
    Create(Create),
    /// List a workspace's endpoints, newest first.
    List(List),
    /// Show an endpoint.
    Show(One),
    /// Change an endpoint. What is not stated stays as it is.
    Update(Update),
    /// Tell an endpoint nothing for now; what it would have been told is held.
    Disable(One),
    /// Tell an endpoint again.
    Enable(One),
    /// Take an endpoint away, and what is on its way to it.
    Delete(One),
    /// Give an endpoint another secret, printed once; both sign during the overlap.
    RotateSecret(Rotate),
    /// Send an endpoint a message for trying out.
    Test(One),
    /// List what became of messages to an endpoint, newest first, with every attempt.
    Deliveries(Deliveries),
    /// Try a delivery again, at once.
    Replay(Replay),
    /// Try all again that did not come through since a time.
    Recover(Recover),
    /// Tell a workspace's endpoints something.
    Send(Send),
    /// Verify what a receiver got, the body on standard input. Exit code 0: it is CronFlow's; 1: it is not.
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Of {
    /// Public id of the workspace.
    #[arg(long, value_name = "ID")]
    workspace: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    of: Of,
    /// Where to tell.
    #[arg(long = "to", value_name = "URL")]
    to: String,
    /// What of: a type, `key.*`, or `*`; repeat for more.
    #[arg(long = "event", value_name = "TYPE", value_delimiter = ',', default_value = "*")]
    events: Vec<String>,
    /// Tell it also of what happens in the organization and is no workspace's.
    #[arg(long)]
    organization_events: bool,
    /// For people.
    #[arg(long)]
    description: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: Of,
    /// Endpoints of one page, 1 to 200.
    #[arg(long)]
    limit: Option<u32>,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    #[command(flatten)]
    of: Of,
    /// Public id of the endpoint.
    webhook: String,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    one: One,
    /// Where to tell.
    #[arg(long = "to", value_name = "URL")]
    to: Option<String>,
    /// What of; repeat for more.
    #[arg(long = "event", value_name = "TYPE", value_delimiter = ',')]
    events: Vec<String>,
    /// Whether to tell it also of what happens in the organization and is no workspace's.
    #[arg(long, value_name = "BOOL")]
    organization_events: Option<bool>,
    /// For people.
    #[arg(long)]
    description: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    one: One,
    /// How long the secrets before go on signing; 0 ends them now.
    #[arg(long, value_name = "N", default_value_t = 86_400)]
    overlap_seconds: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Deliveries {
    #[command(flatten)]
    one: One,
    /// Deliveries of one page, 1 to 200.
    #[arg(long)]
    limit: Option<u32>,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    one: One,
    /// Public id of the delivery.
    delivery: String,
}

#[derive(Debug, Args)]
pub(crate) struct Recover {
    #[command(flatten)]
    one: One,
    /// From when on (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: String,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    #[command(flatten)]
    of: Of,
    /// The message's type, for example job.finished.
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// What is told, as a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    payload: String,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// File of the endpoint's secret; repeat for more, while one is rotated.
    #[arg(long = "secret-file", value_name = "FILE", required = true)]
    secrets: Vec<PathBuf>,
    /// A header that came with it, as `Name: value`; repeat for each.
    #[arg(long = "header", value_name = "HEADER", required = true)]
    headers: Vec<String>,
    /// How far its time may be from now, either way.
    #[arg(long, value_name = "N", default_value_t = 300)]
    tolerance_seconds: u64,
}

impl Webhook {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let answer = match self {
            Self::Create(create) => create.ask()?,
            Self::List(List { of, limit, cursor }) => {
                Api::new(&of.connection)?.get(&paged(&of.path()?, limit, cursor.as_deref())?)?
            }
            Self::Show(one) => Api::new(&one.of.connection)?.get(&one.path("")?)?,
            Self::Update(update) => update.ask()?,
            Self::Disable(one) => one.put(&json!({ "state": "disabled" }))?,
            Self::Enable(one) => one.put(&json!({ "state": "active" }))?,
            Self::Delete(one) => Api::new(&one.of.connection)?.delete(&one.path("")?)?,
            Self::RotateSecret(Rotate { one, overlap_seconds }) => {
                one.post("/rotate-secret", &json!({ "overlap_seconds": overlap_seconds }))?
            }
            Self::Test(one) => one.post("/test", &json!({}))?,
            Self::Deliveries(Deliveries { one, limit, cursor }) => {
                let path = paged(&one.path("/deliveries")?, limit, cursor.as_deref())?;
                Api::new(&one.of.connection)?.get(&path)?
            }
            Self::Replay(Replay { one, delivery }) => {
                one.post(&format!("/deliveries/{}/replay", segment("the delivery", &delivery)?), &json!({}))?
            }
            Self::Recover(Recover { one, since }) => one.post("/recover", &json!({ "since": since }))?,
            Self::Send(Send { of, kind, payload }) => {
                let payload: Map<String, Value> =
                    serde_json::from_str(&payload).context("--payload is not a JSON object")?;
                let body = json!({ "type": kind, "payload": payload });
                Api::new(&of.connection)?.post(&format!("{}/messages", of.path()?), &body)?
            }
            Self::Verify(verify) => verify.verify()?,
        };
        output::show(format, &answer);
        if answer.get("secret").is_some() {
            output::remark("the secret is shown this once; keep it now");
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Of {
    fn path(&self) -> anyhow::Result<String> {
        Ok(format!("/v1/workspaces/{}/webhooks", segment("--workspace", &self.workspace)?))
    }
}

impl One {
    fn path(&self, then: &str) -> anyhow::Result<String> {
        Ok(format!("{}/{}{then}", self.of.path()?, segment("the webhook", &self.webhook)?))
    }

    fn post(&self, then: &str, body: &Value) -> anyhow::Result<Value> {
        Api::new(&self.of.connection)?.post(&self.path(then)?, body)
    }

    fn put(&self, body: &Value) -> anyhow::Result<Value> {
        Api::new(&self.of.connection)?.put(&self.path("")?, body)
    }
}

impl Create {
    fn ask(self) -> anyhow::Result<Value> {
        let mut body = Map::new();
        body.insert("url".into(), self.to.into());
        body.insert("events".into(), self.events.into());
        body.insert("organization_events".into(), self.organization_events.into());
        body.extend(self.description.map(|text| ("description".into(), text.into())));
        Api::new(&self.of.connection)?.post(&self.of.path()?, &body.into())
    }
}

impl Update {
    fn ask(self) -> anyhow::Result<Value> {
        let mut body = Map::new();
        body.extend(self.to.map(|url| ("url".into(), url.into())));
        if !self.events.is_empty() {
            body.insert("events".into(), self.events.into());
        }
        body.extend(self.organization_events.map(|told| ("organization_events".into(), told.into())));
        body.extend(self.description.map(|text| ("description".into(), text.into())));
        self.one.put(&body.into())
    }
}

impl Verify {
    fn verify(&self) -> anyhow::Result<Value> {
        let mut secrets = Vec::new();
        for file in &self.secrets {
            let text = std::fs::read_to_string(file).with_context(|| format!("`{}`", file.display()))?;
            secrets.push(Secret::new(text.trim()));
        }
        let mut headers = HeaderMap::new();
        for header in &self.headers {
            let malformed = || format!("--header `{header}`: expected `Name: value`");
            let (name, value) = header.split_once(':').with_context(malformed)?;
            let name: HeaderName = name.trim().parse().with_context(malformed)?;
            headers.append(name, HeaderValue::from_str(value.trim()).with_context(malformed)?);
        }
        let mut body = Vec::new();
        std::io::stdin().lock().read_to_end(&mut body).context("standard input")?;
        let verifier = WebhookVerifier::new(secrets)?.tolerance(Duration::from_secs(self.tolerance_seconds));
        let millis = u64::try_from(SystemClock::new().machine_now().as_millis()).unwrap_or_default();
        let now: SystemTime = UNIX_EPOCH + Duration::from_millis(millis);
        let received = verifier.verify(&headers, &body, now)?;
        Ok(json!({ "verified": true, "id": received.id, "timestamp": received.timestamp }))
    }
}
