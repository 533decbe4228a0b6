//! CronFlow Access: allow or deny, and why.
//!
//! The binary parses, wires and runs; everything else lives in the rooms beside it. Reading order: [`cli`] (what can be
//! said on the command line), [`config`] (the file, the environment and their order), [`commands`] (one file each; start
//! with `serve`), [`secrets`] (where the root key and passwords come from), [`store`] (the embedded one or Redis), [`api`] (how the other commands speak to a running host),
//! [`output`], [`report`] (findings, a line each),
//! [`sandbox`] (what policies run in).
//!
//! It must never decide anything, and no command but `init`, `serve`, `doctor`, `backup`, `restore`, `export` and `import` may open the
//! store.

mod api;
mod cli;
mod commands;
mod config;
mod output;
mod report;
mod sandbox;
mod secrets;
mod store;

use std::process::ExitCode;

use clap::Parser;

/// The command line could not be understood (EX_USAGE of sysexits.h; 2 means deny).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Printing fails only when nobody reads it.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let could_not = cli.command.exit_code_of_failure();
    match cli.command.check_environment().and_then(|()| commands::run(cli)) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            ExitCode::from(could_not)
        }
    }
}
