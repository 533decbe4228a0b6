//! Three hosts on one Redis that is many servers.

use std::io;
use std::time::Duration;

use harness::process::PATIENCE;
use harness::setup::Identity;
use harness::{
    Asked, Client, Key, Node, Question, Redis, Reply, Request, Response, Setup, ask_on, stopwatch, wait_for,
};
use serde_json::{Value, json};

/// How long a host believes what it has heard.
pub(crate) const BOUND: Duration = Duration::from_secs(1);

/// The hosts.
pub(crate) struct Trio {
    nodes: Vec<Node>,
    identity: Identity,
    /// How long they believe what they have heard.
    bound: Duration,
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

    /// The same, who believe so long what they have heard.
    #[track_caller]
    pub(crate) fn who_believe_for(bound: Duration, url: &str) -> Self {
        let setup = Setup::dev().on_embedded().env("CRONFLOW_ACCESS_FRESHNESS_MS", &bound.as_millis().to_string());
        Self::of(setup, bound, [url; 3])
    }

    /// Three dev hosts on one store, each by a URL of its own.
    #[track_caller]
    pub(crate) fn on_each(urls: [&str; 3]) -> Self {
        Self::of(Setup::dev().on_embedded(), BOUND, urls)
    }

    #[track_caller]
    fn of(setup: Setup, bound: Duration, urls: [&str; 3]) -> Self {
        // Servers on a busy machine may not be ready for them, though they were a moment ago.
        let is_busy = |told: &str| told.contains("can't use Redis") || told.contains("refuses to be written to");
        let start = |(number, url): (usize, &str)| {
            let setup = setup.clone().env("CRONFLOW_ACCESS_REDIS", url);
            wait_for(PATIENCE, "a host starts", || {
                let started = setup.try_start_node(number);
                assert!(!started.as_ref().is_err_and(|refused| !is_busy(&refused.stderr)), "{started:?}");
                started.ok()
            })
        };
        let nodes: Vec<_> = (1..).zip(urls).map(start).collect();
        let identity = nodes[0].identity().expect("a dev host tells who is who");
        Self { nodes, identity, bound, _setup: setup }
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

    /// A new key; none while the store is out of reach.
    #[track_caller]
    pub(crate) fn try_issue(&self, operator: &Client) -> Option<Key> {
        let answered = operator.try_send(&Request::new("POST", &self.workspace("/keys")).json(&a_key())).ok()?;
        (answered.status != 503).then(|| Key::of(answered.check_json(201)))
    }

    /// A new key, as soon as there is one.
    #[track_caller]
    pub(crate) fn issue(&self, at: usize) -> Key {
        let operator = self.operator(at);
        wait_for(PATIENCE, "a key is issued", || self.try_issue(&operator))
    }

    #[track_caller]
    pub(crate) fn issue_many(&self, count: usize) -> Vec<Key> {
        let operator = self.operator(0);
        (0..count).map(|_| wait_for(PATIENCE, "a key is issued", || self.try_issue(&operator))).collect()
    }

    /// A key that was allowed by all, and then revoked, which was confirmed at once; where it was not, another key.
    #[track_caller]
    pub(crate) fn revoked(&self) -> Key {
        wait_for(PATIENCE, "a revocation is confirmed", || {
            let key = self.issue(1);
            self.wait_until_all_allow(&key);
            self.try_revoke(&self.operator(2), &key).is_ok_and(|told| is_confirmed(&told)).then_some(key)
        })
    }

    pub(crate) fn try_revoke(&self, operator: &Client, key: &Key) -> io::Result<Response> {
        operator.try_send(&Request::new("POST", &self.key(key, "/revoke")).json(&json!({})))
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
            assert!(allowed.is_none_or(|asked| asked.sent <= began + self.bound), "host {at}: {allowed:?}");
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
