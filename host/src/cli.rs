//! What can be said on the command line. Secrets can't: they come from files or the environment.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{
    audit, authorize, backup, client, config, doctor, event, export, gateway, import, init, key, leak, member, org,
    policy, restore, role, scan, secrets, serve, webhook, workspace,
};

/// Allow or deny, and why: keys, policies and decisions for HTTP APIs.
#[derive(Debug, Parser)]
#[command(name = "cronflow-access", version, propagate_version = true)]
pub(crate) struct Cli {
    /// How to print results.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human, env = "CRONFLOW_ACCESS_OUTPUT")]
    pub(crate) output: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How to print results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API.
    Serve(Box<serve::Serve>),
    /// Begin an installation: root key, first organization and workspace, first operator token (shown once).
    Init(Box<init::Init>),
    /// Issue, show, rotate and end API keys.
    #[command(subcommand)]
    Key(key::Key),
    /// Register, show, rotate and end OAuth2 clients.
    #[command(subcommand)]
    Client(client::Client),
    /// Issue and end the credentials of enforcement points.
    #[command(subcommand)]
    Gateway(gateway::Gateway),
    /// Create, show and end organizations.
    #[command(subcommand)]
    Org(org::Org),
    /// Create, show and end workspaces.
    #[command(subcommand)]
    Workspace(workspace::Workspace),
    /// Invite, show, change and remove the people of an organization.
    #[command(subcommand)]
    Member(Box<member::Member>),
    /// Show the roles of an organization, and make its own.
    #[command(subcommand)]
    Role(role::Role),
    /// Read what people are told of.
    #[command(subcommand)]
    Event(event::Event),
    /// Tell other systems of what happens, and see what became of it.
    #[command(subcommand)]
    Webhook(Box<webhook::Webhook>),
    /// Report secrets that were found where they don't belong.
    #[command(subcommand)]
    Leak(leak::Leak),
    /// Read, follow and export audit trails.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Find our own secrets in files and git histories. Exit code 0: none; 1: some; 2: something could not be looked at.
    Scan(Box<scan::Scan>),
    /// Ask for a decision. Exit code 0: allow; 2: deny; 3: could not decide.
    Authorize(Box<authorize::Authorize>),
    /// Write, test, upload, publish and watch policies.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Make the keys that everything sealed hangs on, and replace them.
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// Check and show the configuration.
    #[command(subcommand)]
    Config(config::Config),
    /// Say what is wrong with an installation, and how to mend it.
    Doctor(Box<doctor::Doctor>),
    /// Back up the embedded store, while a host serves from it or at rest.
    Backup(backup::Backup),
    /// Restore a backup into an empty data folder.
    Restore(restore::Restore),
    /// Write all that the store holds, embedded or in Redis, into one file, to move it.
    Export(Box<export::ExportCommand>),
    /// Fill an empty store, embedded or in Redis, from an export.
    Import(Box<import::ImportCommand>),
    /// Compile a policy from standard input to standard output: what a host starts for itself, with limits.
    #[command(hide = true)]
    PolicyCompiler,
}

impl Command {
    /// What a command that could not do its work exits with.
    pub(crate) const fn exit_code_of_failure(&self) -> u8 {
        match self {
            Self::Authorize(_) => 3,
            Self::Scan(_) => scan::TROUBLE,
            _ => 1,
        }
    }

    /// Refuses variables that mean nothing; `config` tells of them beside what else it finds.
    pub(crate) fn check_environment(&self) -> anyhow::Result<()> {
        if matches!(self, Self::Config(_) | Self::PolicyCompiler) { Ok(()) } else { crate::config::check_environment() }
    }
}

/// Where the running host is, and what to ask it with.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// Base URL of a running host.
    #[arg(long, env = "CRONFLOW_ACCESS_URL", default_value = "http://127.0.0.1:7800")]
    pub(crate) url: String,
    /// File that holds the token (`-`: standard input). The environment variable CRONFLOW_ACCESS_TOKEN does as well.
    #[arg(long, env = "CRONFLOW_ACCESS_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<String>,
}
