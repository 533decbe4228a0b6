//! The read cache: facts with absolute times, never verdicts.
//!
//! A credential and its parents are cached apart, and every hit looks at all of them. A commit evicts what it touched before
//! it is acknowledged, on this host; other hosts' commits are announced. A fill that began before an eviction can't land
//! after it: fills carry their shard's generation. When announcements were missed, everything of the shard is forgotten at
//! once: entries carry the shard's epoch.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use access_model::{Credential, Id, Kind, Member, Organization, Quota, Role, Shard, Workspace};
use access_store::Change;
use cronflow_policy_cases as facts;
use quick_cache::sync::Cache;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use crate::authority::lock;
use crate::decide::meter::Meter;
use crate::policies::tenant_set::TenantPolicies;
use crate::records;
use crate::usage::Uses;

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
    /// The workspace that it acts in; of a token that serves several, the one that a question names.
    pub(crate) workspace: Option<Id>,
    /// An access token's client, as it was when this was worked out.
    pub(crate) client: Option<Arc<CredentialEntry>>,
    /// A session's member, as it was when this was worked out.
    pub(crate) member: Option<Arc<MemberEntry>>,
    /// The same token or session in each of the workspaces that it was used in, where it serves several.
    pub(crate) placed: Mutex<BTreeMap<Id, Arc<CredentialEntry>>>,
    /// The quota that its requests use up.
    pub(crate) quota: Option<Quota>,
    /// Where its requests are counted, where it has a quota.
    pub(crate) meter: Option<Arc<Meter>>,
    /// Its scopes as JSON, which every answer shows.
    pub(crate) scopes_json: Box<RawValue>,
    /// Bytes of `principal` as JSON.
    pub(crate) size: usize,
    /// Uses that the store has not been told of.
    pub(crate) uses: Uses,
}

/// An organization's head.
#[derive(Debug)]
pub(crate) struct OrganizationEntry {
    pub(crate) record: Organization,
    pub(crate) facts: facts::Organization,
    /// Roles of its own, by name; read when a member first needs them.
    // INVARIANT: read after this entry began, and whatever changes a role evicts it.
    pub(crate) roles: OnceCell<BTreeMap<String, Role>>,
}

/// A member.
#[derive(Debug)]
pub(crate) struct MemberEntry {
    pub(crate) record: Member,
}

/// A workspace's head.
#[derive(Debug)]
pub(crate) struct WorkspaceEntry {
    pub(crate) record: Workspace,
    pub(crate) facts: facts::Workspace,
    /// Its own policies.
    pub(crate) policies: TenantPolicies,
    /// Bytes of `facts` as JSON.
    pub(crate) size: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Credential(Arc<CredentialEntry>),
    Organization(Arc<OrganizationEntry>),
    Workspace(Arc<WorkspaceEntry>),
    Member(Arc<MemberEntry>),
}

/// Records by public id. Bounded.
#[derive(Debug)]
pub(crate) struct ReadCache {
    entries: Cache<Id, (Epoch, Entry)>,
    absent: Cache<Id, Epoch>,
    shards: Box<[OfShard]>,
}

/// Which of a shard's lives in this cache an entry belongs to.
type Epoch = u64;

