//! One file each, named by the command.

pub(crate) mod audit;
pub(crate) mod authorize;
pub(crate) mod backup;
pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod export;
pub(crate) mod gateway;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod leak;
pub(crate) mod member;
pub(crate) mod org;
pub(crate) mod policy;
pub(crate) mod restore;
pub(crate) mod role;
pub(crate) mod scan;
pub(crate) mod secrets;
pub(crate) mod serve;
pub(crate) mod webhook;
pub(crate) mod workspace;

use std::process::ExitCode;

use crate::cli::{Cli, Command};

/// Runs a command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Init(init) => init.run(cli.output),
        Command::Key(key) => key.run(cli.output),
        Command::Client(client) => client.run(cli.output),
        Command::Gateway(gateway) => gateway.run(cli.output),
        Command::Org(org) => org.run(cli.output),
        Command::Workspace(workspace) => workspace.run(cli.output),
        Command::Member(member) => member.run(cli.output),
        Command::Role(role) => role.run(cli.output),
        Command::Event(event) => event.run(cli.output),
        Command::Webhook(webhook) => webhook.run(cli.output),
        Command::Leak(leak) => leak.run(cli.output),
        Command::Audit(audit) => audit.run(cli.output),
        Command::Scan(scan) => scan.run(cli.output),
        Command::Authorize(authorize) => authorize.run(cli.output),
        Command::Policy(policy) => policy.run(cli.output),
        Command::Secrets(secrets) => secrets.run(cli.output),
        Command::Config(config) => config.run(cli.output),
        Command::Doctor(doctor) => doctor.run(cli.output),
        Command::Backup(backup) => backup.run(cli.output),
        Command::Restore(restore) => restore.run(cli.output),
        Command::Export(export) => export.run(cli.output),
        Command::Import(import) => import.run(cli.output),
        Command::PolicyCompiler => {
            access_engine::compile_as_child().map_err(anyhow::Error::msg).map(|()| ExitCode::SUCCESS)
        }
    }
}
