//! A host: started on a free port over a data folder of its own, stopped in either way, and started again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;

use rustix::process::Signal;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::run_init;
use crate::http::Client;
use crate::process::{Output, Process, product};
use crate::question::{Answer, Question};

/// How a host is to be started. Clones share the data folder.
#[derive(Debug, Clone)]
pub struct Setup {
    folder: Arc<TempDir>,
    dev: bool,
    args: Vec<String>,
    env: Vec<(String, String)>,
    identity: Option<Identity>,
}

/// Who and what a host knows from its beginning.
#[derive(Debug, Clone, Deserialize)]
pub struct Identity {
    /// Public id of the first organization.
    pub organization: String,
    /// Public id of its first workspace.
    pub workspace: String,
    /// May do everything.
    pub operator_token: String,
    /// Bound to the organization, in every environment.
    #[serde(default)]
    pub gateway_token: String,
    /// On a dev host: a key of each kind.
    #[serde(default)]
    pub keys: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Ready {
    base_url: String,
    metrics_url: String,
}

impl Setup {
    /// A dev host, with its demo.
    pub fn dev() -> Self {
        Self { folder: Arc::new(temporary()), dev: true, args: Vec::new(), env: Vec::new(), identity: None }
    }

    /// A real host, not set up yet.
    pub fn real() -> Self {
        Self { dev: false, ..Self::dev() }
    }

    /// The same data, served the other way.
    #[must_use]
    pub fn other_way(&self) -> Self {
        Self { dev: !self.dev, ..self.clone() }
    }

    /// Begins the installation with `init`.
    #[must_use]
    #[track_caller]
    pub fn initialized(mut self) -> Self {
        let ran = run_init(&self.data_dir());
        self.identity = Some(serde_json::from_value(ran.check_json(0)).expect("init says who is who"));
        self
    }

    /// Adds command line arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A folder for whatever a test needs besides.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Starts the host and waits until it serves.
    #[track_caller]
    pub fn start(self) -> Host {
        match self.try_start() {
            Ok(host) => host,
            Err(refused) => panic!("the host does not start: {refused:?}"),
        }
    }

    /// Starts the host; when it ends instead of serving, tells how.
    ///
    /// # Errors
    /// The host's last words.
    #[track_caller]
    pub fn try_start(mut self) -> Result<Host, Refused> {
        let ready_file = self.folder().join("ready.json");
        // It may be left from the start before.
        let _ = std::fs::remove_file(&ready_file);
        let mut process = Process::start(&mut self.command(&ready_file));
        if !process.stderr.wait_for(r#""message":"serving""#, 0) {
            return Err(Refused { status: process.wait(), stderr: process.stderr.text() });
        }
        let ready = std::fs::read_to_string(&ready_file).expect("a host that serves has written its ready file");
        let at: Ready = serde_json::from_str(&ready).expect("the ready file says where the host is");
        if self.dev {
            self.identity = Some(serde_json::from_str(&ready).expect("the ready file says who is who"));
        }
        Ok(Host::over(process, self, &at))
    }