#[derive(Debug, Default)]
struct OfShard {
    // INVARIANT: held while the shard's entries are evicted and while a fill of its lands.
    generation: Mutex<u64>,
    // Entries of an earlier epoch are forgotten.
    epoch: AtomicU64,
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
            shards: (0..shards).map(|_| OfShard::default()).collect(),
        }
    }

    pub(crate) fn credential(&self, id: &Id) -> Option<Arc<CredentialEntry>> {
        if let Entry::Credential(entry) = self.get(id)? { Some(entry) } else { None }
    }

    pub(crate) fn organization(&self, id: &Id) -> Option<Arc<OrganizationEntry>> {
        if let Entry::Organization(entry) = self.get(id)? { Some(entry) } else { None }
    }

    pub(crate) fn workspace(&self, id: &Id) -> Option<Arc<WorkspaceEntry>> {
        if let Entry::Workspace(entry) = self.get(id)? { Some(entry) } else { None }
    }

    pub(crate) fn member(&self, id: &Id) -> Option<Arc<MemberEntry>> {
        if let Entry::Member(entry) = self.get(id)? { Some(entry) } else { None }
    }

    /// Whether the id is known to name nothing.
    pub(crate) fn is_absent(&self, id: &Id) -> bool {
        self.absent.get(id).is_some_and(|epoch| self.is_of_now(id.home(), epoch))
    }

    fn get(&self, id: &Id) -> Option<Entry> {
        let (epoch, entry) = self.entries.get(id)?;
        self.is_of_now(id.home(), epoch).then_some(entry)
    }

    fn is_of_now(&self, shard: Shard, epoch: Epoch) -> bool {
        self.of(shard).is_some_and(|of| of.epoch.load(Ordering::Acquire) == epoch)
    }

    fn of(&self, shard: Shard) -> Option<&OfShard> {
        self.shards.get(usize::from(shard.number()))
    }

    /// To be asked before the read that a fill comes from.
    pub(crate) fn generation(&self, shard: Shard) -> Option<Generation> {
        Some(Generation { shard, number: *lock(&self.of(shard)?.generation) })
    }

    /// Keeps what was read, unless its shard has changed since the read began.
    pub(crate) fn fill(&self, began: Generation, id: Id, entry: Entry) {
        self.land(began, |epoch| self.entries.insert(id, (epoch, entry)));
    }

    /// Puts what was worked out anew from `known` into its place, if that is there still: whoever changed it has taken it away,
    /// maybe before this fill began.
    pub(crate) fn refill(
        &self,
        began: Generation,
        id: Id,
        known: &Arc<CredentialEntry>,
        current: &Arc<CredentialEntry>,
    ) {
        if self.credential(&id).is_some_and(|held| Arc::ptr_eq(&held, known)) {
            self.fill(began, id, Entry::Credential(Arc::clone(current)));
        }
    }

    /// Keeps that the id names nothing, on the same condition.
    pub(crate) fn fill_absent(&self, began: Generation, id: Id) {
        self.land(began, |epoch| self.absent.insert(id, epoch));
    }

    /// Forgets a workspace, if what is remembered of it is that. It is read again when it is needed.
    pub(crate) fn forget_workspace(&self, id: &Id, is_that: impl FnOnce(&WorkspaceEntry) -> bool) {
        if self.workspace(id).is_some_and(|entry| is_that(&entry)) {
            self.entries.remove(id);
        }
    }

    fn land(&self, began: Generation, insert: impl FnOnce(Epoch)) {
        let Some(of) = self.of(began.shard) else { return };
        let generation = lock(&of.generation);
        if *generation == began.number {
            insert(of.epoch.load(Ordering::Acquire));
        }
    }

    /// Evicts what a commit touched, or may have.
    pub(crate) fn invalidate(&self, change: &Change) {
        match change {
            Change::Touched { shard, keys } => self.evict(*shard, keys),
            Change::Missed { shard } => {
                let Some(of) = self.of(*shard) else { return };
                let mut generation = lock(&of.generation);
                *generation += 1;
                of.epoch.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    fn evict(&self, shard: Shard, keys: &[String]) {
        let Some(of) = self.of(shard) else { return };
        let mut ids = keys.iter().filter_map(|key| records::id_in(key)).peekable();
        if ids.peek().is_none() {
            return;
        }
        let mut generation = lock(&of.generation);
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
    use access_model::{IdKind, Timestamp};

    fn entry() -> (Id, Entry) {
        let entropy = access_model::entropy::SystemEntropy;
        let id = Id::draw(IdKind::Organization, Shard::PLATFORM, &entropy).unwrap();
        let record = Organization::new(id, "acme", Timestamp::from_millis(0));
        let facts = facts::Organization { id: id.to_string(), name: "acme".into() };
        (id, Entry::Organization(Arc::new(OrganizationEntry { record, facts, roles: OnceCell::new() })))
    }

    fn touched(id: &Id) -> Change {
        Change::Touched { shard: Shard::PLATFORM, keys: vec![records::organization(id)] }
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

    #[test]
    fn missed_changes_forget_the_shard_and_nothing_else() {
        let cache = ReadCache::new(2);
        let (id, entry) = entry();
        let elsewhere = Id::draw(IdKind::Key, Shard::new(1).unwrap(), &access_model::entropy::SystemEntropy).unwrap();
        let fill = || {
            cache.fill(cache.generation(Shard::PLATFORM).unwrap(), id, entry.clone());
            cache.fill_absent(cache.generation(elsewhere.home()).unwrap(), elsewhere);
        };
        fill();
        let began = cache.generation(Shard::PLATFORM).unwrap();
        cache.invalidate(&Change::Missed { shard: Shard::PLATFORM });
        assert!(cache.organization(&id).is_none() && cache.is_absent(&elsewhere));
        cache.fill(began, id, entry.clone());
        assert!(cache.organization(&id).is_none(), "the fill began before");
        fill();
        assert!(cache.organization(&id).is_some());
        cache.invalidate(&Change::Missed { shard: elsewhere.home() });
        assert!(cache.organization(&id).is_some() && !cache.is_absent(&elsewhere));
    }
}
