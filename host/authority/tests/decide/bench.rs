//! An authority over the demo, and questions to ask it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use access_authority::gateways::GatewayRequest;
use access_authority::keys::{KeyRequest, KeyView, actions};
use access_authority::lifecycle::Installation;
use access_authority::lifecycle::demo::{Demo, demo};
use access_authority::lifecycle::root_key::RootKey;
use access_authority::policies::Policies;
use access_authority::{
    Answer, Authority, Caller, Error, IfMatch, Issued, Permit, Properties, Question, Target, Whom, World,
};
use access_engine::{Compiler, Limits, Sandbox};
use access_model::clock::ManualClock;
use access_model::entropy::{SeededEntropy, SystemEntropy};
use access_model::network::Address;
use access_model::{Catalog, Clock, Entropy, Id, PlainSecret, Shard, Timestamp};
use access_store::{
    Commit, CommitError, Committed, Freshness, IndexEntry, LogEntry, Memory, Metered, Range, Record, Store, StoreError,
    Watcher,
};
use cronflow_policy_cases::{Resource, Value};

pub(crate) const CATALOG: &str = include_str!("../../../../policies/catalog.toml");

/// A question, with what a test leaves out filled in: the demo's production key lists jobs.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) credential: Option<&'a str>,
    pub(crate) gateway: Option<&'a PlainSecret>,
    pub(crate) method: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) action: Option<&'a str>,
    pub(crate) ip: Option<&'a str>,
    pub(crate) environment: Option<&'a str>,
    pub(crate) context: BTreeMap<String, String>,
    pub(crate) min_revision: Option<u64>,
}

impl Default for Ask<'_> {
    fn default() -> Self {
        Self {
            credential: None,
            gateway: None,
            method: Some("GET"),
            path: Some("/v1/jobs"),
            action: None,
            ip: Some("203.0.113.7"),
            environment: Some("production"),
            context: BTreeMap::new(),
            min_revision: None,
        }
    }
}

/// A store that can be told to fail.
#[derive(Debug)]
pub(crate) struct Failing {
    inner: Memory,
    pub(crate) fails: AtomicBool,
    /// Commits that it takes before it fails.
    pub(crate) commits_left: AtomicUsize,
    pub(crate) freshness: Option<Arc<Freshness>>,
    clock: Arc<ManualClock>,
    /// Milliseconds that a commit takes.
    pub(crate) commit_takes: AtomicU64,
    reads: AtomicU64,
    commits: AtomicU64,
    /// Reads of what begins so are never answered.
    pub(crate) hangs_at: OnceLock<String>,
    /// Sweeps that it was asked for.
    pub(crate) sweeps: AtomicU64,
}

