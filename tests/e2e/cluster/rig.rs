//! Three hosts on one Redis that is many servers.

use std::time::Duration;

use harness::setup::Identity;
use harness::{Asked, Client, Key, Node, Question, Redis, Reply, Response, Setup, ask_on, stopwatch};
use serde_json::{Value, json};

/// How long a host believes what it has heard.
pub(crate) const BOUND: Duration = Duration::from_secs(1);

/// The hosts.
pub(crate) struct Trio {
    nodes: Vec<Node>,
    identity: Identity,
    _setup: Setup,
}

/// A production key that may read jobs.
pub(crate) fn a_key() -> Value {
    json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] })
}

/// Whether a change is done, and no fail-over undoes it.
pub(crate) fn is_confirmed(response: &Response) -> bool {
    response.status == 200 && response.header("x-cronflow-confirmed").is_none()
}

/// Whether a server holds a key's slot, as it sees it.
pub(crate) fn holds(node: &Redis, key: &str) -> bool {
    let answered = node.commands(&[&["EXISTS", key]]);
    let is_primary = node.says(&["INFO", "replication"], "role:master");
    is_primary && answered.is_ok_and(|replies| matches!(replies.first(), Some(Reply::Number(_))))
}

impl Trio {
    /// Three dev hosts on the store at this URL.
    #[track_caller]
    pub(crate) fn on(url: &str) -> Self {
        Self::on_each([url; 3])
    }

    /// Three dev hosts on one store, each by a URL of its own.
    #[track_caller]
    pub(crate) fn on_each(urls: [&str; 3]) -> Self {
        let setup = Setup::dev().on_embedded();
        let start = |(number, url): (usize, &str)| {
            let setup = setup.clone().env("CRONFLOW_ACCESS_REDIS", url);
            setup.try_start_node(number).unwrap_or_else(|refused| panic!("{refused:?}"))
        };
        let nodes: Vec<_> = (1..).zip(urls).map(start).collect();
        let identity = nodes[0].identity().expect("a dev host tells who is who");
        Self { nodes, identity, _setup: setup }
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Somebody who changes things through one of the hosts.
    pub(crate) fn operator(&self, at: usize) -> Client {
        self.nodes[at].client(Some(&self.identity.operator_token))
    }

    /// Somebody who asks one of the hosts.
    pub(crate) fn gateway(&self, at: usize) -> Client {
        self.nodes[at].client(Some(&self.identity.gateway_token))
    }

    /// The path of the workspace, and what follows it.
    pub(crate) fn workspace(&self, then: &str) -> String {
        format!("/v1/workspaces/{}{then}", self.identity.workspace)
    }

    /// The path of a key, and what follows it.
    pub(crate) fn key(&self, key: &Key, then: &str) -> String {
        self.workspace(&format!("/keys/{}{then}", key.id))
    }

    /// A key in Redis that lies where the organization does.
    pub(crate) fn key_of_home(&self) -> String {
        format!("access:{{s{}}}:state", &self.identity.organization["org_".len()..][..2])
    }

    #[track_caller]
    pub(crate) fn issue(&self, at: usize) -> Key {
        Key::of(self.operator(at).post(&self.workspace("/keys"), &a_key()).check_json(201))
    }

    #[track_caller]
    pub(crate) fn issue_many(&self, count: usize) -> Vec<Key> {
        let operator = self.operator(0);
        let issue = |_| Key::of(operator.post(&self.workspace("/keys"), &a_key()).check_json(201));
        (0..count).map(issue).collect()
    }

    #[track_caller]
    pub(crate) fn revoke(&self, at: usize, key: &Key) -> Response {
        let response = self.operator(at).post(&self.key(key, "/revoke"), &json!({}));
        response.check_json(200);
        response
    }

    /// Waits until all hosts allow what a key may do.
    #[track_caller]
    pub(crate) fn wait_until_all_allow(&self, key: &Key) {
        for at in 0..self.nodes.len() {
            let question = Question::reads_jobs(&key.secret).request();
            ask_on(&self.gateway(at), &question, &stopwatch(), |asked| asked.came == harness::Came::Allow);
        }
    }

    /// Checks that no host lets a key do anything any more: those that can't say may take their time. What they said.
    #[track_caller]
    pub(crate) fn check_dead(&self, key: &Key) -> Vec<Asked> {
        let watch = stopwatch();
        let (began, question) = (watch(), Question::reads_jobs(&key.secret).from("198.51.100.7").request());
        let mut told = Vec::new();
        for at in 0..self.nodes.len() {
            let asked = ask_on(&self.gateway(at), &question, &watch, |asked| asked.came.is_deny("unauthenticated"));
            let allowed = asked.iter().rfind(|asked| asked.came == harness::Came::Allow);
            assert!(allowed.is_none_or(|asked| asked.sent <= began + BOUND), "host {at}: {allowed:?}");
            told.extend(asked);
        }
        told
    }

    /// Moves the dev clock forward, for all hosts.
    #[track_caller]
    pub(crate) fn advance(&self, seconds: u64) {
        for at in 0..self.nodes.len() {
            // A move by nothing brings a host up to where the first has moved the store's clock.
            let seconds = if at == 0 { seconds } else { 0 };
            self.operator(at).post("/v1/dev/clock", &json!({ "advance_seconds": seconds })).check_json(200);
        }
    }
}
