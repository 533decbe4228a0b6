//! Secrets that the host needs to begin: read from the environment, from files, or from those who keep them.
//!
//! Reading order: [`source`] (how a setting says where a secret is), [`Keepers`] (which asks there), `vault`, `aws`, `sigv4`.
//!
//! Who keeps them is the operator's to name, so that any address may be connected to but those of metadata services, and
//! plain HTTP within this machine alone. Nothing that was read is quoted in an error.
//!
//! The rule for a secret manager that is down: secrets are read at the start, and a host that runs needs none of it. A start
//! tries a few times, and then says what is missing.

mod aws;
pub mod sigv4;
pub mod source;
mod vault;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use access_model::{Clock, PlainSecret};
use bytes::Bytes;
use http::{HeaderMap, Method};
use zeroize::Zeroizing;

pub use self::aws::Aws;
pub use self::source::{Source, SourceError};
pub use self::vault::{Login, Vault};
use crate::address::Private;
use crate::destination::Destination;
use crate::egress::{Answer, Egress, EgressError, Limits, Rules};

/// A secret manager answers within milliseconds, or it is ill.
const LIMITS: Limits = Limits { connect: Duration::from_secs(5), total: Duration::from_secs(10), body: 512 * 1024 };
/// What runs on this very machine, or on none.
const LIMITS_HERE: Limits = Limits { connect: Duration::from_secs(1), total: Duration::from_secs(2), body: 64 * 1024 };
/// Pauses between attempts, where another may do better.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(2)];

/// All attempts together: whoever asked the host to read a secret waits for it, and not for half a minute.
const TOTAL: Duration = Duration::from_secs(15);
/// Bytes that a file of one secret has at most.
const SECRET_FILE: u64 = 4 * 1024;

/// Whoever keeps secrets, and how to ask them.
#[derive(Debug)]
pub struct Keepers {
    door: Egress,
    vault: Option<Vault>,
    aws: Aws,
    environment: fn(&str) -> Option<String>,
}

/// A secret could not be read. It never quotes one.
#[derive(Debug, thiserror::Error)]
#[error("`{from}`: {why}")]
pub struct SecretError {
    from: String,
    why: Why,
}

/// Why not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Why {
    /// What is stated, or kept there, can't be used. Trying again does not help.
    #[error("{0}")]
    Wrong(String),
    /// It could be different in a moment.
    #[error("{0}")]
    Down(String),
}

impl Why {
    fn wrong(what: impl Into<String>) -> Self {
        Self::Wrong(what.into())
    }
}

impl Keepers {
    /// Those that the operator named. `hosts` and `ca_file` are as for everything that goes out.
    pub fn new(
        vault: Option<Vault>,
        aws: Aws,
        hosts: BTreeMap<String, Vec<IpAddr>>,
        ca_file: Option<PathBuf>,
        environment: fn(&str) -> Option<String>,
    ) -> Self {
        let door = Egress::new(Rules { is_http_open: true, private: Private::every(), hosts, ca_file });
        Self { door, vault, aws, environment }
    }

    /// Reads a secret. It waits, and tries a few times, where whoever keeps it does not answer.
    ///
    /// # Errors
    /// Which source, and what is wrong with it.
    pub async fn read(&self, source: &Source, clock: &dyn Clock) -> Result<PlainSecret, SecretError> {
        let mut last = None;
        let read = tokio::time::timeout(TOTAL, self.read_patiently(source, clock, &mut last)).await;
        let too_late = || Why::Down(format!("whoever keeps it did not answer within {} seconds", TOTAL.as_secs()));
        let read = read.unwrap_or_else(|_| Err(last.unwrap_or_else(too_late)));
        read.map_err(|why| SecretError { from: source.to_string(), why })
    }

