//! `leak report`: tell a host of secrets that somebody came upon.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use access_model::scan::Scanner;
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::api::{Api, Problem};
use crate::cli::Format;
use crate::commands::init::catalog;
use crate::output;

/// Secrets that are reported at a time.
const AT_ONCE: usize = 20;
/// A host that has heard enough of this network hears more with the next minute: it is asked so often, so far apart.
const TRIES: u32 = 15;
const PAUSE: Duration = Duration::from_secs(5);

/// Report secrets that were found where they don't belong.
#[derive(Debug, Subcommand)]
pub(crate) enum Leak {
    /// Report all secrets in a text. Needs no token: whoever holds a secret may report it. Nothing else of the text is sent.
    Report(Report),
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// File that holds them (`-`: standard input).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where they were found.
    #[arg(long, value_name = "URL")]
    found_at: Option<String>,
    /// What else their owner should know.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Base URL of a running host.
    #[arg(long, env = "CRONFLOW_ACCESS_URL", default_value = "http://127.0.0.1:7800")]
    url: String,
    /// The catalog that says what secrets look like; the built-in one unless stated.
    #[arg(long, value_name = "FILE", env = "CRONFLOW_ACCESS_CATALOG")]
    catalog: Option<PathBuf>,
}

impl Leak {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let Self::Report(report) = self;
        report.send(format)
    }
}

impl Report {
    fn send(self, format: Format) -> anyhow::Result<ExitCode> {
        let mut text = Vec::new();
        if self.file == Path::new("-") {
            std::io::stdin().lock().read_to_end(&mut text).context("standard input")?;
        } else {
            text = std::fs::read(&self.file).with_context(|| format!("`{}`", self.file.display()))?;
        }
        let found = Scanner::new(catalog(self.catalog.as_deref())?.as_ref()).find(&text);
        // Nobody is ever sent a root key, not even its own host, which could do nothing about it.
        let (reported, root_keys): (Vec<_>, Vec<_>) = found.iter().partition(|found| found.id.is_some());
        if !root_keys.is_empty() {
            output::remark("a root key is in it, which is not sent: put another in its place (`secrets rekey`)");
        }
        let mut secrets: Vec<&str> = reported.iter().map(|found| found.secret.expose()).collect();
        secrets.sort_unstable();
        secrets.dedup();
        if secrets.is_empty() {
            bail!("there is no secret of ours in it to report; one that was cut off or mistyped is none");
        }
        let (api, mut received, all) = (Api::open(&self.url)?, 0, secrets.len());
        for some in secrets.chunks(AT_ONCE) {
            let mut body = Map::from_iter([("secrets".to_owned(), json!(some))]);
            body.extend(self.found_at.iter().map(|url| ("url".to_owned(), json!(url))));
            body.extend(self.note.iter().map(|note| ("note".to_owned(), json!(note))));
            let answer = patiently(&api, &Value::Object(body));
            let answer = answer.with_context(|| format!("{received} of {all} secrets were received"))?;
            received += answer.get("received").and_then(Value::as_u64).unwrap_or_default();
        }
        output::show(format, &json!({ "received": received }));
        Ok(ExitCode::SUCCESS)
    }
}

/// Reports some, and again while the host has heard enough of this network.
fn patiently(api: &Api, body: &Value) -> anyhow::Result<Value> {
    let mut left = TRIES;
    loop {
        match api.post("/v1/leaks", body) {
            Err(error) if left > 0 && is_passing(&error) => {
                if left == TRIES {
                    output::remark("the host takes so many a minute; waiting for the next");
                }
                left -= 1;
                #[expect(clippy::disallowed_methods, reason = "the host is asked again; nothing else is waited for")]
                std::thread::sleep(PAUSE);
            }
            answer => return answer,
        }
    }
}

fn is_passing(error: &anyhow::Error) -> bool {
    let problem = error.downcast_ref::<Problem>();
    problem.is_some_and(|problem| problem.field("code") == Some("too_many_attempts"))
}
