//! Meters of this host: `access_model::meter` with the store behind it.
//!
//! A use is a few instructions under a short lock. When a lease runs out, one task renews it and everybody else waits; no
//! lock of the hot path is held across an await.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access_model::meter::{HostMeter, Lease, MeterRecord, QuotaView, SLOT_MILLIS, Slot, Use};
use access_model::{Clock, Id, IdKind, Quota, Timestamp};
use access_store::{Check, Commit, CommitError, Freshness, Metered, Put, Store, StoreError, Survives, in_background};
use tokio::sync::OwnedMutexGuard;

use crate::authority::lock;
use crate::records;

/// Exchanges that lose a race against other hosts are tried so often.
const TRIES: usize = 32;
/// Leases that one use may see come and go before it is given up.
const RENEWALS: usize = 4;
/// A record is kept so long beyond its window: longer than a lease lasts and hosts' clocks differ.
const FORGET_LATER: Duration = Duration::from_secs(60);

/// One meter: of a lineage of keys.
#[derive(Debug)]
pub(crate) struct Meter {
    id: Id,
    quota: Quota,
    attempts_factor: u32,
    state: Mutex<HostMeter>,
    // One renewal at a time. Not of the hot path: it is only taken when the lease has run out.
    // INVARIANT: held from before `give_up` until after `renewed`, by the task that does both, so that no client that hangs
    // up lets a second renewal in between.
    renewal: Arc<tokio::sync::Mutex<()>>,
    // Renewals that failed. Whoever waited for one of them has its answer, and need not wait for a failure of their own.
    failures: AtomicU64,
}

/// All meters that this host counts in.
#[derive(Debug)]
pub(crate) struct Meters {
    store: Arc<Metered>,
    clock: Arc<dyn Clock>,
    freshness: Option<Arc<Freshness>>,
    host: String,
    meters: Mutex<HashMap<Id, Arc<Meter>>>,
}

/// What came of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Allowed(QuotaView),
    Exhausted(QuotaView),
    StoreUnavailable,
}

impl Meters {
    pub(crate) fn new(store: Arc<Metered>, clock: Arc<dyn Clock>, host: String) -> Self {
        Self { freshness: store.freshness(), store, clock, host, meters: Mutex::default() }
    }

    /// Meters of several hosts run on the store's wall time, or their windows would not be the same.
    fn on_store_time(&self, now: Timestamp) -> Timestamp {
        let skew = self.freshness.as_ref().map_or(0, |freshness| freshness.skew_millis());
        Timestamp::from_millis(now.as_millis().saturating_add(skew))
    }

    fn now(&self) -> Timestamp {
        self.on_store_time(self.clock.now())
    }

    /// Counts an attempt, before anything is decided.
    pub(crate) fn attempt(&self, meter: &Meter, now: Timestamp) -> Result<(), QuotaView> {
        lock(&meter.state).attempt(self.on_store_time(now))
    }

    /// The meter of this lineage; the same one for all of its keys.
    pub(crate) fn get(&self, lineage: Id, quota: Quota, attempts_factor: u32) -> Arc<Meter> {
        let meter = || {
            let state = Mutex::new(HostMeter::new(quota, attempts_factor));
            Arc::new(Meter {
                id: lineage,
                quota,
                attempts_factor,
                state,
                renewal: Arc::default(),
                failures: AtomicU64::new(0),
            })
        };
        Arc::clone(lock(&self.meters).entry(lineage).or_insert_with(meter))
    }

    /// The meter of ending tokens by the holder of another: as large, and out of reach of whoever spends that one.
    pub(crate) fn of_ending_tokens(&self, meter: &Meter) -> Option<Arc<Meter>> {
        let id = Id::from_body(IdKind::AccessToken, meter.id.body()).ok()?;
        Some(self.get(id, meter.quota, meter.attempts_factor))
    }

    /// Counts a use of the quota.
    pub(crate) async fn consume(self: &Arc<Self>, meter: &Arc<Meter>, now: Timestamp) -> Counted {
        let told = lock(&meter.state).consume(self.on_store_time(now));
        match told {
            Use::Allowed(view) => Counted::Allowed(view),
            Use::Exhausted(view) => Counted::Exhausted(view),
            Use::NeedsLease => Box::pin(self.renew_and_consume(meter)).await,
        }
    }

    /// Counts a use that no lease covers, while the store is out of reach.
    pub(crate) fn consume_alone(&self, meter: &Meter, now: Timestamp) -> Result<QuotaView, QuotaView> {
        match lock(&meter.state).consume_alone(self.on_store_time(now)) {
            Use::Allowed(view) => Ok(view),
            Use::Exhausted(view) => Err(view),
            Use::NeedsLease => Err(QuotaView { limit: meter.quota.limit, remaining: 0, reset_seconds: 1 }),
        }
    }

