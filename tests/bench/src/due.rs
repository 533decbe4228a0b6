//! What due work costs where much is kept and little is due: calls of the store, and time. `tests/bench/due` says what the rows
//! mean. The store is the one in memory, so that time is what the host does, and calls are what any store would be asked.
//!
//! `due ORGANIZATIONS KEYS`

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock, prints, and ends where it can't be made"
)]

#[path = "../../../host/authority/tests/decide/stock.rs"]
mod stock;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs};

use access_authority::lifecycle::Installation;
use access_authority::lifecycle::demo::{Demo, demo};
use access_authority::lifecycle::root_key::RootKey;
use access_authority::policies::Policies;
use access_authority::{Authority, World};
use access_engine::{Compiler, Limits, Sandbox};
use access_model::clock::ManualClock;
use access_model::entropy::SystemEntropy;
use access_model::{Catalog, Clock, Shard, Timestamp};
use access_store::{
    Commit, CommitError, Committed, IndexEntry, LogEntry, Memory, Metered, Range, Record, Store, StoreError, Watcher,
};
use stock::Owner;

const CATALOG: &str = include_str!("../../../policies/catalog.toml");
/// A tick looks at a quarter of the shards.
const TURN: usize = 4;
const ROUNDS: usize = 5;

/// A store that counts what it is asked.
#[derive(Debug)]
struct Counting {
    inner: Memory,
    reads: AtomicU64,
    commits: AtomicU64,
}

#[async_trait::async_trait]
impl Store for Counting {
    fn shards(&self) -> u8 {
        self.inner.shards()
    }

    async fn read(&self, shard: Shard, keys: &[String]) -> Result<Vec<Option<Record>>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read(shard, keys).await
    }

    async fn range(&self, shard: Shard, range: Range) -> Result<Vec<IndexEntry>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.range(shard, range).await
    }

    async fn log(
        &self,
        shard: Shard,
        log: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.log(shard, log, before, limit).await
    }

    async fn counters(&self, shard: Shard, group: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.counters(shard, group).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.inner.commit(commit).await
    }

    async fn sweep(&self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.inner.sweep(now, most).await
    }

    fn watch(&self, watcher: Watcher) {
        self.inner.watch(watcher);
    }
}

struct Bench {
    store: Arc<Counting>,
    clock: Arc<ManualClock>,
    authority: Authority,
    demo: Demo,
}

impl Bench {
    async fn new() -> Self {
        let (reads, commits) = (AtomicU64::new(0), AtomicU64::new(0));
        let counting = Arc::new(Counting { inner: Memory::new(16), reads, commits });
        let store = Arc::new(Metered::new(counting.clone()));
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)));
        let folder = tempfile::tempdir().unwrap();
        let root = RootKey::create(&folder.path().join("root.key"), &SystemEntropy).unwrap();
        let catalog = Arc::new(Catalog::parse(CATALOG).unwrap());
        let demo = demo(store.as_ref(), &catalog, &root, clock.as_ref(), &SystemEntropy).await.unwrap();
        let keyring = Installation::open(store.as_ref(), &root, true).await.unwrap();
        let sandbox = Arc::new(Sandbox::new(Limits::SERVING, Compiler::InProcess, None).unwrap());
        let policies = Policies::load(None, &catalog, sandbox).unwrap();
        let world = World { store, clock: clock.clone(), entropy: Arc::new(SystemEntropy) };
        let authority = Authority::new(world, catalog, keyring, policies, true).unwrap();
        Self { store: counting, clock, authority, demo }
    }

    /// So many ticks: what the store was asked, and how long they took.
    async fn ticks(&self, count: usize) -> (u64, u64, Duration) {
        let calls = || (self.store.reads.load(Ordering::Relaxed), self.store.commits.load(Ordering::Relaxed));
        let (before, began) = (calls(), Instant::now());
        for _ in 0..count {
            self.authority.tick().await;
        }
        let (after, took) = (calls(), began.elapsed());
        (after.0 - before.0, after.1 - before.1, took)
    }

    async fn fill(&self, organizations: usize, keys: usize) {
        let catalog = Catalog::parse(CATALOG).unwrap();
        let owners = stock::organizations(self.store.as_ref(), organizations).await;
        let kind = catalog.kinds.get("production").unwrap();
        let now = self.clock.now();
        stock::keys(self.store.as_ref(), &owners, 0..keys, kind, (now, now), stock::nobodys()).await;
        self.ticks(4 * TURN).await;
    }

    /// Keys of the demo that reminders are due of.
    async fn make_due(&self, keys: usize, series: usize) {
        let catalog = Catalog::parse(CATALOG).unwrap();
        let demo = Owner { organization: self.demo.organization, workspace: self.demo.workspace };
        let kind = catalog.kinds.get("production").unwrap();
        let now = self.clock.now();
        let issued_at = Timestamp::from_millis(now.as_millis() - 76 * stock::DAY.as_millis() as i64);
        let from = series * 10_000_000;
        let numbers = from..from + keys;
        stock::keys(self.store.as_ref(), &[demo], numbers, kind, (issued_at, now), stock::nobodys()).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [organizations, keys] = args.as_slice() else { panic!("due ORGANIZATIONS KEYS") };
    let (organizations, keys) = (organizations.parse::<usize>().unwrap(), keys.parse::<usize>().unwrap());
    println!("{:<48} {:>8} {:>8} {:>12}", "a turn of all shards (four ticks)", "reads", "commits", "µs");
    for (organizations, keys) in [(1, 1), (organizations, 0), (organizations, keys)] {
        let bench = Bench::new().await;
        bench.fill(organizations, keys).await;
        let kept = format!("{organizations} organizations, {keys} keys");
        show(&format!("{kept}, nothing due"), &bench, |_| async {}).await;
        for due in [1, 100, 500] {
            show(&format!("{kept}, {due} due"), &bench, |round| bench.make_due(due, due * ROUNDS + round)).await;
        }
        println!("{:<48} {:>30}", "", format!("{} MiB resident", resident()));
    }
}

/// The median of some rounds.
async fn show<F: Future<Output = ()>>(what: &str, bench: &Bench, prepare: impl Fn(usize) -> F) {
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        prepare(round).await;
        rounds.push(bench.ticks(TURN).await);
        // What those left to do is done.
        bench.ticks(8 * TURN).await;
    }
    rounds.sort_by_key(|(.., took)| *took);
    if let Some((reads, commits, took)) = rounds.get(ROUNDS / 2) {
        println!("{what:<48} {reads:>8} {commits:>8} {:>12}", took.as_micros());
    }
}

/// Memory, in MiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1_024
}
