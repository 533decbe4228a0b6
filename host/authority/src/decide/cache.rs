//! The read cache: facts with absolute times, never verdicts.
//!
//! A credential and its parents are cached apart, and every hit looks at all of them. A commit evicts what it touched before
//! it is acknowledged. A fill that began before an eviction can't land after it: fills carry their shard's generation.

use std::sync::{Arc, Mutex};

use access_model::{Credential, Id, Kind, Organization, Shard, Workspace};
use access_store::Change;
use cronflow_policy_cases as facts;
use quick_cache::sync::Cache;
use serde_json::value::RawValue;

use crate::authority::lock;
use crate::decide::meter::Meter;
use crate::records;

/// Entries at most. An entry takes about one kilobyte.
const CAPACITY: usize = 100_000;
/// Ids at most that are known to name nothing.
const ABSENT_CAPACITY: usize = 20_000;

/// A credential, with everything about it that a decision needs, worked out once.
#[derive(Debug)]
pub(crate) struct CredentialEntry {
    pub(crate) credential: Credential,
    pub(crate) kind: Arc<Kind>,
    pub(crate) principal: facts::Principal,
    /// What it is bound to, where it is a gateway's.
    pub(crate) gateway: Option<facts::Gateway>,
    /// Where its requests are counted, where its kind has a quota.
    pub(crate) meter: Option<Arc<Meter>>,
    /// Its scopes as JSON, which every answer shows.
    pub(crate) scopes_json: Box<RawValue>,
    /// Bytes of `principal` as JSON.
    pub(crate) size: usize,
}

/// An organization's head.
#[derive(Debug)]
pub(crate) struct OrganizationEntry {
    pub(crate) record: Organization,
    pub(crate) facts: facts::Organization,
}

/// A workspace's head.
#[derive(Debug)]
pub(crate) struct WorkspaceEntry {
    pub(crate) record: Workspace,
    pub(crate) facts: facts::Workspace,
    /// Bytes of `facts` as JSON.
    pub(crate) size: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Credential(Arc<CredentialEntry>),
    Organization(Arc<OrganizationEntry>),
    Workspace(Arc<WorkspaceEntry>),
}

/// Records by public id. Bounded.
#[derive(Debug)]
pub(crate) struct ReadCache {
    entries: Cache<Id, Entry>,
    absent: Cache<Id, ()>,
    // INVARIANT: a shard's mutex is held while its entries are evicted and while a fill of its lands.
    generations: Box<[Mutex<u64>]>,
}

/// When a fill began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generation {
    shard: Shard,
    number: u64,
}

impl ReadCache {
    pub(crate) fn new(shards: u8) -> Self {
        Self {
            entries: Cache::new(CAPACITY),
            absent: Cache::new(ABSENT_CAPACITY),
            generations: (0..shards).map(|_| Mutex::new(0)).collect(),
        }
    }

    pub(crate) fn credential(&self, id: &Id) -> Option<Arc<CredentialEntry>> {
        if let Entry::Credential(entry) = self.entries.get(id)? { Some(entry) } else { None }
    }

    pub(crate) fn organization(&self, id: &Id) -> Option<Arc<OrganizationEntry>> {
        if let Entry::Organization(entry) = self.entries.get(id)? { Some(entry) } else { None }
    }

    pub(crate) fn workspace(&self, id: &Id) -> Option<Arc<WorkspaceEntry>> {
        if let Entry::Workspace(entry) = self.entries.get(id)? { Some(entry) } else { None }
    }

    /// Whether the id is known to name nothing.
    pub(crate) fn is_absent(&self, id: &Id) -> bool {
        self.absent.get(id).is_some()
    }

    /// To be asked before the read that a fill comes from.
    pub(crate) fn generation(&self, shard: Shard) -> Option<Generation> {
        let generation = self.generations.get(usize::from(shard.number()))?;
        Some(Generation { shard, number: *lock(generation) })
    }

    /// Keeps what was read, unless its shard has changed since the read began.
    pub(crate) fn fill(&self, began: Generation, id: Id, entry: Entry) {
        self.land(began, || self.entries.insert(id, entry));
    }

    /// Keeps that the id names nothing, on the same condition.
    pub(crate) fn fill_absent(&self, began: Generation, id: Id) {
        self.land(began, || self.absent.insert(id, ()));
    }

    fn land(&self, began: Generation, insert: impl FnOnce()) {
        let Some(generation) = self.generations.get(usize::from(began.shard.number())) else { return };
        let generation = lock(generation);
        if *generation == began.number {
            insert();
        }
    }

    /// Evicts what a commit touched.
    pub(crate) fn invalidate(&self, change: &Change) {
        let Some(generation) = self.generations.get(usize::from(change.shard.number())) else { return };
        // Meters are the one kind of record that is written all the time and never cached.
        let mut ids = change
            .keys
            .iter()
            .filter(|key| !key.starts_with("meter/"))
            .filter_map(|key| records::id_in(key))
            .peekable();
        if ids.peek().is_none() {
            return;
        }
        let mut generation = lock(generation);
        *generation += 1;
        for id in ids {
            self.entries.remove(&id);
            self.absent.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use access_model::{IdKind, OwnerState, Timestamp};

    fn entry() -> (Id, Entry) {
        let entropy = access_model::entropy::SystemEntropy;
        let id = Id::draw(IdKind::Organization, Shard::PLATFORM, &entropy).unwrap();
        let record =
            Organization { id, name: "acme".into(), state: OwnerState::Active, created_at: Timestamp::from_millis(0) };
        let facts = facts::Organization { id: id.to_string(), name: "acme".into() };
        (id, Entry::Organization(Arc::new(OrganizationEntry { record, facts })))
    }

    fn touched(id: &Id) -> Change {
        Change { shard: Shard::PLATFORM, sequence: 1, keys: vec![records::organization(id)] }
    }

    #[test]
    fn a_fill_that_began_before_an_eviction_does_not_land_after_it() {
        let cache = ReadCache::new(1);
        let (id, entry) = entry();
        let began = cache.generation(Shard::PLATFORM).unwrap();
        cache.invalidate(&touched(&id));
        cache.fill(began, id, entry.clone());
        assert!(cache.organization(&id).is_none());
        cache.fill(cache.generation(Shard::PLATFORM).unwrap(), id, entry);
        assert!(cache.organization(&id).is_some());
        cache.invalidate(&touched(&id));
        assert!(cache.organization(&id).is_none());
    }

    #[test]
    fn what_was_absent_may_come_to_be() {
        let cache = ReadCache::new(1);
        let (id, _) = entry();
        cache.fill_absent(cache.generation(Shard::PLATFORM).unwrap(), id);
        assert!(cache.is_absent(&id));
        cache.invalidate(&touched(&id));
        assert!(!cache.is_absent(&id));
    }
}