    async fn renew_and_consume(self: &Arc<Self>, meter: &Arc<Meter>) -> Counted {
        for _ in 0..RENEWALS {
            let failures = meter.failures.load(Ordering::Acquire);
            let turn = Arc::clone(&meter.renewal).lock_owned().await;
            // Somebody may have renewed while this one waited for its turn.
            let told = lock(&meter.state).consume(self.now());
            match told {
                Use::Allowed(view) => return Counted::Allowed(view),
                Use::Exhausted(view) => return Counted::Exhausted(view),
                Use::NeedsLease => {}
            }
            if meter.failures.load(Ordering::Acquire) != failures {
                return Counted::StoreUnavailable;
            }
            if let Err(error) = self.renew(meter, Ending::NewLease, turn).await {
                crate::trouble::store_failed(format!("a lease of {} could not be renewed: {error}", meter.id));
                return Counted::StoreUnavailable;
            }
        }
        tracing::error!(meter = %meter.id, "a fresh lease could not be used, again and again");
        Counted::StoreUnavailable
    }

    /// Tells the store what was used, in a task of its own: a client that hangs up must not make a use forgotten.
    async fn renew(
        self: &Arc<Self>,
        meter: &Arc<Meter>,
        ending: Ending,
        turn: OwnedMutexGuard<()>,
    ) -> Result<(), StoreError> {
        let (meters, meter) = (Arc::clone(self), Arc::clone(meter));
        let task = tokio::spawn(async move {
            let _turn = turn;
            let used = lock(&meter.state).give_up();
            match meters.exchange(&meter, &used, ending).await {
                Ok((record, lease)) => {
                    lock(&meter.state).renewed(record, lease.as_ref(), meters.now());
                    Ok(())
                }
                Err(error) => {
                    lock(&meter.state).not_renewed(used);
                    meter.failures.fetch_add(1, Ordering::AcqRel);
                    Err(error)
                }
            }
        });
        task.await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }

    /// Reads the record, changes it and commits it, until no other host comes between.
    async fn exchange(
        &self,
        meter: &Meter,
        used: &[(Slot, u32)],
        ending: Ending,
    ) -> Result<(MeterRecord, Option<Lease>), StoreError> {
        let key = records::meter(&meter.id);
        let shard = meter.id.home();
        for _ in 0..TRIES {
            let found = self.store.read(shard, std::slice::from_ref(&key)).await?.into_iter().next().flatten();
            let corrupt = |error: serde_json::Error| StoreError::Corrupt(format!("record `{key}`: {error}"));
            let mut record = match &found {
                Some(record) => MeterRecord::from_json(&record.value).map_err(corrupt)?,
                None => MeterRecord::default(),
            };
            let now = lock(&meter.state).slot(self.now());
            let lease = match ending {
                Ending::NewLease => Some(record.renew(meter.quota, &self.host, used, now)),
                Ending::Settle => {
                    record.take_back(&self.host, used, now);
                    None
                }
            };
            let mut commit = Commit::new(shard);
            commit.survives = Survives::Process;
            commit.announce = false;
            commit.checks.push(Check { key: key.clone(), version: found.map(|record| record.version) });
            // By then every use has left the window and every lease has ended: the record says nothing any more.
            // Reckoned from the slot, as leases are: wall time may have stepped back behind it.
            let window = Duration::from_secs(meter.quota.window_seconds.into());
            let slot = Timestamp::from_millis(now.saturating_mul(SLOT_MILLIS));
            let forget_after = Some(slot.plus(window + FORGET_LATER));
            let json = serde_json::to_vec(&record).map_err(corrupt)?;
            commit.puts.push(Put { forget_after, ..Put::new(key.clone(), json.into()) });
            match self.store.commit(commit).await {
                Ok(_) => return Ok((record, lease)),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Unavailable(format!("`{key}` is contended")))
    }

    /// Gives ended leases back and forgets meters that nobody needs.
    pub(crate) async fn settle_ended(self: &Arc<Self>) {
        let now = self.now();
        let ended: Vec<_> =
            lock(&self.meters).values().filter(|meter| lock(&meter.state).has_ended(now)).cloned().collect();
        self.settle(ended).await;
        // INVARIANT: a meter that an entry still points at stays, or two would count for one lineage.
        lock(&self.meters).retain(|_, meter| Arc::strong_count(meter) > 1 || !lock(&meter.state).is_idle(now));
    }

    /// Gives every lease back.
    pub(crate) async fn settle_all(self: &Arc<Self>) {
        let all: Vec<_> = lock(&self.meters).values().filter(|meter| lock(&meter.state).holds()).cloned().collect();
        self.settle(all).await;
    }

    async fn settle(self: &Arc<Self>, meters: Vec<Arc<Meter>>) {
        let mut tasks = tokio::task::JoinSet::new();
        for meter in meters {
            let all = Arc::clone(self);
            tasks.spawn(in_background(async move {
                let turn = Arc::clone(&meter.renewal).lock_owned().await;
                if let Err(error) = all.renew(&meter, Ending::Settle, turn).await {
                    let told = format!("a lease of {} could not be given back, and stays debited: {error}", meter.id);
                    crate::trouble::store_failed(told);
                }
            }));
        }
        while tasks.join_next().await.is_some() {}
    }
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    NewLease,
    Settle,
}