pub(crate) struct Bench {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<Metered>,
    pub(crate) failing: Arc<Failing>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) demo: Demo,
    root: RootKey,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::on(CATALOG, None).await
    }

    /// A host that goes by another catalog.
    pub(crate) async fn with(catalog: &str) -> Self {
        Self::on(catalog, None).await
    }

    /// A host that others share the store with: fresh for as long as the test proves.
    pub(crate) async fn shared(catalog: &str) -> (Self, Arc<Freshness>) {
        let freshness = Arc::new(Freshness::new(16));
        (Self::on(catalog, Some(Arc::clone(&freshness))).await, freshness)
    }

    async fn on(catalog: &str, freshness: Option<Arc<Freshness>>) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)));
        let failing = Arc::new(Failing::new(freshness, Arc::clone(&clock)));
        let store = Arc::new(Metered::new(failing.clone()));
        let dir = tempfile::tempdir().unwrap();
        let root = RootKey::create(&dir.path().join("root.key"), &SeededEntropy::new(b"root")).unwrap();
        let catalog = Arc::new(Catalog::parse(catalog).unwrap());
        let entropy = SeededEntropy::new(b"seed");
        let demo = demo(store.as_ref(), &catalog, &root, clock.as_ref(), &entropy).await.unwrap();
        let authority = Self::host(&store, &clock, &root, catalog, true).await;
        Self { clock, store, failing, authority, demo, root }
    }

    /// What the next start of a dev host does to its store.
    pub(crate) async fn seed_again(&self) {
        let catalog = Catalog::parse(CATALOG).unwrap();
        demo(self.store.as_ref(), &catalog, &self.root, self.clock.as_ref(), &SystemEntropy).await.unwrap();
    }

    /// Another host on the same store.
    pub(crate) async fn second_host(&self) -> Arc<Authority> {
        Self::host(&self.store, &self.clock, &self.root, Arc::new(Catalog::parse(CATALOG).unwrap()), true).await
    }

    /// The same, that is no dev host: its peppers can be replaced.
    pub(crate) async fn real_host(&self) -> Arc<Authority> {
        self.real_host_under(&self.root).await
    }

    /// The same, started with another root key.
    pub(crate) async fn real_host_under(&self, root: &RootKey) -> Arc<Authority> {
        Self::host(&self.store, &self.clock, root, Arc::new(Catalog::parse(CATALOG).unwrap()), false).await
    }

    /// A host on a store on which an installation was begun.
    pub(crate) async fn host(
        store: &Arc<Metered>,
        clock: &Arc<ManualClock>,
        root: &RootKey,
        catalog: Arc<Catalog>,
        is_dev: bool,
    ) -> Arc<Authority> {
        let begun = Installation::read(store.as_ref()).await.unwrap().unwrap();
        let keyring = Installation::open(store.as_ref(), root, begun.dev).await.unwrap();
        let policies = Policies::load(None, &catalog, sandbox()).unwrap();
        let clock: Arc<dyn Clock> = clock.clone();
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let world = World { store: store.clone(), clock, entropy };
        Arc::new(Authority::new(world, catalog, keyring, policies, is_dev).unwrap())
    }

    pub(crate) fn key(&self, kind: &str) -> &str {
        self.demo.keys[kind].expose()
    }

    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Answer {
        self.ask_at(&self.authority, ask).await
    }

    pub(crate) async fn ask_at(&self, host: &Authority, ask: Ask<'_>) -> Answer {
        let gateway = ask.gateway.unwrap_or(&self.demo.gateway_token);
        let caller = host.caller(gateway, None).await.unwrap();
        let permit = host.require(&caller, "decisions.ask", Target::platform(), None).await.unwrap();
        let question = Question {
            whom: Whom::Presents(PlainSecret::new(ask.credential.unwrap_or(self.key("production")).to_owned())),
            method: ask.method.map(str::to_owned),
            path: ask.path.map(str::to_owned),
            ip: ask.ip.map(|ip| Address::parse(ip.to_owned()).unwrap()),
            environment: ask.environment.map(str::to_owned),
            action: ask.action.map(str::to_owned),
            resource: Resource::default(),
            context: ask.context.into_iter().map(|(name, text)| (name, Value::Text(text))).collect(),
            properties: Properties::default(),
            min_revision: ask.min_revision,
        };
        host.authorize(&permit, question).await
    }

    pub(crate) async fn operator(&self) -> Caller {
        self.authority.caller(&self.demo.operator_token, None).await.unwrap()
    }

    /// The operator's permit for something in the demo's main workspace.
    pub(crate) async fn permit(&self, action: &str) -> Permit {
        let target = Target::workspace(self.demo.workspace);
        self.authority.require(&self.operator().await, action, target, None).await.unwrap()
    }

    /// The permit of whoever presents `secret`, from 203.0.113.7.
    pub(crate) async fn permit_of(&self, secret: &PlainSecret, action: &str, target: Target) -> Result<Permit, Error> {
        let client = Some([203, 0, 113, 7].into());
        let caller = self.authority.caller(secret, client).await?;
        self.authority.require(&caller, action, target, client).await
    }

    /// A key that the operator issues in the demo's main workspace.
    pub(crate) async fn issue(&self, request: KeyRequest) -> Issued<KeyView> {
        let permit = self.permit(actions::ISSUE).await;
        self.authority.issue_key(&permit, request, None).await.unwrap().now().unwrap()
    }

    /// A successor of a key, which the operator makes.
    pub(crate) async fn rotate(&self, id: &Id, overlap_seconds: Option<u64>) -> Issued<KeyView> {
        let permit = self.permit(actions::ROTATE).await;
        let done = self.authority.rotate_key(&permit, id, overlap_seconds, &IfMatch::Any, None).await;
        done.unwrap().now().unwrap()
    }

    pub(crate) async fn gateway(
        &self,
        organizations: &[&str],
        environments: &[&str],
        environment: Option<&str>,
    ) -> Result<PlainSecret, Error> {
        let caller = self.operator().await;
        let permit = self.authority.require(&caller, "gateways.issue", Target::platform(), None).await?;
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let request = GatewayRequest {
            name: "a gateway".into(),
            organizations: owned(organizations),
            environments: owned(environments),
            environment: environment.map(str::to_owned),
            profile: None,
            ip_allow: None,
        };
        Ok(self.authority.issue_gateway(&permit, request, None).await?.now().unwrap().secret)
    }
}