    fn command(&self, ready_file: &Path) -> Command {
        let mut command = product();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
        command.arg("--data-dir").arg(self.data_dir()).arg("--ready-file").arg(ready_file);
        if self.dev {
            command.arg("--dev");
        }
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A folder that goes when it is dropped.
pub fn temporary() -> TempDir {
    tempfile::Builder::new().prefix("cronflow-access-e2e-").tempdir().expect("there is room for a folder")
}

/// A host that ended instead of serving.
#[derive(Debug)]
pub struct Refused {
    /// How it ended.
    pub status: ExitStatus,
    /// What it said.
    pub stderr: String,
}

impl Refused {
    /// Checks that it ended in order, with exit code 1, and said all of `what`.
    #[track_caller]
    pub fn check_says(&self, what: &[&str]) {
        assert_eq!(self.status.code(), Some(1), "{}", self.stderr);
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        for what in what {
            assert!(self.stderr.contains(what), "no `{what}` in {}", self.stderr);
        }
    }
}

/// A running host. Dropped, it is killed.
#[derive(Debug)]
pub struct Host {
    process: Process,
    setup: Setup,
    identity: Identity,
    address: SocketAddr,
    metrics: SocketAddr,
    operator: Client,
    gateway: Client,
}

/// A host that was stopped, with its data.
#[derive(Debug)]
pub struct Stopped {
    /// How it ended.
    pub status: ExitStatus,
    /// Everything that it wrote to standard output.
    pub stdout: String,
    /// Everything that it logged.
    pub stderr: String,
    /// How it was started.
    pub setup: Setup,
}

impl Stopped {
    /// Starts it again on the same data.
    #[track_caller]
    pub fn start(self) -> Host {
        self.setup.start()
    }
}

impl Host {
    /// A dev host.
    #[track_caller]
    pub fn dev() -> Self {
        Setup::dev().start()
    }

    /// A real host, set up by `init`.
    #[track_caller]
    pub fn real() -> Self {
        Setup::real().initialized().start()
    }

    #[track_caller]
    fn over(process: Process, mut setup: Setup, at: &Ready) -> Self {
        let mut identity = setup.identity.clone().expect("a host that serves was set up");
        let address = address_of(&at.base_url);
        let operator = Client::new(address, Some(&identity.operator_token));
        if identity.gateway_token.is_empty() {
            let body = json!({ "name": "e2e", "organizations": [identity.organization], "environments": ["*"] });
            let issued = operator.post("/v1/gateways", &body).check_json(201);
            identity.gateway_token = issued["secret"].as_str().expect("a secret").to_owned();
            setup.identity = Some(identity.clone());
        }
        let gateway = Client::new(address, Some(&identity.gateway_token));
        Self { process, setup, identity, address, metrics: address_of(&at.metrics_url), operator, gateway }
    }

    /// Who and what it knows from its beginning.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How it was started.
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it serves.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Somebody who presents `bearer`.
    pub fn client(&self, bearer: Option<&str>) -> Client {
        Client::new(self.address, bearer)
    }

    /// The operator.
    pub const fn operator(&self) -> &Client {
        &self.operator
    }

    /// The gateway of the first organization.
    pub const fn gateway(&self) -> &Client {
        &self.gateway
    }

    /// Somebody who scrapes metrics.
    pub fn scraper(&self, bearer: Option<&str>) -> Client {
        Client::new(self.metrics, bearer)
    }

    /// The path of the first workspace, and what follows it.
    pub fn workspace(&self, then: &str) -> String {
        format!("/v1/workspaces/{}{then}", self.identity.workspace)
    }

    /// Asks for a decision, through the gateway.
    #[track_caller]
    pub fn decide(&self, question: &Question) -> Answer {
        question.ask(&self.gateway)
    }

    /// The value of a metric: its name, with its labels if it has any. 0 when it was never counted.
    #[track_caller]
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.scrape();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().expect("a number"))
    }

    /// All metrics.
    #[track_caller]
    pub fn scrape(&self) -> String {
        let scraped = self.scraper(None).get("/metrics");
        assert_eq!(scraped.status, 200, "{scraped:?}");
        scraped.body
    }

    /// Moves the dev clock forward.
    #[track_caller]
    pub fn advance(&self, seconds: u64) {
        self.operator.post("/v1/dev/clock", &json!({ "advance_seconds": seconds })).check_json(200);
    }

    /// Sets the workspace's allow-list; null lifts it.
    #[track_caller]
    pub fn allow_from(&self, ip_allow: &Value) {
        self.operator.put(&self.workspace("/network"), &json!({ "ip_allow": ip_allow })).check_json(200);
    }

    /// What it logs.
    pub const fn log(&self) -> &Output {
        &self.process.stderr
    }

    /// Standard output, as it comes.
    pub const fn standard_output(&self) -> &Output {
        &self.process.stdout
    }

    /// What it printed.
    pub fn printed(&self) -> String {
        self.process.stdout.text()
    }

    /// Sends a signal and goes on.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Kills it where it stands, as `kill -9` does.
    #[track_caller]
    pub fn kill_9(self) -> Stopped {
        self.signal(Signal::KILL);
        self.wait()
    }

    /// Asks it to stop, as an init system does.
    #[track_caller]
    pub fn terminate(self) -> Stopped {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Stopped {
        let status = self.process.wait();
        let (stdout, stderr) = (self.process.stdout.text(), self.process.stderr.text());
        Stopped { status, stdout, stderr, setup: self.setup.clone() }
    }
}

#[track_caller]
fn address_of(url: &str) -> SocketAddr {
    let address = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let address: SocketAddr = address.and_then(|text| text.parse().ok()).expect("a URL of an address");
    // A host that listens everywhere is reached here.
    if address.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address }
}
