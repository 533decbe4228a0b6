//! One process that serves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rustix::process::Signal;
use serde::Deserialize;

use crate::http::{Client, Response};
use crate::process::{Output, Process};
use crate::question::{Answer, Question};
use crate::setup::{Identity, Refused};

/// A process that serves. Dropped, it is killed.
#[derive(Debug)]
pub struct Node {
    process: Process,
    ready_file: PathBuf,
    address: SocketAddr,
    metrics: SocketAddr,
    listening: Vec<String>,
    identity: Option<Identity>,
}

#[derive(Debug, Deserialize)]
struct Ready {
    base_url: String,
    metrics_url: String,
    /// Nothing from a release that does not tell.
    #[serde(default)]
    listening: Vec<String>,
}

impl Node {
    #[track_caller]
    pub(crate) fn try_start(command: &mut Command, ready_file: PathBuf, dev: bool) -> Result<Self, Refused> {
        // It may be left from the start before.
        let _ = std::fs::remove_file(&ready_file);
        let mut process = Process::start(command);
        if !process.stderr.wait_for(r#""message":"serving""#, 0) {
            return Err(Refused { status: process.wait(), stderr: process.stderr.text() });
        }
        let ready = std::fs::read_to_string(&ready_file).expect("a host that serves has written its ready file");
        let at: Ready = serde_json::from_str(&ready).expect("the ready file says where the host is");
        let identity = dev.then(|| serde_json::from_str(&ready).expect("the ready file says who is who"));
        let (address, metrics) = (address_of(&at.base_url), address_of(&at.metrics_url));
        Ok(Self { process, ready_file, address, metrics, listening: at.listening, identity })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it serves.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where else it serves: what stands behind `scheme`, such as the address behind `https://`.
    #[track_caller]
    pub fn listens(&self, scheme: &str) -> &str {
        let mut all = self.listening.iter().filter_map(|listener| listener.strip_prefix(scheme));
        all.next().unwrap_or_else(|| panic!("nobody listens at `{scheme}`: {:?}", self.listening))
    }

    /// Where it serves metrics.
    pub const fn metrics(&self) -> SocketAddr {
        self.metrics
    }

    /// Its ready file.
    pub fn ready_file(&self) -> &Path {
        &self.ready_file
    }

    /// Who and what it tells of in its ready file, if it is a dev host.
    pub fn identity(&self) -> Option<Identity> {
        self.identity.clone()
    }

    /// Somebody who presents `bearer` to this process, and goes on without waiting for the others.
    pub fn client(&self, bearer: Option<&str>) -> Client {
        Client::new(self.address, bearer)
    }

    /// Asks for a decision.
    #[track_caller]
    pub fn decide(&self, gateway_token: &str, question: &Question) -> Answer {
        question.ask(&self.client(Some(gateway_token)))
    }

    /// What /health/ready answers.
    #[track_caller]
    pub fn health(&self) -> Response {
        self.client(None).get("/health/ready")
    }

    /// Standard output, as it comes.
    pub const fn standard_output(&self) -> &Output {
        &self.process.stdout
    }

    /// What it logs.
    pub const fn log(&self) -> &Output {
        &self.process.stderr
    }

    /// Sends a signal and goes on.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Stops it in the middle of whatever it does, until SIGCONT.
    #[track_caller]
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Bytes of it that are in memory.
    #[track_caller]
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the system says how much");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes << 10
    }

    /// Lets it write no file beyond so many bytes, until it is let again; none: as many as it likes. What it wrote so far stays.
    #[track_caller]
    pub fn limit_files(&self, bytes: Option<u64>) {
        self.process.limit_files(bytes);
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }
}

#[track_caller]
fn address_of(url: &str) -> SocketAddr {
    let address = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let address: SocketAddr = address.and_then(|text| text.parse().ok()).expect("a URL of an address");
    // A host that listens everywhere is reached here.
    if address.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address }
}
