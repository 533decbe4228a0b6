//! The commands that are not `serve`.

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::host::Host;
use crate::process::{Process, product};

/// How long a command may take, whatever it does.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it remarked.
    pub stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    #[track_caller]
    pub fn of(command: &mut Command) -> Self {
        Self::to_its_end(command.stdin(Stdio::null()))
    }

    /// The same of a command that reads this from standard input.
    #[track_caller]
    pub fn reading(command: &mut Command, input: impl AsRef<[u8]>) -> Self {
        let mut file = tempfile::tempfile().expect("there is room for a file");
        file.write_all(input.as_ref()).expect("there is room in a file");
        file.rewind().expect("a file can be read again");
        Self::to_its_end(command.stdin(file))
    }

    #[track_caller]
    fn to_its_end(command: &mut Command) -> Self {
        let mut process = Process::start(command);
        let status = process.wait_within(PATIENCE, &format!("the end of {command:?}"));
        Self { code: status.code(), stdout: process.stdout.text(), stderr: process.stderr.text() }
    }

    /// Checks the exit code, and that everything in `what` was said, wherever.
    #[track_caller]
    pub fn check(&self, code: i32, what: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for what in what {
            assert!(self.stdout.contains(what) || self.stderr.contains(what), "no `{what}` in {self:?}");
        }
        self
    }

    /// Checks the exit code, and reads what was printed as JSON.
    #[track_caller]
    pub fn check_json(&self, code: i32) -> Value {
        self.check(code, &[]);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

/// `init` on a data folder, for `acme` and its workspace `main`.
pub fn run_init(data_dir: &Path) -> Ran {
    let mut command = product();
    command.args(["init", "--organization", "acme", "--workspace", "main", "--output", "json", "--data-dir"]);
    Ran::of(command.arg(data_dir))
}

impl Host {
    /// Runs a command against this host as its operator.
    pub fn cli(&self, args: &[&str]) -> Ran {
        let ran = Ran::of(&mut self.cli_as(&self.identity().operator_token, args));
        self.wait_until_all_know();
        ran
    }

    /// A command against this host with another token, not yet run.
    pub fn cli_as(&self, token: &str, args: &[&str]) -> Command {
        let node = if args.first() == Some(&"authorize") { self.decider() } else { self.manager() };
        let mut command = product();
        command
            .env("CRONFLOW_ACCESS_URL", format!("http://{}", node.address()))
            .env("CRONFLOW_ACCESS_TOKEN", token)
            .args(args);
        command
    }

    /// Runs `authorize` about a credential, through the gateway.
    pub fn cli_authorize(&self, credential: &str, args: &[&str]) -> Ran {
        let mut command = self.cli_as(&self.identity().gateway_token, &["authorize", "--output", "json"]);
        Ran::of(command.args(args).env("CRONFLOW_ACCESS_CREDENTIAL", credential))
    }
}
