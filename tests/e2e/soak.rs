//! An hour in small: decisions, tokens and management at once, while policies are published and keys rotated. Nothing errs, and what
//! the host holds in memory does not grow. `tests/soak [SECONDS]` runs it for longer, and holds it to more.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use harness::{Client, Host, Key, Node, Question, Request, in_parallel, stopwatch};
use serde_json::{Value, json};

/// How long, in seconds. Without it, long enough to show that it works.
const SECONDS: &str = "E2E_SOAK_SECONDS";
const A_MOMENT: u64 = 6;
/// From here on tail latency is compared as well.
const LONG: u64 = 1_800;
/// Windows that the time is cut into.
const WINDOWS: usize = 12;
/// Connections.
const CONNECTIONS: usize = 8;
/// Keys that each connection asks about in turn, so that none comes near its quota.
const KEYS: usize = 16;
/// What is done in a second beside decisions, so that no quota is met.
const TOKENS_A_SECOND: u64 = 2;
const ROTATIONS_A_SECOND: u64 = 4;
const READS_A_SECOND: u64 = 4;
const PUBLISHES_EACH_SECONDS: u64 = 2;
/// Policies that are published in turn: an upload that was there before is the same revision.
const POLICIES: usize = 4;
/// What memory may grow by between the middle and the end: what is kept for a minute or an hour, at an even pace, is still coming
/// together then.
const GROWTH: f64 = 1.25;
const BESIDES: u64 = 16 << 20;
/// What the tail may grow by over half an hour.
const LATER: f64 = 2.0;

/// What one connection saw in a window: how long each decision took, in microseconds.
type Window = Vec<u32>;

/// Work that is done at a pace: whoever comes by when it is due does it.
pub(super) struct Pace {
    done: AtomicU64,
    millis: u64,
}

impl Pace {
    pub(super) fn times_a_second(times: u64) -> Self {
        Self { done: AtomicU64::new(0), millis: 1_000 / times }
    }

    fn each_seconds(seconds: u64) -> Self {
        Self { done: AtomicU64::new(0), millis: 1_000 * seconds }
    }

    /// The number of the piece of work that falls to who asks now, if one does.
    pub(super) fn falls_due(&self, now: Duration) -> Option<u64> {
        let due = u64::try_from(now.as_millis()).unwrap_or(u64::MAX) / self.millis;
        let done = self.done.load(Ordering::Relaxed);
        let is_mine = done < due && self.done.compare_exchange(done, due, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_mine.then_some(due)
    }
}

#[expect(clippy::disallowed_methods, reason = "how long to go on is asked of the tester's environment, here alone")]
fn seconds() -> u64 {
    std::env::var(SECONDS).map_or(A_MOMENT, |seconds| seconds.parse().expect("E2E_SOAK_SECONDS is a number"))
}

/// Who does all of it over one connection to each process.
struct Worker<'a> {
    host: &'a Host,
    gateway: Client,
    operator: Client,
    anybody: Client,
    keys: Vec<Key>,
}

impl Worker<'_> {
    fn of(host: &Host) -> Worker<'_> {
        let identity = host.identity();
        Worker {
            host,
            gateway: host.client(Some(&identity.gateway_token)),
            operator: host.manager().client(Some(&identity.operator_token)),
            anybody: host.manager().client(None),
            keys: (0..KEYS).map(|_| host.issue("production", &["jobs:read"])).collect(),
        }
    }

    /// Asks about a key; how long that took.
    fn decide(&self, turn: usize, watch: &impl Fn() -> Duration) -> u32 {
        let question = Question::reads_jobs(&self.keys[turn % KEYS].secret);
        let began = watch();
        question.ask(&self.gateway).check_allow();
        u32::try_from((watch() - began).as_micros()).unwrap_or(u32::MAX)
    }

    /// Replaces a key, and asks about its successor from then on.
    fn rotate(&mut self, turn: usize) {
        let place = turn % KEYS;
        let path = self.host.key(&self.keys[place], "/rotate");
        self.keys[place] = Key::of(self.operator.post(&path, &json!({ "overlap_seconds": 0 })).check_json(201));
        self.host.wait_until_all_know();
    }

    /// Obtains a token, asks about it and ends it.
    fn use_a_token(&self) {
        let obtained = self.form("/oauth/token", "grant_type=client_credentials&scope=jobs:read");
        let token = obtained["access_token"].as_str().expect("a token");
        assert_eq!(self.form("/oauth/introspect", &format!("token={token}"))["active"], true);
        Question::reads_jobs(token).ask(&self.gateway).check_allow();
        self.form("/oauth/revoke", &format!("token={token}"));
    }

    fn form(&self, path: &str, fields: &str) -> Value {
        let client = &self.host.identity().client;
        let form = format!("{fields}&client_id={}&client_secret={}", client.client_id, client.client_secret);
        let request = Request::new("POST", path).body("application/x-www-form-urlencoded", form);
        let answered = self.anybody.send(&request);
        assert_eq!(answered.status, 200, "{answered:?}");
        serde_json::from_str(&answered.body).unwrap_or_default()
    }

    /// Looks at what people look at.
    fn read(&self) {
        for what in ["/keys?limit=20", "/audit?limit=20", "/policies", "/usage"] {
            self.operator.get(&self.host.workspace(what)).check_json(200);
        }
    }

    /// Publishes a policy that objects to nothing that is asked here.
    fn publish(&self, number: u64) {
        let code = format!("at_{}", number as usize % POLICIES);
        let upload = crate::policies::forbids_deleting(&code);
        let path = crate::policies::policy(self.host, "changing", "?publish=true");
        self.operator.put(&path, &upload).check_json(200);
    }
}

