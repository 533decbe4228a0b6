//! A host that serves: one process on the embedded store, two on Redis. Talked to, stopped in either way, and started again.

use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::Arc;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::http::Client;
use crate::node::Node;
use crate::process::Output;
use crate::question::{Answer, Question};
pub use crate::setup::{Identity, Refused, Setup, temporary};
use crate::together::Together;

/// A running host. Dropped, it is killed.
///
/// On Redis it is two processes: what changes something goes to the first, what asks for a decision to the second, and who
/// has changed something goes on when the second has taken it in.
#[derive(Debug)]
pub struct Host {
    nodes: Vec<Node>,
    together: Option<Arc<Together>>,
    identity: Identity,
    operator: Client,
    gateway: Client,
    setup: Setup,
}

/// A host that was stopped, with its data.
#[derive(Debug)]
pub struct Stopped {
    /// How it ended; of two processes, how the one ended that did not end well.
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
    pub(crate) fn over(nodes: Vec<Node>, mut setup: Setup) -> Self {
        let mut identity = setup.identity.clone().expect("a host that serves was set up");
        let together = setup.redis_if_any().map(|_| Arc::new(Together::of(&nodes, &setup)));
        let client = |node: &Node, token: &str| node.client(Some(token)).that_keeps(together.clone());
        let operator = client(&nodes[0], &identity.operator_token);
        if identity.gateway_token.is_empty() {
            let body = json!({ "name": "e2e", "organizations": [identity.organization], "environments": ["*"] });
            let issued = operator.post("/v1/gateways", &body).check_json(201);
            identity.gateway_token = issued["secret"].as_str().expect("a secret").to_owned();
            setup.identity = Some(identity.clone());
        }
        let gateway = client(&nodes[nodes.len() - 1], &identity.gateway_token);
        Self { nodes, together, identity, operator, gateway, setup }
    }

    /// Its processes: one on the embedded store, two on Redis. What is changed through a client of theirs is waited for by
    /// nobody.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The process that changes things.
    pub fn manager(&self) -> &Node {
        &self.nodes[0]
    }

    /// The process that decides.
    pub fn decider(&self) -> &Node {
        &self.nodes[self.nodes.len() - 1]
    }

    /// Waits until each process has taken in what was changed through another.
    #[track_caller]
    pub fn wait_until_all_know(&self) {
        if let Some(together) = &self.together {
            together.wait();
        }
    }

    /// Who and what it knows from its beginning.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How it was started.
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Its base URL; of two processes, the deciding one's.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.decider().address()
    }

    /// Somebody who presents `bearer`.
    pub fn client(&self, bearer: Option<&str>) -> Client {
        self.decider().client(bearer).that_keeps(self.together.clone())
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
        Client::new(self.decider().metrics(), bearer)
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

    /// The same, until it can be decided.
    #[track_caller]
    pub fn decide_patiently(&self, question: &Question) -> Answer {
        question.ask_patiently(&self.gateway)
    }

    /// The value of a metric: its name, with its labels if it has any. 0 when it was never counted.
    #[track_caller]
    pub fn metric(&self, name: &str) -> u64 {
        value(&self.scrape(), name)
    }

    /// The same over all its processes: of what either of them does by itself.
    #[track_caller]
    pub fn metric_of_all(&self, name: &str) -> u64 {
        let of = |node: &Node| value(&Client::new(node.metrics(), None).get("/metrics").body, name);
        self.nodes.iter().map(of).sum()
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
        for node in &self.nodes[1..] {
            // A move by nothing brings it up to where the first has moved the store's clock.
            let operator = node.client(Some(&self.identity.operator_token));
            operator.post("/v1/dev/clock", &json!({ "advance_seconds": 0 })).check_json(200);
        }
    }

    /// Sets the workspace's allow-list; null lifts it.
    #[track_caller]
    pub fn allow_from(&self, ip_allow: &Value) {
        self.operator.put(&self.workspace("/network"), &json!({ "ip_allow": ip_allow })).check_json(200);
    }

    /// What it logs.
    pub fn log(&self) -> &Output {
        self.decider().log()
    }

    /// Standard output, as it comes.
    pub fn standard_output(&self) -> &Output {
        self.decider().standard_output()
    }

    /// What it printed.
    pub fn printed(&self) -> String {
        self.standard_output().text()
    }

    /// Sends a signal and goes on.
    pub fn signal(&self, signal: Signal) {
        for node in &self.nodes {
            node.signal(signal);
        }
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
        let statuses: Vec<_> = self.nodes.iter_mut().map(Node::wait).collect();
        let status = statuses.iter().find(|status| !status.success()).unwrap_or(&statuses[0]);
        let all = |output: fn(&Node) -> &Output| self.nodes.iter().map(|node| output(node).text()).collect();
        let (stdout, stderr) = (all(Node::standard_output), all(Node::log));
        Stopped { status: *status, stdout, stderr, setup: self.setup.clone() }
    }
}

#[track_caller]
fn value(metrics: &str, name: &str) -> u64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().expect("a number"))
}
