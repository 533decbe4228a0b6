//! Which deliveries are tried when: those that are due, by the host that holds their shard's lease, with places for each
//! endpoint, so that one that hangs hinders no other.
//!
//! The shard's index of due work holds one entry for all its deliveries, at a time when one of them may be due; those have an
//! index of their own. Whoever puts a delivery moves that entry to now; whoever has looked moves it on, checking that nobody
//! put anything meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access_model::{Id, Shard, Timestamp};
use access_store::{Check, Commit, IndexEntry, Put, Range, Store as _, in_background};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::authority::{Authority, lock};
use crate::due::Due;
use crate::error::Error;
use crate::records;

/// Attempts at a time on a host.
const PLACES: usize = 256;
/// Of those, for endpoints whose last attempt failed: who hangs leaves the other half free.
const FAILING_PLACES: usize = 128;
/// Attempts at a time to one endpoint, and to one whose last attempt failed.
const OF_ONE: usize = 8;
const OF_A_FAILING_ONE: usize = 1;
/// Entries of a page of the index, and pages of one look. The next look goes on where this one ended.
const PAGE: usize = 200;
const PAGES: usize = 10;
/// When a shard is looked at again whose due deliveries were not all begun.
const AGAIN: Duration = Duration::from_secs(1);

/// What is on its way out of this host.
#[derive(Debug)]
pub(crate) struct Outgoing {
    places: Arc<Semaphore>,
    failing_places: Arc<Semaphore>,
    busy: Mutex<Busy>,
    awake: Mutex<BTreeSet<Shard>>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct Busy {
    in_flight: HashSet<Id>,
    running: HashMap<Id, usize>,
    // Bounded by the endpoints that were ever called and failed last; small, and gone with the host.
    failing: HashSet<Id>,
    positions: BTreeMap<Shard, IndexEntry>,
}

/// A place of an attempt, given back when it is dropped.
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    _failing: Option<OwnedSemaphorePermit>,
    webhook: Id,
    delivery: Id,
    authority: Arc<Authority>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            failing_places: Arc::new(Semaphore::new(FAILING_PLACES)),
            busy: Mutex::default(),
            awake: Mutex::default(),
            woken: Notify::new(),
        }
    }
}

impl Outgoing {
    /// Has a shard looked at soon.
    pub(crate) fn wake(&self, shard: Shard) {
        lock(&self.awake).insert(shard);
        self.woken.notify_one();
    }

    /// Remembers whether an endpoint's last attempt came through.
    pub(super) fn remember(&self, webhook: &Id, came_through: bool) {
        let failing = &mut lock(&self.busy).failing;
        if came_through {
            failing.remove(webhook)
        } else {
            failing.insert(*webhook)
        };
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let outgoing = &self.authority.outgoing;
        let mut busy = lock(&outgoing.busy);
        busy.in_flight.remove(&self.delivery);
        if let Some(running) = busy.running.get_mut(&self.webhook) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                busy.running.remove(&self.webhook);
            }
        }
        drop(busy);
        outgoing.wake(self.delivery.home());
    }
}

/// The member of the index of due deliveries.
pub(super) fn due_member(webhook: &Id, delivery: &Id) -> String {
    format!("{webhook}/{delivery}")
}

/// Has the shard's deliveries looked at from `now` on, by whichever host does its due work.
pub(super) fn wake_in(commit: &mut Commit, now: Timestamp) {
    commit.puts.push(Put::new(records::DELIVERIES_WAKE.to_owned(), now.to_string().into()));
    let entry = IndexEntry { score: now.as_millis(), member: Due::Deliveries.member() };
    commit.index_puts.push((records::DUE.to_owned(), entry));
}

impl Authority {
    /// Begins the deliveries that are due, whenever some may be. Never ends by itself.
    pub async fn deliver(self: Arc<Self>) {
        loop {
            self.outgoing.woken.notified().await;
            let awake = std::mem::take(&mut *lock(&self.outgoing.awake));
            for shard in awake {
                if let Err(error) = in_background(self.deliver_of(shard)).await {
                    tracing::debug!(%error, %shard, "deliveries wait");
                }
            }
        }
    }

    /// Has every shard looked at soon: time went on by more than it does by itself.
    pub(crate) fn wake_deliveries(&self) {
        (0..self.store.shards()).filter_map(Shard::new).for_each(|shard| self.outgoing.wake(shard));
    }

    async fn deliver_of(self: &Arc<Self>, shard: Shard) -> Result<(), Error> {
        if !self.take_due_lease(shard).await? {
            return Ok(());
        }
        let store = self.store.as_ref();
        let wake = records::DELIVERIES_WAKE.to_owned();
        let seen = store.read(shard, std::slice::from_ref(&wake)).await?.pop().flatten();
        let seen = Check { key: wake, version: seen.map(|record| record.version) };
        let now = self.clock.now();
        let mut position = lock(&self.outgoing.busy).positions.remove(&shard);
        let began_at_the_start = position.is_none();
        let mut is_left = false;
        for page in 1..=PAGES {
            let index = records::DELIVERIES_DUE.to_owned();
            let range =
                Range { index, after: position.take(), up_to: Some(now.as_millis()), descending: false, limit: PAGE };
            let due = store.range(shard, range).await?;
            for entry in &due {
                is_left |= !self.begin(entry);
            }
            let Some(last) = due.last().filter(|_| due.len() == PAGE) else { break };
            position = Some(last.clone());
            if page == PAGES {
                is_left = true;
            }
        }
        is_left |= !began_at_the_start;
        if let Some(position) = position {
            lock(&self.outgoing.busy).positions.insert(shard, position);
        }
        let index = records::DELIVERIES_DUE.to_owned();
        self.look_again(shard, Due::Deliveries, index, seen, is_left.then(|| now.plus(AGAIN)), now).await
    }

    /// Begins a delivery, where there is a place for it. False: it stays due.
    fn begin(self: &Arc<Self>, entry: &IndexEntry) -> bool {
        let ids = entry.member.split_once('/');
        let Some((Ok(webhook), Ok(delivery))) = ids.map(|(webhook, delivery)| (webhook.parse(), delivery.parse()))
        else {
            // A newer host's.
            return true;
        };
        let Some(place) = self.free_place(webhook, delivery) else { return false };
        let authority = Arc::clone(self);
        tokio::spawn(async move {
            in_background(async {
                if let Err(error) = authority.attempt(&webhook, &delivery).await {
                    let member = due_member(&webhook, &delivery);
                    authority.attempt_again(delivery.home(), records::DELIVERIES_DUE, &member, error).await;
                }
            })
            .await;
            drop(place);
        });
        false
    }

    fn free_place(self: &Arc<Self>, webhook: Id, delivery: Id) -> Option<Place> {
        let outgoing = &self.outgoing;
        let mut busy = lock(&outgoing.busy);
        let is_failing = busy.failing.contains(&webhook);
        let most = if is_failing { OF_A_FAILING_ONE } else { OF_ONE };
        let running = busy.running.get(&webhook).copied().unwrap_or_default();
        if busy.in_flight.contains(&delivery) || running >= most {
            return None;
        }
        let failing = match is_failing {
            true => Some(Arc::clone(&outgoing.failing_places).try_acquire_owned().ok()?),
            false => None,
        };
        let place = Arc::clone(&outgoing.places).try_acquire_owned().ok()?;
        busy.in_flight.insert(delivery);
        *busy.running.entry(webhook).or_default() += 1;
        Some(Place { _place: place, _failing: failing, webhook, delivery, authority: Arc::clone(self) })
    }
}
