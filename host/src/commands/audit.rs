//! `audit list | follow | export | verify | report`.

mod verify;

use std::fs::File;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use crate::api::Api;
use crate::cli::{Connection, Format};
use crate::commands::key::segment;
use crate::output;

/// Between two looks at what is new.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Read and export audit trails.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Read a trail, newest first.
    List(List),
    /// Print what comes from now on, a JSON object a line, until it is interrupted.
    Follow(Trail),
    /// Write a trail out. The export is itself recorded.
    Export(Export),
    /// Check an export, without a host: exits with 0 when it is what was signed, 2 when it is not, 3 when it is cut off.
    Verify(verify::Verify),
    /// What an auditor asks first: admins without a second factor, keys to be rotated or unused, changes of permissions.
    Report(Report),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    trail: Trail,
    /// At most so many records.
    #[arg(long)]
    limit: Option<usize>,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Public id of the organization.
    #[arg(long, value_name = "ID")]
    organization: String,
    /// Changes at this instant or later (RFC 3339); none: of the last 90 days.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Changes before this instant.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    trail: Trail,
    /// How it is written.
    #[arg(long = "as", value_enum, default_value_t = Written::Ndjson)]
    written: Written,
    /// The file, which must not exist yet; none: standard output.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Written {
    /// A JSON object a line, oldest first, to be checked with `audit verify`.
    Ndjson,
    /// Comma-separated values, newest first, to be read.
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct Trail {
    #[command(flatten)]
    of: Whose,
    /// Records of this action; `keys.*`: of all that begin so.
    #[arg(long)]
    action: Option<String>,
    /// By the credential or member with this public id.
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Done to this.
    #[arg(long)]
    target: Option<String>,
    /// At this instant or later (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this instant.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Whose trail.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Whose {
    /// Public id of a workspace, or `own`.
    #[arg(long, value_name = "ID")]
    workspace: Option<String>,
    /// Public id of an organization.
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// The installation's own: how it began, its organizations and gateways.
    #[arg(long)]
    platform: bool,
}

/// Whose events.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Owner {
    /// Public id of a workspace, or `own`.
    #[arg(long, value_name = "ID")]
    workspace: Option<String>,
    /// Public id of an organization.
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
}

impl Audit {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(List { trail, limit, cursor }) => {
                let more = [("limit", limit.map(|limit| limit.to_string())), ("cursor", cursor)];
                let answer = Api::new(&trail.connection)?.get(&trail.path("", more)?)?;
                output::show(format, &answer);
            }
            Self::Follow(trail) => trail.follow()?,
            Self::Export(export) => export.write()?,
            Self::Verify(verify) => return verify.run(format),
            Self::Report(report) => report.show(format)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Whose {
    /// Its part of a path, with the slash before it.
    fn path(&self) -> anyhow::Result<String> {
        if self.platform {
            return Ok(String::new());
        }
        let owner = Owner { workspace: self.workspace.clone(), organization: self.organization.clone() };
        Ok(format!("/{}", owner.path()?))
    }
}

impl Owner {
    /// Its part of a path.
    pub(crate) fn path(&self) -> anyhow::Result<String> {
        Ok(match (&self.workspace, &self.organization) {
            (Some(id), _) => format!("workspaces/{}", segment("the workspace", id)?),
            (None, id) => format!("organizations/{}", segment("the organization", id.as_deref().unwrap_or_default())?),
        })
    }
}

impl Trail {
    fn path<const N: usize>(&self, below: &str, more: [(&str, Option<String>); N]) -> anyhow::Result<String> {
        let owner = self.of.path()?;
        let own = [
            ("action", &self.action),
            ("actor", &self.actor),
            ("target", &self.target),
            ("since", &self.since),
            ("until", &self.until),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let more = more.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let query: Vec<_> = own.chain(more).map(|(name, value)| format!("{name}={}", escaped(&value))).collect();
        Ok(format!("/v1{owner}/audit{below}?{}", query.join("&")))
    }

    fn follow(&self) -> anyhow::Result<()> {
        let api = Api::new(&self.connection)?;
        let one = ("limit", Some("1".to_owned()));
        let mut newest = api.get(&self.path("", [one])?)?;
        loop {
            let after = newest.get("newest_cursor").and_then(Value::as_str).map(str::to_owned);
            newest = api.get(&self.path("", [("after", after), ("limit", Some("200".to_owned()))])?)?;
            let items = newest.get("items").and_then(Value::as_array);
            for item in items.into_iter().flatten() {
                output::say(&item.to_string());
            }
            if items.is_none_or(Vec::is_empty) {
                #[expect(clippy::disallowed_methods, reason = "the host is asked again; nothing else is waited for")]
                std::thread::sleep(LOOK_EVERY);
            }
        }
    }
}

impl Report {
    fn show(&self, format: Format) -> anyhow::Result<()> {
        let stated = [("since", &self.since), ("until", &self.until)];
        let query: Vec<_> = stated
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_deref()?))))
            .collect();
        let organization = segment("the organization", &self.organization)?;
        let path = format!("/v1/organizations/{organization}/audit/report?{}", query.join("&"));
        output::show(format, &Api::new(&self.connection)?.get(&path)?);
        Ok(())
    }
}

impl Export {
    fn write(&self) -> anyhow::Result<()> {
        let written = match self.written {
            Written::Ndjson => "ndjson",
            Written::Csv => "csv",
        };
        let path = self.trail.path("/export", [("format", Some(written.to_owned()))])?;
        let api = Api::new(&self.trail.connection)?;
        let Some(to) = &self.to else { return api.download(&path, &mut stdout().lock()) };
        let shown = || format!("`{}`", to.display());
        let mut file = File::create_new(to).with_context(shown)?;
        api.download(&path, &mut file)?;
        file.flush().with_context(shown)
    }
}

/// A value as it stands in a query.
pub(crate) fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
