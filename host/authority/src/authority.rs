//! What every use case has at hand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use access_model::entropy::{EntropyError, random_base62};
use access_model::{Catalog, Clock, Entropy, PlainSecret, Timestamp};
use access_outbound::{Egress, Keepers};
use access_store::{Change, Freshness, Metered, Store, StoreError, in_background};
use arc_swap::ArcSwap;
use tokio::sync::{Notify, Semaphore};

use crate::audit::{Decisions, EXPORTS, Places};
use crate::decide::cache::ReadCache;
use crate::decide::decision_id::DecisionIds;
use crate::decide::lane::Lane;
use crate::decide::log::DecisionLog;
use crate::decide::meter::Meters;
use crate::decide::throttle::Throttle;
use crate::due;
use crate::error::Error;
use crate::failpoint::Failpoints;
use crate::fleet::Fleet;
use crate::hosts::Hosts;
use crate::lifecycle::dev_clock;
use crate::lifecycle::keyring::Keyring;
use crate::mail::{Mailer, Post};
use crate::numbers::Numbers;
use crate::policies::POLICY_MEMORY;
use crate::policies::quarantined::Quarantined;
use crate::policies::tenant_set::TenantSets;
use crate::policies::{GateQueue, Policies};
use crate::secrets::{self, Rehashes};
use crate::sign_in::Door;
use crate::traffic::Days;
use crate::trouble;
use crate::usage::Usage;
use crate::webhooks::Outgoing;

/// How long other hosts believe what they have read, where nobody says otherwise.
const BOUND: Duration = Duration::from_secs(1);
/// Between two sweeps of the store.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Records that one sweep deletes at most, so that no commit waits long behind it.
const SWEEP_MOST: usize = 1_000;
/// Sweeps in a row at most, so that what else is due each second is not forgotten over them.
const SWEEPS: usize = 20;

/// What an authority takes from outside.
#[derive(Debug, Clone)]
pub struct World {
    /// Where the books are kept.
    pub store: Arc<Metered>,
    /// All time.
    pub clock: Arc<dyn Clock>,
    /// All randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Everything that decides and keeps the books. One per host, shared by all requests.
#[derive(Debug)]
pub struct Authority {
    pub(crate) store: Arc<Metered>,
    pub(crate) freshness: Option<Arc<Freshness>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) catalog: Arc<Catalog>,
    /// What [`crate::secrets`] swaps; see [`Authority::keyring`].
    pub(crate) keys: ArcSwap<Keyring>,
    pub(crate) policies: Policies,
    pub(crate) tenant_sets: TenantSets,
    pub(crate) lane: Lane,
    pub(crate) quarantined: Arc<Quarantined>,
    pub(crate) gate_queue: GateQueue,
    pub(crate) failpoints: Failpoints,
    pub(crate) cache: Arc<ReadCache>,
    pub(crate) throttle: Throttle,
    pub(crate) leak_throttle: Throttle,
    pub(crate) door: Door,
    pub(crate) meters: Arc<Meters>,
    pub(crate) log: Arc<DecisionLog>,
    pub(crate) decision_ids: DecisionIds,
    pub(crate) numbers: Numbers,
    pub(crate) is_dev: bool,
    /// This host's random name.
    pub(crate) host: String,
    pub(crate) hosts: Hosts,
    pub(crate) fleet: Arc<Fleet>,
    /// How long other hosts believe what they have read, at most.
    pub(crate) bound: Duration,
    pub(crate) usage: Usage,
    pub(crate) traffic: Days,
    pub(crate) decisions: Decisions,
    /// Turns to read of exports, and of followers that are behind.
    pub(crate) exports: Semaphore,
    /// Exports that are open.
    pub(crate) exporters: Places,
    /// Those who follow a trail.
    pub(crate) followers: Places,
    pub(crate) due_turn: due::Turn,
    pub(crate) egress: Egress,
    pub(crate) outgoing: Outgoing,
    pub(crate) mailer: Option<Mailer>,
    pub(crate) post: Post,
    pub(crate) clock_moved: Arc<Notify>,
    pub(crate) keyring_changed: Arc<Notify>,
    pub(crate) rehashes: Rehashes,
    /// Whoever is asked for a new root key.
    pub(crate) keepers: Option<Keepers>,
    /// In monotonic time.
    next_sweep: Mutex<Duration>,
}