impl Failing {
    pub(crate) fn new(freshness: Option<Arc<Freshness>>, clock: Arc<ManualClock>) -> Self {
        let (fails, commits_left) = (AtomicBool::new(false), AtomicUsize::new(usize::MAX));
        Self {
            inner: Memory::new(16),
            fails,
            commits_left,
            freshness,
            clock,
            commit_takes: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            hangs_at: OnceLock::new(),
            sweeps: AtomicU64::new(0),
        }
    }

    /// Takes so many commits more, and no others until it is told to.
    pub(crate) fn take(&self, commits: usize) {
        self.commits_left.store(commits, Ordering::SeqCst);
    }

    /// Reads and commits that reached it, those of what runs in the background included.
    pub(crate) fn calls(&self) -> (u64, u64) {
        (self.reads.load(Ordering::SeqCst), self.commits.load(Ordering::SeqCst))
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.fails.load(Ordering::SeqCst) { Err(StoreError::Unavailable("told to fail".into())) } else { Ok(()) }
    }
}

#[async_trait::async_trait]
impl Store for Failing {
    fn shards(&self) -> u8 {
        self.inner.shards()
    }

    async fn read(&self, shard: Shard, keys: &[String]) -> Result<Vec<Option<Record>>, StoreError> {
        self.check()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.hangs_at.get().is_some_and(|prefix| keys.iter().any(|key| key.starts_with(prefix.as_str()))) {
            std::future::pending::<()>().await;
        }
        self.inner.read(shard, keys).await
    }

    async fn range(&self, shard: Shard, range: Range) -> Result<Vec<IndexEntry>, StoreError> {
        self.check()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.range(shard, range).await
    }

    async fn log(
        &self,
        shard: Shard,
        log: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.check()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.log(shard, log, before, limit).await
    }

    async fn counters(&self, shard: Shard, group: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        self.check()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.counters(shard, group).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.check()?;
        let left = |left: usize| left.checked_sub(1);
        if self.commits_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_err() {
            return Err(StoreError::Unavailable("told to fail".into()).into());
        }
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.clock.advance(Duration::from_millis(self.commit_takes.load(Ordering::SeqCst)));
        self.inner.commit(commit).await
    }

    async fn sweep(&self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.sweeps.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        self.inner.sweep(now, most).await
    }

    fn watch(&self, watcher: Watcher) {
        self.inner.watch(watcher);
    }

    fn freshness(&self) -> Option<Arc<Freshness>> {
        self.freshness.clone()
    }
}

fn sandbox() -> Arc<Sandbox> {
    Arc::new(Sandbox::new(Limits::SERVING, Compiler::InProcess, None).unwrap())
}
