//! How commands speak to a running host: HTTP and JSON, with a bearer that comes from a file or the environment.

use std::fmt;
use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::cli::Connection;
use crate::config;

/// A running host.
pub(crate) struct Api {
    agent: ureq::Agent,
    url: String,
    /// Nothing, where nothing is presented.
    bearer: Option<String>,
}

impl Api {
    /// Reads the token; connects only when asked.
    pub(crate) fn new(connection: &Connection) -> anyhow::Result<Self> {
        let api = Self::open(&connection.url)?;
        let token = secret(connection.token_file.as_deref(), config::TOKEN)
            .context("no token: set CRONFLOW_ACCESS_TOKEN, or name a file with --token-file")?;
        Ok(Self { bearer: Some(format!("Bearer {token}")), ..api })
    }

    /// For what needs no token.
    pub(crate) fn open(url: &str) -> anyhow::Result<Self> {
        if url.starts_with("https://") {
            bail!(
                "this release speaks plain HTTP alone; reach the host over loopback or a tunnel, as in --url http://127.0.0.1:7800"
            );
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .max_redirects(0)
            .build();
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { agent: agent.into(), url, bearer: None })
    }

    /// Asks with GET.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.url);
        let answer = self.known(self.agent.get(&url)).call();
        read(answer.with_context(|| self.unreachable())?)
    }

    /// Copies an answer that may be long, and may be long in coming, to `out`.
    pub(crate) fn download(&self, path: &str, out: &mut impl Write) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.url);
        let asked = self.agent.get(&url).config().timeout_global(None).build();
        let mut answer = self.known(asked).call().with_context(|| self.unreachable())?;
        if !answer.status().is_success() {
            return read(answer).map(drop);
        }
        std::io::copy(&mut answer.body_mut().as_reader(), out).context("the answer broke off; it is not whole")?;
        Ok(())
    }

    /// Asks with POST.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.url);
        let answer = self.known(self.agent.post(&url)).send_json(body);
        read(answer.with_context(|| self.unreachable())?)
    }

    /// Asks with PUT.
    pub(crate) fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.url);
        let answer = self.known(self.agent.put(&url)).send_json(body);
        read(answer.with_context(|| self.unreachable())?)
    }

    /// Asks with DELETE.
    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.url);
        let answer = self.known(self.agent.delete(&url)).call();
        read(answer.with_context(|| self.unreachable())?)
    }

    fn known<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.bearer {
            Some(bearer) => request.header("authorization", bearer),
            None => request,
        }
    }

    fn unreachable(&self) -> String {
        format!("no answer from `{}`; is the host running, and is --url right?", self.url)
    }
}

/// Reads an answer; a problem document becomes an error of its own words.
fn read(mut answer: ureq::http::Response<ureq::Body>) -> anyhow::Result<Value> {
    let status = answer.status();
    let text = answer.body_mut().read_to_string().context("the answer broke off")?;
    let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(value);
    }
    let problem = Problem(value);
    match (problem.field("code"), problem.field("detail")) {
        (Some(_), Some(_)) => Err(problem.into()),
        _ => bail!("the host answered {status}, and not in our words; is --url right?"),
    }
}

/// A problem document (RFC 9457) with a code and a detail.
#[derive(Debug)]
pub(crate) struct Problem(Value);

impl Problem {
    /// The document.
    pub(crate) const fn document(&self) -> &Value {
        &self.0
    }

    /// A text of it.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.0.get("status").and_then(Value::as_u64).unwrap_or_default();
        let title = self.field("title").unwrap_or_default();
        let [code, detail] = ["code", "detail"].map(|name| self.field(name).unwrap_or_default());
        write!(f, "{code} ({status} {title}): {detail}")
    }
}

impl std::error::Error for Problem {}

/// A secret from a file (`-`: standard input), else from an environment variable.
pub(crate) fn secret(file: Option<&str>, variable: &str) -> anyhow::Result<String> {
    let text = match file {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input")?;
            text
        }
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("`{path}`"))?,
        None => config::environment(variable).with_context(|| format!("{variable} is not set"))?,
    };
    let secret = text.trim();
    if secret.is_empty() || secret.chars().any(|character| character.is_control() || character.is_whitespace()) {
        bail!("that is not one secret: expected one line without spaces");
    }
    Ok(secret.to_owned())
}