impl Authority {
    /// An authority over an installation whose keyring was opened by [`crate::lifecycle`].
    ///
    /// # Errors
    /// When the entropy has nothing to give.
    pub fn new(
        world: World,
        catalog: Arc<Catalog>,
        keyring: Keyring,
        policies: Policies,
        is_dev: bool,
    ) -> Result<Self, EntropyError> {
        let World { store, clock, entropy } = world;
        let host = random_base62(entropy.as_ref(), 12)?;
        store.bound_unsealed(catalog.limits.unsealed_records);
        let cache = Arc::new(ReadCache::new(store.shards()));
        let watching = Arc::clone(&cache);
        let clock_moved = Arc::new(Notify::new());
        let moved = Arc::clone(&clock_moved);
        let keyring_changed = Arc::new(Notify::new());
        let changed = Arc::clone(&keyring_changed);
        let fleet = Arc::new(Fleet::default());
        let (asked, asked_host) = (Arc::clone(&fleet), host.clone());
        store.watch(Arc::new(move |change: &Change| {
            watching.invalidate(change);
            asked.hear(&asked_host, change);
            if dev_clock::may_have_moved(change) {
                moved.notify_one();
            }
            if secrets::may_have_changed(change) {
                changed.notify_one();
            }
        }));
        let meters = Arc::new(Meters::new(Arc::clone(&store), Arc::clone(&clock), host.clone()));
        Ok(Self {
            throttle: Throttle::new(catalog.limits.failed_identifications),
            leak_throttle: Throttle::new(catalog.limits.leak_reports),
            door: Door::new(entropy.as_ref())?,
            decision_ids: DecisionIds::new(&host),
            log: Arc::new(DecisionLog::default()),
            numbers: Numbers::new(),
            next_sweep: Mutex::default(),
            freshness: store.freshness(),
            store,
            clock,
            entropy,
            catalog,
            keys: ArcSwap::from_pointee(keyring),
            policies,
            tenant_sets: TenantSets::new(POLICY_MEMORY, Arc::clone(&cache)),
            lane: Lane::default(),
            quarantined: Arc::default(),
            gate_queue: GateQueue::default(),
            failpoints: Failpoints::default(),
            cache,
            meters,
            is_dev,
            host,
            hosts: Hosts::default(),
            fleet,
            bound: BOUND,
            usage: Usage::default(),
            traffic: Days::default(),
            decisions: Decisions::default(),
            exports: Semaphore::new(EXPORTS),
            exporters: Places::default(),
            followers: Places::default(),
            due_turn: due::Turn::default(),
            egress: Egress::default(),
            outgoing: Outgoing::default(),
            mailer: None,
            post: Post::default(),
            clock_moved,
            keyring_changed,
            rehashes: Rehashes::default(),
            keepers: None,
        })
    }

    /// The same, that dies at one of [`crate::FAILPOINTS`]; nothing, when it is none of them.
    pub fn dying_at(self, point: &str) -> Option<Self> {
        Some(Self { failpoints: Failpoints::at(point)?, ..self })
    }

    /// The same, that goes out by rules of the operator's; without any, `https` to the public internet alone.
    #[must_use]
    pub fn with_egress(self, egress: Egress) -> Self {
        Self { egress, ..self }
    }

    /// The same, that writes to those who look after their organizations.
    #[must_use]
    pub fn with_mailer(self, mailer: Option<Mailer>) -> Self {
        Self { mailer, ..self }
    }

