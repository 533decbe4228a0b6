//! Asking for a decision, and checking what was decided.

use serde_json::{Value, json};

use crate::asking::wait_until;
use crate::http::{Client, Request};

/// A question about a presented secret.
#[derive(Debug, Clone)]
pub struct Question(Value);

impl Question {
    /// Nothing but the secret, yet.
    pub fn of(secret: &str) -> Self {
        Self(json!({ "credential": secret }))
    }

    /// What every kind of key with `jobs:read` may do everywhere but in production: reading jobs in `staging`.
    pub fn reads_jobs(secret: &str) -> Self {
        Self::of(secret).to("GET /v1/jobs").within("staging")
    }

    /// States method and path, as `GET /v1/jobs`.
    #[must_use]
    #[track_caller]
    pub fn to(self, route: &str) -> Self {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        self.with("request", "method", json!(method)).with("request", "path", json!(path))
    }

    /// States an action.
    #[must_use]
    pub fn action(mut self, action: &str) -> Self {
        self.0["action"] = json!(action);
        self
    }

    /// States the environment.
    #[must_use]
    pub fn within(self, environment: &str) -> Self {
        self.with("request", "environment", json!(environment))
    }

    /// States the client's address.
    #[must_use]
    pub fn from(self, ip: &str) -> Self {
        self.with("request", "ip", json!(ip))
    }

    /// States the resource's workspace: an id or a name.
    #[must_use]
    pub fn in_workspace(self, workspace: &str) -> Self {
        self.with("resource", "workspace", json!(workspace))
    }

    /// States a free attribute of the question.
    #[must_use]
    pub fn context(self, name: &str, value: Value) -> Self {
        self.with("context", name, value)
    }

    fn with(mut self, part: &str, field: &str, value: Value) -> Self {
        self.0[part][field] = value;
        self
    }

    /// The body of the request.
    pub const fn body(&self) -> &Value {
        &self.0
    }

    /// The request.
    pub fn request(&self) -> Request {
        Request::new("POST", "/v1/authorize").json(&self.0)
    }

    /// Asks.
    #[track_caller]
    pub fn ask(&self, asker: &Client) -> Answer {
        Answer::of(asker.send(&self.request()).check_json(200))
    }

    /// Asks until it can be decided: while the store is not heard or the machine has no time for the policies, the answer says to
    /// try again.
    #[track_caller]
    pub fn ask_patiently(&self, asker: &Client) -> Answer {
        let mut answer = self.ask(asker);
        wait_until("it can be decided", || {
            if !answer.says_to_try_again() {
                return true;
            }
            answer = self.ask(asker);
            false
        });
        answer
    }
}

/// A decision.
#[derive(Debug, Clone)]
pub struct Answer(pub Value);

impl Answer {
    /// Reads one, having checked that it is consistent in itself.
    #[track_caller]
    pub fn of(answer: Value) -> Self {
        let this = Self(answer);
        let answer = &this.0;
        assert!(answer["decision_id"].is_string() && answer["policy_revision"].is_u64(), "{answer}");
        assert!(answer["set_digest"].as_str().is_some_and(|digest| digest.len() == 64), "{answer}");
        match answer["decision"].as_str() {
            Some("allow") => {
                assert_eq!(answer["status"], 200, "{answer}");
                assert!(this.codes().is_empty(), "{answer}");
            }
            Some("deny") => {
                let status = match this.codes().first().map(String::as_str) {
                    Some("unauthenticated") => 401,
                    Some("rate_limited") => 429,
                    Some("store_unavailable" | "policy_unavailable" | "policy_overloaded") => 503,
                    Some(_) => 403,
                    None => panic!("a denial says why: {answer}"),
                };
                assert_eq!(answer["status"], status, "{answer}");
            }
            _ => panic!("neither allow nor deny: {answer}"),
        }
        this
    }

    /// Whether it was allowed.
    pub fn is_allow(&self) -> bool {
        self.0["decision"] == "allow"
    }

    /// Whether it says nothing of the request, and to come again.
    pub fn says_to_try_again(&self) -> bool {
        matches!(self.codes().first().map(String::as_str), Some("store_unavailable" | "policy_overloaded"))
    }

    /// The codes of all reasons, in their order.
    pub fn codes(&self) -> Vec<String> {
        let reasons = self.0["reasons"].as_array().expect("reasons are a list");
        reasons.iter().map(|reason| reason["code"].as_str().expect("a code").to_owned()).collect()
    }

    /// What is left of the quota.
    #[track_caller]
    pub fn remaining(&self) -> u64 {
        self.0["quota"]["remaining"].as_u64().expect("a quota")
    }

    /// Digest of what decided.
    pub fn set_digest(&self) -> &str {
        self.0["set_digest"].as_str().expect("a digest")
    }

    /// Checks that it was allowed.
    #[track_caller]
    pub fn check_allow(&self) -> &Self {
        assert!(self.is_allow(), "{}", self.0);
        self
    }

    /// Checks that it was denied for these reasons and no others, in whatever order.
    #[track_caller]
    pub fn check_deny(&self, codes: &[&str]) -> &Self {
        let mut found = self.codes();
        found.sort();
        let mut expected = codes.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{}", self.0);
        for reason in self.0["reasons"].as_array().into_iter().flatten() {
            assert!(reason["message"].as_str().is_some_and(|message| !message.is_empty()), "{}", self.0);
        }
        self
    }

    /// Checks that it identified nobody, and told nothing else.
    #[track_caller]
    pub fn check_unauthenticated(&self) -> &Self {
        self.check_deny(&["unauthenticated"]);
        assert!(self.0.get("principal").is_none() && self.0.get("quota").is_none(), "{}", self.0);
        self
    }

    /// Checks that the quota was exhausted, and that it says when to come back.
    #[track_caller]
    pub fn check_rate_limited(&self, limit: u64) -> &Self {
        self.check_deny(&["rate_limited"]);
        let quota = &self.0["quota"];
        assert_eq!(quota["limit"], limit, "{}", self.0);
        assert_eq!(quota["remaining"], 0, "{}", self.0);
        assert!(quota["reset_seconds"].as_u64().is_some_and(|seconds| (1..=61).contains(&seconds)), "{}", self.0);
        self
    }
}