    /// Tries a few times; why the last try failed is in `last`.
    async fn read_patiently(
        &self,
        source: &Source,
        clock: &dyn Clock,
        last: &mut Option<Why>,
    ) -> Result<PlainSecret, Why> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let why = match self.read_once(source, clock).await {
                Err(why @ Why::Down(_)) => why,
                done => return done,
            };
            let Some(pause) = pauses.next() else { return Err(why) };
            *last = Some(why);
            tokio::time::sleep(pause).await;
        }
    }

    async fn read_once(&self, source: &Source, clock: &dyn Clock) -> Result<PlainSecret, Why> {
        let read = match source {
            Source::Value(secret) => Ok(secret.clone()),
            Source::File(path) => read_file(path, SECRET_FILE).await,
            Source::Environment(name) => {
                (self.environment)(name).map(PlainSecret::new).ok_or_else(|| Why::wrong("the variable is not set"))
            }
            Source::Vault { path, field } => self.vault()?.read(&self.door, path, field).await,
            Source::Transit { mount, key, file } => {
                let sealed = read_file(file, SECRET_FILE).await?;
                self.vault()?.decrypt(&self.door, mount, key, &sealed).await
            }
            Source::Aws { id, field } => {
                self.aws.read(&self.door, self.environment, id, field.as_deref(), clock.machine_now()).await
            }
        };
        read.and_then(one_line)
    }

    fn vault(&self) -> Result<&Vault, Why> {
        self.vault.as_ref().ok_or_else(|| {
            Why::wrong("where Vault is, is not stated; set `vault_address`, and `vault_token_file` or `vault_role_id`")
        })
    }
}

/// What stands in a file of at most so many bytes, without the end of its last line. A host that serves reads one as well, so no
/// request waits for the disk.
pub(crate) async fn read_file(path: &Path, most: u64) -> Result<PlainSecret, Why> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read_regular(&path, most)).await;
    read.unwrap_or_else(|_| Err(Why::wrong("it can't be read")))
}

fn read_regular(path: &Path, most: u64) -> Result<PlainSecret, Why> {
    let failed = |error: io::Error| Why::wrong(format!("it can't be read: {error}"));
    // Before it is opened: a pipe waits for somebody who writes to it, and a device has no end.
    let found = std::fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        return Err(Why::wrong("it can't be read: it is no plain file"));
    }
    if found.len() > most {
        return Err(Why::wrong(format!("it is longer than {most} bytes, so it is not what is looked for")));
    }
    let mut text = Zeroizing::new(String::new());
    File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)).map_err(failed)?;
    Ok(PlainSecret::new(text.trim().to_owned()))
}

/// A secret is one line, so that it can stand in a header or a URL.
fn one_line(secret: PlainSecret) -> Result<PlainSecret, Why> {
    let text = secret.expose().trim();
    if text.is_empty() || text.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(Why::wrong("what is there is not one secret: expected one line without spaces"));
    }
    Ok(PlainSecret::new(text.to_owned()))
}

/// Asks whoever the operator named. Everything but an answer that could be different in a moment comes back.
async fn ask(door: &Egress, method: Method, url: &str, headers: HeaderMap, body: Bytes) -> Result<Answer, Why> {
    let to = destination(url).map_err(|error| Why::Wrong(format!("`{url}` {error}")))?;
    let at = to.authority();
    let answer = door.ask(&to, method, headers, body, LIMITS).await.map_err(|error| match error {
        EgressError::Url(_) | EgressError::Forbidden(_) | EgressError::NotAllowed | EgressError::Request(_) => {
            Why::Wrong(format!("{at} can't be asked: {error}"))
        }
        EgressError::Tls(_) => Why::Wrong(format!(
            "{at} can't be asked: {error}; a certificate of your own authority is trusted by `egress_ca_file`"
        )),
        _ => Why::Down(format!("{at} can't be reached: {error}")),
    })?;
    match answer.status.as_u16() {
        429 => Err(Why::Down(format!("{at} is asked too much (429)"))),
        // What Vault says while it is sealed, is said by its own words.
        500 | 502 | 504 => Err(Why::Down(format!("{at} is ill ({})", answer.status.as_u16()))),
        _ if !answer.is_whole => Err(Why::Down(format!("{at} ended its answer too early, or it is too long"))),
        _ => Ok(answer),
    }
}

/// A URL that the operator stated: over TLS, or within this machine.
fn destination(url: &str) -> Result<Destination, String> {
    let to = Destination::parse(url, true).map_err(|error| error.to_string())?;
    let is_here = to.literal().map_or_else(|| to.host() == "localhost", |address| address.is_loopback());
    if to.is_https() || is_here {
        return Ok(to);
    }
    Err("must begin with `https://`: secrets are readable on the way otherwise; plain HTTP is for this machine's own \
         addresses alone"
        .to_owned())
}

#[cfg(test)]
mod tests;