    /// The same, that reads a new root key from those who keep secrets.
    #[must_use]
    pub fn with_keepers(self, keepers: Keepers) -> Self {
        Self { keepers: Some(keepers), ..self }
    }

    /// The same, whose store is believed for so long.
    #[must_use]
    pub fn with_bound(self, bound: Duration) -> Self {
        Self { bound, ..self }
    }

    /// The same, where tenants' policies may have so many bytes while they are loaded.
    #[must_use]
    pub fn with_policy_memory(self, bytes: u64) -> Self {
        Self { tenant_sets: TenantSets::new(bytes, Arc::clone(&self.cache)), ..self }
    }

    /// The keys that are held at this moment. What is made of several of them takes them once.
    pub(crate) fn keyring(&self) -> Arc<Keyring> {
        self.keys.load_full()
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The policies in force.
    pub const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Wall time, the dev offset included.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Something that nobody can guess, to be bound to a browser that is not signed in.
    ///
    /// # Errors
    /// When the entropy has nothing to give.
    pub fn unguessable(&self) -> Result<PlainSecret, Error> {
        Ok(PlainSecret::new(random_base62(self.entropy.as_ref(), 32)?))
    }

    /// Whether the dev clock may be moved.
    pub const fn is_dev(&self) -> bool {
        self.is_dev
    }

    /// Round trips to the store so far: reads, commits.
    pub fn store_round_trips(&self) -> (u64, u64) {
        let stats = self.store.stats();
        (stats.reads, stats.commits)
    }

    /// Changes so far that are applied, and that a fail-over may lose.
    pub fn unconfirmed_changes(&self) -> u64 {
        self.store.unconfirmed()
    }

    /// What is due each second: ended leases go back, the decision log is written out, due work is done, and once a minute
    /// the store forgets what nobody needs.
    pub async fn tick(&self) {
        in_background(self.do_each_second()).await;
    }

    async fn do_each_second(&self) {
        self.meters.settle_ended().await;
        self.log.flush();
        trouble::flush();
        self.tell_usage().await;
        self.record_decisions(false).await;
        self.rehash_noted().await;
        self.seal_appended().await;
        self.tell_policies().await;
        self.tell_quarantines().await;
        self.greet_hosts().await;
        self.count_freshness();
        self.do_due_work().await;
        let now = self.clock.monotonic();
        if *lock(&self.next_sweep) <= now {
            let wait = self.sweep().await;
            *lock(&self.next_sweep) = now + wait;
        }
    }

    /// Answers how long to wait before the next one.
    async fn sweep(&self) -> Duration {
        for _ in 0..SWEEPS {
            match self.store.sweep(self.clock.now(), SWEEP_MOST).await {
                Ok(swept) => {
                    self.numbers.forgotten.increment(swept as u64);
                    if swept < SWEEP_MOST {
                        return SWEEP_EVERY;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the store could not be swept");
                    return SWEEP_EVERY;
                }
            }
        }
        // There may be more: a store that is filled faster than this once a minute must not grow for ever.
        Duration::ZERO
    }

    /// The last words of a host that shuts down: every lease goes back.
    pub async fn shut_down(&self) {
        in_background(async {
            self.meters.settle_all().await;
            self.tell_usage().await;
            self.record_decisions(true).await;
            self.seal_appended().await;
            self.log.flush();
            self.leave_hosts().await;
            trouble::flush();
        })
        .await;
    }

    /// Whether the store answers, in one read, and what is cached can be believed.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn check_store(&self) -> Result<(), StoreError> {
        if self.freshness.as_ref().is_some_and(|freshness| !freshness.is_whole(self.clock.monotonic())) {
            return Err(StoreError::Unavailable("changes made by other hosts may go unheard".to_owned()));
        }
        let key = [crate::records::INSTALLATION.to_owned()];
        self.store.read(access_model::Shard::PLATFORM, &key).await.map(drop)
    }
}

/// Locks a mutex whose holder may have panicked: what these mutexes guard is whole between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
