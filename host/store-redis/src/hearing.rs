//! Who is told of what, and since when the store is known to be fresh: [`Proof`] of every shard, with what follows from it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use access_model::Shard;
use access_store::{Change, Freshness, Watcher};
use serde::Deserialize;

use crate::proof::{Beat, Proof, Step, Tell};

/// What this host has heard.
pub(crate) struct Hearing {
    epoch: String,
    shards: Box<[Ear]>,
    watchers: RwLock<Vec<Watcher>>,
    freshness: Arc<Freshness>,
}

/// What it has heard of one shard.
#[derive(Debug, Default)]
struct Ear {
    proof: Mutex<Proof>,
    /// The number of the connection that announcements come by.
    listening: AtomicU64,
}

/// What `commit.lua` publishes.
#[derive(Debug, Deserialize)]
struct Announcement {
    epoch: String,
    sequence: u64,
    previous: u64,
    keys: Vec<String>,
}

impl Hearing {
    /// Of the store of this epoch. Nothing has been heard, and nothing is fresh.
    pub(crate) fn new(epoch: String, shards: u8) -> Self {
        Self {
            epoch,
            shards: (0..shards).map(|_| Ear::default()).collect(),
            watchers: RwLock::default(),
            freshness: Arc::new(Freshness::new(shards)),
        }
    }

    pub(crate) const fn freshness(&self) -> &Arc<Freshness> {
        &self.freshness
    }

    pub(crate) fn watch(&self, watcher: Watcher) {
        self.watchers.write().unwrap_or_else(PoisonError::into_inner).push(watcher);
    }

    /// Announcements of these shards come by the connection of this number from now on. It may lead to another server than the
    /// one before.
    pub(crate) fn listen_to(&self, connection: u64, shards: &[Shard]) {
        for ear in shards.iter().filter_map(|shard| self.ear(*shard)) {
            ear.listening.store(connection, Ordering::SeqCst);
        }
        self.forget(shards);
    }

    /// Nothing that was heard of these shards so far counts any more.
    pub(crate) fn forget(&self, shards: &[Shard]) {
        shards.iter().filter_map(|shard| self.proof(*shard)).for_each(|mut proof| proof.forget());
    }

    /// To be asked for before a commit is sent.
    pub(crate) fn generation(&self, shard: Shard) -> u64 {
        self.proof(shard).map_or(0, |proof| proof.generation())
    }

    /// A commit of this host, sent in this generation, was answered with a number, and is announced. Watchers hear of it here, so
    /// that they have before the host goes on.
    pub(crate) fn committed(&self, shard: Shard, generation: u64, sequence: u64, change: &Change) {
        self.tell(change);
        if let Some(mut proof) = self.proof(shard) {
            proof.committed(generation, sequence);
        }
    }

    /// A message has come by the connection of this number.
    pub(crate) fn announced(&self, connection: u64, shard: Shard, message: &[u8]) {
        let announcement: Announcement = match serde_json::from_slice(message) {
            Ok(announcement) => announcement,
            // The gap that it leaves shows with the next one, or with the next heartbeat.
            Err(error) => {
                return tracing::error!(%shard, %error, "an announcement can't be read; it is from a newer release");
            }
        };
        // Channels are shared by all databases of a server, and so by all stores in them.
        let Some(mut proof) = self.proof(shard).filter(|_| announcement.epoch == self.epoch) else { return };
        let listening = self.ear(shard).map(|ear| ear.listening.load(Ordering::SeqCst));
        let step = if listening == Some(connection) {
            proof.announced(announcement.sequence, announcement.previous)
        } else {
            Step { tell: Tell::Touched, applied: None, fresh_until: None }
        };
        self.carry_out(shard, step, announcement.keys);
    }

    /// To be called before a heartbeat is sent.
    pub(crate) fn beat(&self, shard: Shard) -> Beat {
        self.proof(shard).map(|proof| proof.beat()).unwrap_or_default()
    }

    /// A heartbeat was answered with the number of the last announced commit. True: commits have been lost.
    pub(crate) fn answered(&self, shard: Shard, beat: Beat, announced: u64, until: Duration) -> bool {
        let Some(mut proof) = self.proof(shard) else { return false };
        let step = proof.answered(beat, announced, until);
        let is_lost = matches!(step.tell, Tell::Lost { .. });
        self.carry_out(shard, step, Vec::new());
        is_lost
    }

    /// Called with the shard's proof locked, so that no proof is written down before watchers were told.
    fn carry_out(&self, shard: Shard, step: Step, keys: Vec<String>) {
        match step.tell {
            Tell::Nothing => {}
            Tell::Touched => self.tell(&Change::Touched { shard, keys }),
            Tell::Missed => self.tell(&Change::Missed { shard }),
            Tell::Lost { from, to } => {
                tracing::error!(
                    %shard, from, to,
                    "Redis has lost commits that were acknowledged; set `appendonly yes` and `appendfsync always`"
                );
                self.tell(&Change::Missed { shard });
            }
        }
        match (step.applied, step.fresh_until) {
            (Some(applied), Some(until)) => self.freshness.prove(shard, applied, until),
            (Some(applied), None) => self.freshness.heard(shard, applied),
            (None, _) => {}
        }
    }

    fn tell(&self, change: &Change) {
        self.watchers.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|watcher| watcher(change));
    }

    fn proof(&self, shard: Shard) -> Option<MutexGuard<'_, Proof>> {
        self.ear(shard).map(|ear| lock(&ear.proof))
    }

    fn ear(&self, shard: Shard) -> Option<&Ear> {
        self.shards.get(usize::from(shard.number()))
    }
}

impl fmt::Debug for Hearing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hearing").field("freshness", &self.freshness).finish_non_exhaustive()
    }
}

/// A watcher that panicked may not have taken in what it was told, so that its shard is never proven fresh again: each time
/// that it is looked at, everything is forgotten once more.
fn lock(proof: &Mutex<Proof>) -> MutexGuard<'_, Proof> {
    proof.lock().unwrap_or_else(|poisoned| {
        let mut proof = poisoned.into_inner();
        proof.forget();
        proof
    })
}
