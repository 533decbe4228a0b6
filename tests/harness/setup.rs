//! How a host is to be started: which way, over which data, with which settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use serde::Deserialize;
use tempfile::TempDir;

use crate::cli::Ran;
use crate::host::Host;
use crate::node::Node;
use crate::people::Person;
use crate::process::{product, product_at};
use crate::proxy::Proxy;
use crate::redis::Redis;

/// Names the store of the whole suite: `embedded`, as when it is not set, or `redis`.
const STORE: &str = "E2E_STORE";

/// How a host is to be started. Clones share the data.
#[derive(Debug, Clone)]
pub struct Setup {
    dev: bool,
    args: Vec<String>,
    env: Vec<(String, String)>,
    pub(crate) identity: Option<Identity>,
    owner: Option<String>,
    proxy: Option<Arc<Proxy>>,
    is_all_behind_proxy: bool,
    through: Vec<String>,
    binary: Option<PathBuf>,
    redis: Option<Arc<Redis>>,
    // The last to go: the others lie in it.
    folder: Arc<TempDir>,
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
    /// After `init` with an owner: where they set up their account.
    #[serde(default)]
    pub setup_link: String,
    /// Bound to the organization, in every environment.
    #[serde(default)]
    pub gateway_token: String,
    /// On a dev host: a key of each kind.
    #[serde(default)]
    pub keys: BTreeMap<String, String>,
    /// On a dev host: an OAuth2 client.
    #[serde(default)]
    pub client: ClientIdentity,
    /// On a dev host: the organization's owner.
    #[serde(default)]
    pub owner: Person,
}

/// A client's id and secret.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ClientIdentity {
    /// Public id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

/// A host that ended instead of serving.
#[derive(Debug)]
pub struct Refused {
    /// How it ended.
    pub status: ExitStatus,
    /// What it said.
    pub stderr: String,
}

impl Setup {
    /// A dev host, with its demo.
    pub fn dev() -> Self {
        let setup = Self {
            dev: true,
            args: Vec::new(),
            env: Vec::new(),
            identity: None,
            owner: None,
            proxy: None,
            is_all_behind_proxy: false,
            through: Vec::new(),
            binary: None,
            redis: None,
            folder: Arc::new(temporary()),
        };
        if suite_is_on_redis() { setup.on_redis() } else { setup }
    }

    /// A real host, not set up yet.
    pub fn real() -> Self {
        Self { dev: false, ..Self::dev() }
    }

    /// On a redis-server of its own, served by two processes.
    #[must_use]
    pub fn on_redis(mut self) -> Self {
        if self.redis.is_none() {
            self.redis = Some(Arc::new(Redis::start_somewhere()));
        }
        self
    }

    /// On the embedded store, whatever the suite is on.
    #[must_use]
    pub fn on_embedded(self) -> Self {
        Self { redis: None, proxy: None, ..self }
    }

    /// On a redis-server of its own, which the second process reaches through a proxy.
    #[must_use]
    pub fn on_redis_through_proxy(self) -> Self {
        let setup = self.on_redis();
        Self { proxy: Some(Arc::new(Proxy::before(setup.redis().address()))), ..setup }
    }

    /// Likewise, and so does the first.
    #[must_use]
    pub fn on_redis_all_through_proxy(self) -> Self {
        Self { is_all_behind_proxy: true, ..self.on_redis_through_proxy() }
    }

