//! What clients do, through nginx, on and on. Nothing of it may fail.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use harness::{AtEnd, Balancer, Client, Count, Key, Question, Request, stopwatch};
use serde_json::{Value, json};

use crate::soak::Pace;

/// Connections.
const CONNECTIONS: usize = 6;
/// Keys that each of them asks about in turn, so that none comes near its quota.
const KEYS: usize = 8;
/// Policies that are published in turn: an upload that was there before is the same revision.
const POLICIES: u64 = 4;
/// Questions that make up a round, and how often all else is done in one.
const QUESTIONS: usize = 300;
const TIMES: usize = 2;
/// Failures that are shown, if there are any.
const SHOWN: usize = 10;

/// Who does it, and where.
#[derive(Debug)]
pub(super) struct Parties {
    /// Path of the workspace.
    pub(super) workspace: String,
    /// Secret of an operator.
    pub(super) operator: String,
    /// Secret of a gateway.
    pub(super) gateway: String,
    /// Id and secret of an OAuth2 client, as they stand in a form.
    pub(super) client: String,
}

/// All of it.
pub(super) struct Load<'a> {
    nginx: &'a Balancer,
    parties: &'a Parties,
    questions: Count,
    introspections: Task,
    tokens: Task,
    issues: Task,
    rotations: Task,
    publishes: Task,
    sent: AtomicUsize,
    failed: Mutex<Vec<String>>,
    /// Read by whoever changes something; written by whoever wants that nobody does.
    changing: RwLock<()>,
    is_over: AtomicBool,
}

/// What is done at a pace, so that no quota is met.
struct Task {
    pace: Pace,
    done: Count,
}

/// What became of keys.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// They live.
    pub(super) living: Vec<Key>,
    /// Others have taken their places.
    pub(super) replaced: Vec<Key>,
}

/// Who does all of it, one thing after the other.
struct Worker<'a> {
    load: &'a Load<'a>,
    operator: Client,
    gateway: Client,
    anybody: Client,
    token: String,
    keys: Vec<Key>,
    books: Books,
}

impl Task {
    fn times_a_second(times: u64) -> Self {
        Self { pace: Pace::times_a_second(times), done: Count::default() }
    }

    fn falls_due(&self, now: Duration) -> Option<u64> {
        self.pace.falls_due(now)
    }
}

impl<'a> Load<'a> {
    pub(super) fn new(nginx: &'a Balancer, parties: &'a Parties) -> Self {
        Self {
            nginx,
            parties,
            questions: Count::default(),
            introspections: Task::times_a_second(20),
            tokens: Task::times_a_second(2),
            issues: Task::times_a_second(2),
            rotations: Task::times_a_second(4),
            publishes: Task::times_a_second(1),
            sent: AtomicUsize::new(0),
            failed: Mutex::default(),
            changing: RwLock::default(),
            is_over: AtomicBool::new(false),
        }
    }

    /// Goes on until `steps` are done; what became of keys.
    pub(super) fn under(&self, steps: impl FnOnce()) -> Books {
        let watch = &stopwatch();
        let workers: Vec<_> = (0..CONNECTIONS).map(|_| Worker::of(self)).collect();
        std::thread::scope(|scope| {
            let end = AtEnd(&self.is_over);
            let working: Vec<_> = (0..)
                .zip(workers)
                .map(|(number, worker)| scope.spawn(move || worker.work(number == 0, watch)))
                .collect();
            steps();
            drop(end);
            let all = working.into_iter().map(|thread| thread.join().expect("nobody fails otherwise than in a book"));
            all.fold(Books::default(), Books::and)
        })
    }

    /// Waits until all of it was done again.
    #[track_caller]
    pub(super) fn wait_for_a_round(&self) {
        let tasks = [
            (&self.tokens, "tokens are obtained"),
            (&self.issues, "keys are issued"),
            (&self.rotations, "keys are rotated"),
            (&self.publishes, "policies are published"),
        ];
        let tasks = tasks.map(|(task, what)| (task, task.done.so_far() + TIMES, what));
        self.wait_for_questions();
        for (task, many, what) in tasks {
            task.done.wait_for(many, what);
        }
    }

    /// Waits until what changes nothing was done again.
    #[track_caller]
    pub(super) fn wait_for_questions(&self) {
        let introspections = self.introspections.done.so_far() + TIMES;
        self.questions.wait_for(self.questions.so_far() + QUESTIONS, "questions are asked");
        self.introspections.done.wait_for(introspections, "tokens are asked about");
    }

    /// Does this while nobody changes anything; questions go on.
    pub(super) fn while_nobody_changes(&self, work: impl FnOnce()) {
        let _nobody = self.changing.write().unwrap_or_else(PoisonError::into_inner);
        work();
    }

