//! The example `jobs-api`, served.

use std::net::SocketAddr;
use std::process::Command;

use crate::http::Client;
use crate::process::{Output, Process, jobs_api};

/// It serves. Dropped, it is killed.
#[derive(Debug)]
pub struct JobsApi {
    process: Process,
    address: SocketAddr,
}

impl JobsApi {
    /// Starts one that asks `access` by itself, with this credential, for an environment.
    #[track_caller]
    pub fn that_asks(access: SocketAddr, token: &str, environment: &str, args: &[&str]) -> Self {
        let mut command = Command::new(jobs_api());
        command.args(["--access", &format!("http://{access}"), "--environment", environment]).args(args);
        Self::start(command.env("CRONFLOW_GATEWAY_TOKEN", token))
    }

    /// Starts one that believes the gateway before it.
    #[track_caller]
    pub fn behind_a_gateway() -> Self {
        Self::start(Command::new(jobs_api()).arg("--behind-gateway"))
    }

    #[track_caller]
    fn start(command: &mut Command) -> Self {
        const SERVING: &str = "serving on http://";
        let process = Process::start(command.args(["--listen", "127.0.0.1:0"]));
        assert!(process.stderr.wait_for(SERVING, 0), "it does not serve: {}", process.stderr.text());
        let from = process.stderr.text().find(SERVING).expect("it was said") + SERVING.len();
        assert!(process.stderr.wait_for("\n", from), "{}", process.stderr.text());
        let address = process.stderr.text()[from..].lines().next().and_then(|line| line.parse().ok());
        Self { process, address: address.expect("an address") }
    }

    /// Where it serves.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Somebody who speaks to it.
    pub fn client(&self, bearer: Option<&str>) -> Client {
        Client::new(self.address, bearer)
    }

    /// What it logs.
    pub const fn log(&self) -> &Output {
        &self.process.stderr
    }
}