#[test]
fn nothing_errs_and_nothing_grows() {
    let (host, seconds) = (Host::dev(), seconds());
    let window = Duration::from_secs(seconds) / WINDOWS as u32;
    let [tokens, rotations, reads] = [TOKENS_A_SECOND, ROTATIONS_A_SECOND, READS_A_SECOND].map(Pace::times_a_second);
    let (publishes, looks) = (Pace::each_seconds(PUBLISHES_EACH_SECONDS), Pace::times_a_second(8));
    let workers = std::sync::Mutex::new((0..CONNECTIONS).map(|_| Worker::of(&host)).collect::<Vec<_>>());
    let watch = stopwatch();
    // By window: what was taken, and how much was in memory at each look.
    let all = in_parallel(CONNECTIONS, |_| {
        let mut worker = workers.lock().expect("no worker has failed").pop().expect("one for each");
        let (mut took, mut held) = (vec![Window::new(); WINDOWS], vec![Vec::new(); WINDOWS]);
        for turn in 0.. {
            let now = watch();
            let place = (now.as_micros() / window.as_micros()) as usize;
            if place >= WINDOWS {
                break;
            }
            if rotations.falls_due(now).is_some() {
                worker.rotate(turn);
            } else if tokens.falls_due(now).is_some() {
                worker.use_a_token();
            } else if reads.falls_due(now).is_some() {
                worker.read();
            } else if let Some(number) = publishes.falls_due(now) {
                worker.publish(number);
            } else if looks.falls_due(now).is_some() {
                held[place].push(host.nodes().iter().map(Node::resident_bytes).sum::<u64>());
            }
            took[place].push(worker.decide(turn, &watch));
        }
        (took, held)
    });
    let (took, held): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let (took, held) = (by_window(took), by_window(held));
    let tails: Vec<u32> = took.iter().map(|took| at(took, 99)).collect();
    let memory: Vec<u64> = held.iter().map(|held| at(held, 50)).collect();
    tell(window, &took, &tails, &memory);
    // Of a moment, in which a busy machine may stand still for a window, thirds are enough: those are compared.
    let parts = if seconds > A_MOMENT { WINDOWS } else { 3 };
    let is_seen = |part: usize| {
        let windows = part * WINDOWS / parts..(part + 1) * WINDOWS / parts;
        took[windows.clone()].iter().any(|took| !took.is_empty()) && held[windows].iter().any(|held| !held.is_empty())
    };
    assert!((0..parts).all(is_seen), "this machine is too slow to show anything");
    let thirds = |of: &[u64]| [at(&of[WINDOWS / 3..2 * WINDOWS / 3], 50), at(&of[2 * WINDOWS / 3..], 50)];
    let [middle, end] = thirds(&memory);
    assert!(end as f64 <= middle as f64 * GROWTH + BESIDES as f64, "from {middle} to {end} bytes in memory");
    if seconds >= LONG {
        let [middle, end] = thirds(&tails.iter().copied().map(u64::from).collect::<Vec<_>>());
        assert!(end as f64 <= middle as f64 * LATER, "p99 from {middle} to {end} microseconds");
    }
}

/// What all connections saw, window by window, sorted.
fn by_window<T: Ord>(all: Vec<Vec<Vec<T>>>) -> Vec<Vec<T>> {
    let mut windows: Vec<Vec<T>> = (0..WINDOWS).map(|_| Vec::new()).collect();
    for seen in all {
        windows.iter_mut().zip(seen).for_each(|(window, seen)| window.extend(seen));
    }
    windows.iter_mut().for_each(|window| window.sort_unstable());
    windows
}

/// So many hundredths of these are no larger; 0 where there are none.
fn at<T: Copy + Ord + Default>(of: &[T], hundredths: usize) -> T {
    let mut of = of.to_vec();
    of.sort_unstable();
    of.get(of.len() * hundredths / 100).or(of.last()).copied().unwrap_or_default()
}

/// Says how it went, past the test harness, which would keep it to itself.
fn tell(window: Duration, took: &[Window], tails: &[u32], memory: &[u64]) {
    let mut table = format!("| window of {window:?} | decisions | p50 | p99 | in memory |\n|---|---|---|---|---|\n");
    for (number, took) in took.iter().enumerate() {
        let (p50, p99, memory) = (at(took, 50), tails[number], memory[number] >> 20);
        table += &format!("| {} | {} | {p50} µs | {p99} µs | {memory} MiB |\n", number + 1, took.len());
    }
    std::io::stderr().write_all(table.as_bytes()).expect("it can be said");
}