    /// Checks that nothing failed; how many requests that was.
    #[track_caller]
    pub(super) fn check_nothing_failed(&self) -> usize {
        let (failed, sent) = (self.failures(), self.sent.load(Ordering::Relaxed));
        let shown = &failed[..failed.len().min(SHOWN)];
        assert!(failed.is_empty(), "{} of {sent} requests failed: {shown:#?}", failed.len());
        sent
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a failure.
    fn fail(&self, what: &str, why: &str) {
        self.failures().push(format!("{what}: {why}"));
    }
}

impl Books {
    fn and(mut self, other: Self) -> Self {
        self.living.extend(other.living);
        self.replaced.extend(other.replaced);
        self
    }
}

impl<'a> Worker<'a> {
    /// One with a token and keys of its own.
    fn of(load: &'a Load<'a>) -> Self {
        let Parties { operator, gateway, .. } = load.parties;
        let client = |bearer: &str| load.nginx.client(Some(bearer));
        let (operator, gateway, anybody) = (client(operator), client(gateway), load.nginx.client(None));
        let (token, keys, books) = (String::new(), Vec::new(), Books::default());
        let mut this = Self { load, operator, gateway, anybody, token, keys, books };
        this.token = this.obtain().expect("a token to begin with");
        this.keys = (0..KEYS).map(|_| this.issue().expect("a key to begin with")).collect();
        this
    }

    fn work(mut self, publishes: bool, watch: &impl Fn() -> Duration) -> Books {
        let load = self.load;
        for turn in 0.. {
            if load.is_over.load(Ordering::Relaxed) {
                break;
            }
            let now = watch();
            if let Ok(_changes) = load.changing.try_read() {
                self.change(turn, now, publishes);
            }
            if load.introspections.falls_due(now).is_some() {
                self.introspect(&self.token);
                self.ask(&self.token);
                load.introspections.done.add_one();
            }
            self.ask(&self.keys[turn % KEYS].secret);
        }
        self.books.living.extend(self.keys);
        self.books
    }

    /// Does what falls due of what changes something.
    fn change(&mut self, turn: usize, now: Duration, publishes: bool) {
        let load = self.load;
        if load.rotations.falls_due(now).is_some() {
            self.rotate(turn % KEYS);
            load.rotations.done.add_one();
        } else if load.issues.falls_due(now).is_some() {
            let issued = self.issue();
            // Whichever host is asked about it, it is known there.
            issued.iter().for_each(|key| self.ask(&key.secret));
            self.books.living.extend(issued);
            load.issues.done.add_one();
        } else if load.tokens.falls_due(now).is_some() {
            self.use_a_token();
            load.tokens.done.add_one();
        } else if publishes && let Some(number) = load.publishes.falls_due(now) {
            self.publish(number);
            load.publishes.done.add_one();
        }
    }

    /// Asks about a secret that may read jobs.
    fn ask(&self, secret: &str) {
        let what = "a question";
        let answer = self.send(what, &self.gateway, &Question::reads_jobs(secret).request(), 200);
        if let Some(answer) = answer
            && answer["decision"] != "allow"
        {
            self.load.fail(what, &answer.to_string());
        }
        self.load.questions.add_one();
    }

    /// Asks about a token that lives.
    fn introspect(&self, token: &str) {
        let answer = self.form("/oauth/introspect", &format!("token={token}"));
        if let Some(answer) = answer
            && answer["active"] != true
        {
            self.load.fail("an introspection", &answer.to_string());
        }
    }

    /// Replaces a key, and asks about its successor from then on.
    fn rotate(&mut self, place: usize) {
        let path = format!("{}/keys/{}/rotate", self.load.parties.workspace, self.keys[place].id);
        let rotate = Request::new("POST", &path).json(&json!({ "overlap_seconds": 0 }));
        if let Some(successor) = self.send("a rotation", &self.operator, &rotate, 201) {
            let replaced = std::mem::replace(&mut self.keys[place], Key::of(successor));
            self.books.replaced.push(replaced);
        }
    }

    fn issue(&self) -> Option<Key> {
        let path = format!("{}/keys", self.load.parties.workspace);
        let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
        self.send("an issue", &self.operator, &Request::new("POST", &path).json(&body), 201).map(Key::of)
    }

    /// Obtains a token, asks about it and ends it.
    fn use_a_token(&self) {
        if let Some(token) = self.obtain() {
            self.introspect(&token);
            self.ask(&token);
            self.form("/oauth/revoke", &format!("token={token}"));
        }
    }

    fn obtain(&self) -> Option<String> {
        let answer = self.form("/oauth/token", "grant_type=client_credentials&scope=jobs:read")?;
        Some(answer["access_token"].as_str()?.to_owned())
    }

    /// Publishes a policy that objects to nothing that is asked here.
    fn publish(&self, number: u64) {
        let upload = crate::policies::forbids_deleting(&format!("at_{}", number % POLICIES));
        let path = format!("{}/policies/changing?publish=true", self.load.parties.workspace);
        self.send("a policy", &self.operator, &Request::new("PUT", &path).json(&upload), 200);
    }

    fn form(&self, path: &str, fields: &str) -> Option<Value> {
        let form = format!("{fields}&{}", self.load.parties.client);
        let request = Request::new("POST", path).body("application/x-www-form-urlencoded", form);
        self.send(path, &self.anybody, &request, 200)
    }

    /// Sends a request that must be answered so, once; the answer, if it was. What came otherwise is a failure.
    fn send(&self, what: &str, asker: &Client, request: &Request, status: u16) -> Option<Value> {
        self.load.sent.fetch_add(1, Ordering::Relaxed);
        match asker.try_send(request) {
            Ok(answer) if answer.status == status => Some(serde_json::from_str(&answer.body).unwrap_or_default()),
            Ok(answer) => {
                self.load.fail(what, &format!("{answer:?}"));
                None
            }
            Err(error) => {
                self.load.fail(what, &format!("no answer: {error}"));
                None
            }
        }
    }
}