    /// Whose processes are not killed for writing beyond what [`Node::limit_files`] allows: the write fails, as on a disk that is
    /// full.
    #[must_use]
    pub fn that_outlives_limits(self) -> Self {
        // What is ignored is inherited.
        self.through(["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
    }

    /// Whose processes are started through a command that becomes them, such as `taskset -c 0`; none: by themselves.
    #[must_use]
    pub fn through<S: Into<String>>(self, command: impl IntoIterator<Item = S>) -> Self {
        Self { through: command.into_iter().map(Into::into).collect(), ..self }
    }

    /// Run by another build, such as that of another release; none: by the one under test.
    #[must_use]
    pub fn run_by(self, binary: Option<&Path>) -> Self {
        Self { binary: binary.map(Path::to_owned), ..self }
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
        self.identity = Some(serde_json::from_value(self.init().check_json(0)).expect("init says who is who"));
        self
    }

    /// Runs `init` for `acme` and its workspace `main`.
    pub fn init(&self) -> Ran {
        let mut command = self.product();
        command.args(["init", "--organization", "acme", "--workspace", "main", "--output", "json"]);
        command.arg("--data-dir").arg(self.data_dir());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(owner) = &self.owner {
            command.args(["--owner", owner]);
        }
        if let Some(redis) = &self.redis {
            command.args(["--redis", &url_of(redis.address())]);
        }
        Ran::of(&mut command)
    }

    /// Has `init` invite the first owner.
    #[must_use]
    pub fn owned_by(self, email: &str) -> Self {
        Self { owner: Some(email.to_owned()), ..self }
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

    /// The same without what was said of the environment so far.
    #[must_use]
    pub fn without_env(self) -> Self {
        Self { env: Vec::new(), ..self }
    }

    /// A command with its environment and data folder, not yet run.
    pub fn command(&self, name: &str) -> Command {
        let mut command = self.product();
        command.arg(name).arg("--data-dir").arg(self.data_dir());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Who and what `init` made.
    #[track_caller]
    pub fn identity(&self) -> &Identity {
        self.identity.as_ref().expect("this setup is initialized")
    }

    /// A folder for whatever a test needs besides.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder: the embedded store, if that serves, and the root key.
    pub fn data_dir(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// All folders in which data is kept.
    pub fn data_places(&self) -> Vec<PathBuf> {
        let of_redis = self.redis.iter().map(|redis| redis.folder().to_owned());
        [self.data_dir()].into_iter().chain(of_redis).collect()
    }

    /// The URL of its redis-server, if it is on one.
    pub fn redis_url(&self) -> Option<String> {
        self.redis.as_ref().map(|redis| url_of(redis.address()))
    }

    /// Its redis-server.
    #[track_caller]
    pub fn redis(&self) -> &Arc<Redis> {
        self.redis.as_ref().expect("this setup is on Redis")
    }

    /// What stands between the second process and the redis-server.
    #[track_caller]
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("this setup has a proxy")
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
        let processes = if self.redis.is_some() { 2 } else { 1 };
        let mut nodes = Vec::new();
        for number in 1..=processes {
            nodes.push(self.try_start_node(number)?);
        }
        if let Some(told) = nodes.iter().find_map(Node::identity) {
            self.identity = Some(told);
        }
        Ok(Host::over(nodes, self))
    }

    /// Starts one process more on the same data. The second is the one behind the proxy, if there is a proxy.
    ///
    /// # Errors
    /// Its last words.
    #[track_caller]
    pub fn try_start_node(&self, number: usize) -> Result<Node, Refused> {
        self.try_start_node_at(number, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The same at an address that is stated, such as the one where a process was before.
    ///
    /// # Errors
    /// Its last words.
    #[track_caller]
    pub fn try_start_node_at(&self, number: usize, address: SocketAddr) -> Result<Node, Refused> {
        let ready_file =
            self.folder().join(if number == 1 { "ready.json".into() } else { format!("ready-{number}.json") });
        let mut command = self.product();
        command.args(["serve", "--listen", &address.to_string(), "--log-format", "json"]);
        command.arg("--data-dir").arg(self.data_dir()).arg("--ready-file").arg(&ready_file);
        if let Some(redis) = &self.redis {
            let proxy = self.proxy.as_ref().filter(|_| number == 2 || self.is_all_behind_proxy);
            command.args(["--redis", &url_of(proxy.map_or(redis.address(), |proxy| proxy.address()))]);
        }
        if self.dev {
            command.arg("--dev");
        }
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        if let [by, args @ ..] = self.through.as_slice() {
            command = started_by(by, args, &command);
        }
        Node::try_start(&mut command, ready_file, self.dev)
    }

    fn product(&self) -> Command {
        self.binary.as_deref().map_or_else(product, product_at)
    }

    /// The bearer of the metrics listener, if it asks for one.
    pub(crate) fn metrics_token(&self) -> Option<&str> {
        let named = |(name, value): &'_ &(String, String)| name == "CRONFLOW_ACCESS_METRICS_TOKEN" && !value.is_empty();
        self.env.iter().find(named).map(|(_, value)| value.as_str())
    }

    pub(crate) const fn redis_if_any(&self) -> Option<&Arc<Redis>> {
        self.redis.as_ref()
    }
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

/// A folder that goes when it is dropped.
pub fn temporary() -> TempDir {
    tempfile::Builder::new().prefix("cronflow-access-e2e-").tempdir().expect("there is room for a folder")
}

/// The same command, started by another that becomes it.
fn started_by(by: &str, args: &[String], command: &Command) -> Command {
    let mut started = Command::new(by);
    started.args(args).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => started.env(name, value),
            None => started.env_remove(name),
        };
    }
    started.stdin(Stdio::null());
    started
}

fn url_of(redis: SocketAddr) -> String {
    format!("redis://{redis}")
}

#[expect(
    clippy::disallowed_methods,
    reason = "which store to test on is asked of the tester's environment, here alone"
)]
fn suite_is_on_redis() -> bool {
    match std::env::var(STORE).as_deref() {
        Err(_) | Ok("" | "embedded") => false,
        Ok("redis") => true,
        Ok(other) => panic!("{STORE}=`{other}`: it is `embedded` or `redis`"),
    }
}
