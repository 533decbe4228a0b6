//! A workspace's own set, loaded: found with its head, decided with beside the platform's.
//!
//! A set is worked out once for each state of what is in force, by whoever needs it first, off the runtime; what it has in
//! common with the workspace's last one is taken over, counters included. One that can't be loaded is a value, too: what its
//! policies would have seen is denied until it can.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use access_engine::{Binding, Fault, GateError, GateErrorKind, Heard, Mode, PolicyPackage, PolicySet};
use access_model::audit::sha256_hex;
use access_model::{Clock, Id, PolicyBinding, PolicyMode, Workspace};
use arc_swap::ArcSwapOption;
use cronflow_policy_cases::{Decision, Effect, FactsRef};
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};
use tokio::sync::Semaphore;

use super::pace::Pace;
use super::platform::Rules;
use super::quarantine::PAUSE;
use super::quarantined::Quarantined;
use super::status::Waiting;
use super::tally::Tally;
use crate::authority::Authority;
use crate::decide::cache::ReadCache;
use crate::decide::log::DecisionLog;
use crate::decide::stated::in_logs;
use crate::error::Error;

/// Bytes of all sets that are kept at hand where nobody says another number: a thousand modules of the SDK and ten thousand
/// policies in CEL, all different.
pub const POLICY_MEMORY: u64 = 1 << 30;
/// Sets that are kept at hand, about. So many lie in one of the cache's parts at least, each of which has room for several
/// of the largest.
const SETS: usize = 256;
/// Workspaces whose last set is remembered for as long as somebody has it, and what they may take whether or not.
const NEWEST: usize = 100_000;
/// Sets that are worked out at once.
const AT_ONCE: usize = 2;
/// Bytes of facts, as JSON, beyond which a policy that exceeds its budget is not held at fault.
const LARGE_FACTS: usize = 8 << 10;
/// Before loading is tried again that failed.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What a workspace's head says of its own policies, as this host has it.
#[derive(Debug, Clone)]
pub(crate) enum TenantPolicies {
    /// It has none in force.
    None,
    /// They are in force.
    Loaded(Arc<TenantSet>),
    /// They can't be loaded; to be tried again at an instant of monotonic time.
    Unavailable(Duration),
}

/// A set, ready to decide.
#[derive(Debug)]
pub(crate) struct TenantSet {
    pub(crate) set: PolicySet,
    /// In the set's order.
    pub(crate) bound: Vec<Bound>,
    pub(crate) workspace: Id,
    /// The workspace's policy revision.
    pub(crate) revision: u64,
    /// Whether other hosts are to be told of what came of it.
    pub(crate) is_waiting: AtomicBool,
    /// What the workspace's policies may take of the machine, whichever are in force.
    pub(crate) pace: Arc<Pace>,
    key: SetKey,
    weight: u64,
    has_monitors: bool,
    // The digest of this and a platform set together, for the platform set that it was last asked with.
    paired: ArcSwapOption<(Arc<str>, Arc<str>)>,
}

/// A policy in force.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) binding: PolicyBinding,
    /// What came of it on this host.
    pub(crate) tally: Arc<Tally>,
    package: Arc<PolicyPackage>,
}

/// Sets by what is in force.
#[derive(Debug)]
pub(crate) struct TenantSets {
    // INVARIANT: holds every set that a cached workspace has, so that what is weighed is all there is.
    sets: Cache<SetKey, Arc<TenantSet>, Weight, DefaultHashBuilder, Forgetting>,
    newest: Cache<Id, (Weak<TenantSet>, Arc<Pace>)>,
    /// Workspaces whose policies other hosts are to be told of.
    pub(super) waiting: Mutex<Waiting>,
    working: Semaphore,
}

/// Names what a workspace has in force.
type SetKey = (Id, String);

/// Sets by what they weigh.
#[derive(Debug, Clone)]
struct Weight;

impl Weighter<SetKey, Arc<TenantSet>> for Weight {
    fn weight(&self, _: &SetKey, set: &Arc<TenantSet>) -> u64 {
        set.weight
    }
}

/// Takes sets that are dropped away from cached workspaces, too.
#[derive(Debug, Clone)]
struct Forgetting(Arc<ReadCache>);

impl Lifecycle<SetKey, Arc<TenantSet>> for Forgetting {
    // Dropped after the lock is.
    type RequestState = Vec<Arc<TenantSet>>;

    fn on_evict(&self, dropped: &mut Self::RequestState, _: SetKey, set: Arc<TenantSet>) {
        self.0.forget_workspace(
            &set.workspace,
            |entry| matches!(&entry.policies, TenantPolicies::Loaded(loaded) if Arc::ptr_eq(loaded, &set)),
        );
        dropped.push(set);
    }
}

impl TenantSets {
    /// Nothing yet. What is dropped is taken away from `cache`.
    /// None, and room for so many bytes of them, by what their packages weigh. Of those beyond it, the ones that lay unused are
    /// dropped, and loaded again when they are needed.
    pub(crate) fn new(bytes: u64, cache: Arc<ReadCache>) -> Self {
        let hasher = DefaultHashBuilder::default();
        Self {
            sets: Cache::with(SETS, bytes, Weight, hasher, Forgetting(cache)),
            newest: Cache::new(NEWEST),
            waiting: Mutex::default(),
            working: Semaphore::new(AT_ONCE),
        }
    }

    /// The set that a workspace had last, while anybody has it still.
    pub(super) fn newest(&self, workspace: &Id) -> Option<Arc<TenantSet>> {
        self.newest.get(workspace)?.0.upgrade()
    }

    /// What a workspace's policies may take. It outlives its sets: who was dropped owes what it owed.
    fn pace(&self, workspace: &Id) -> Arc<Pace> {
        self.newest.get(workspace).map(|(_, pace)| pace).unwrap_or_default()
    }

    /// Notes that a set is used: it is dropped after those that are not.
    pub(crate) fn uses(&self, set: &Arc<TenantSet>) {
        if self.sets.get(&set.key).is_none() {
            self.sets.insert(set.key.clone(), Arc::clone(set));
        }
    }
}

impl TenantPolicies {
    /// Whether loading failed, and is to be tried again.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        matches!(self, Self::Unavailable(again) if *again <= now)
    }
}

impl TenantSet {
    fn new(key: SetKey, workspace: &Workspace, bound: Vec<Bound>, pace: Arc<Pace>) -> Result<Self, Vec<GateError>> {
        let bindings = bound.iter().map(|Bound { binding, package, .. }| Binding {
            mode: match binding.revision.mode {
                PolicyMode::Enforce => Mode::Enforce,
                PolicyMode::Monitor => Mode::Monitor,
            },
            ..Binding::tenant(Arc::clone(package))
        });
        let set = PolicySet::new(bindings)?;
        Ok(Self {
            weight: set.weight(),
            set,
            key,
            workspace: workspace.id,
            revision: workspace.policy_revision,
            is_waiting: AtomicBool::new(false),
            pace,
            has_monitors: bound.iter().any(|bound| bound.binding.revision.mode == PolicyMode::Monitor),
            bound,
            paired: ArcSwapOption::empty(),
        })
    }

    /// Decides by the platform's set and this, and counts what this says. `None`: it takes more fuel than may be burnt where
    /// requests are served.
    pub(crate) fn decide_here(&self, rules: &Rules, facts: FactsRef<'_>) -> Option<Decision> {
        let mut heard = Vec::with_capacity(self.bound.len());
        let decision = rules.set.decide_inline_heard(Some(&self.set), facts, &mut heard);
        self.count(&heard);
        decision
    }

    /// The same, on all the fuel that a decision may burn. It may take long.
    pub(crate) fn decide_in_lane(
        &self,
        rules: &Rules,
        facts: FactsRef<'_>,
        clock: &dyn Clock,
        quarantined: &Quarantined,
    ) -> Decision {
        let mut heard = Vec::with_capacity(self.bound.len());
        let decision = rules.set.decide_heard(Some(&self.set), facts, &mut heard);
        self.count(&heard);
        self.watch(&heard, facts, clock, quarantined);
        decision
    }

    /// Counts what came of a decision. `heard` names places of this set.
    fn count(&self, heard: &[Heard]) {
        for heard in heard {
            if let Some(bound) = self.bound.get(heard.place) {
                bound.tally.count(heard, false);
            }
        }
    }

    /// Whether one of its policies is in quarantine, at an instant of monotonic time.
    pub(crate) fn is_quarantined(&self, now: Duration) -> bool {
        self.bound.iter().any(|bound| bound.tally.quarantine.is_on(now))
    }

    /// Notes which policies exceeded their fuel.
    fn watch(&self, heard: &[Heard], facts: FactsRef<'_>, clock: &dyn Clock, quarantined: &Quarantined) {
        let mut exceeding = exceeding(heard);
        let Some(first) = exceeding.next() else { return };
        // A policy is not at fault for what it is handed.
        if serde_json::to_vec(&facts).is_ok_and(|json| json.len() > LARGE_FACTS) {
            return;
        }
        for heard in std::iter::once(first).chain(exceeding) {
            let Some(bound) = self.bound.get(heard.place) else { continue };
            if let Some(pause) = bound.tally.quarantine.exceeded(clock.monotonic()) {
                let (policy, revision) = (&bound.binding.name, bound.binding.revision.revision);
                tracing::warn!(workspace = %self.workspace, policy, revision, seconds = pause.as_secs(),
                    "a policy exceeds its budget again and again; it is in quarantine, and is asked by one request at a time");
                metrics::counter!("access_policy_quarantines_total").increment(1);
                // Longer pauses are more of the same quarantine.
                if pause == PAUSE {
                    quarantined.begins(self.workspace, policy, revision);
                }
            }
        }
    }

    /// Asks the policies in monitor mode, after the decision; `log` is told of each that would have made a denial of an allow.
    pub(crate) fn monitor(&self, facts: FactsRef<'_>, decision: &Decision, log: &DecisionLog) {
        if !self.has_monitors {
            return;
        }
        for heard in self.set.monitor(facts) {
            let Some(bound) = self.bound.get(heard.place) else { continue };
            // On the whole of a decision's fuel it might have said something else.
            let denies = !matches!(heard.effect, Ok(Effect::Permit | Effect::NoMatch) | Err(Fault::OutOfFuel));
            let would = denies && *decision == Decision::Allow;
            bound.tally.count(&heard, would);
            if would {
                log.would_deny(&in_logs(facts.principal), &facts.action.name, &bound.binding.name);
            }
        }
    }

    /// The digest of everything that decides: platform set, catalog, and this.
    pub(crate) fn digest_with(&self, rules: &Rules) -> Arc<str> {
        let paired = self.paired.load();
        if let Some((platform, both)) = paired.as_deref()
            && Arc::ptr_eq(platform, &rules.digest)
        {
            return Arc::clone(both);
        }
        let both: Arc<str> = sha256_hex(format!("{}\n{}", rules.digest, self.set.digest()).as_bytes()).into();
        self.paired.store(Some(Arc::new((Arc::clone(&rules.digest), Arc::clone(&both)))));
        both
    }
}

/// Which of those heard burnt more fuel than they may. The wall-clock backstop is nobody's fault: how long a policy of the
/// slow lane takes by the clock is up to everybody else on the machine.
fn exceeding(heard: &[Heard]) -> impl Iterator<Item = &Heard> {
    // Where the decision's fuel ran out, the last was given the rest, and whoever burnt the most is at fault.
    let most = heard.iter().map(|heard| heard.fuel).max().unwrap_or_default();
    heard.iter().filter(move |heard| heard.effect == Err(Fault::OutOfFuel) && heard.fuel == most)
}

/// Names what is in force. A store that comes back older than it was may give a revision's number twice.
fn key_of(workspace: &Workspace) -> Result<SetKey, Error> {
    let json = serde_json::to_vec(&(workspace.policy_revision, &workspace.policies)).map_err(Error::internal)?;
    Ok((workspace.id, sha256_hex(&json)))
}

impl Authority {
    /// What `workspace` has in force, loaded.
    pub(crate) async fn tenant_policies(&self, workspace: &Workspace) -> TenantPolicies {
        if workspace.policies.is_empty() {
            return TenantPolicies::None;
        }
        match self.tenant_set(workspace, None).await {
            Ok(set) => TenantPolicies::Loaded(set),
            Err(error) => {
                tracing::error!(workspace = %workspace.id, revision = workspace.policy_revision, %error,
                    "a workspace's policies can't be loaded; what they see is denied");
                metrics::counter!("access_policy_set_failures_total").increment(1);
                self.will_tell(&workspace.id);
                TenantPolicies::Unavailable(self.clock.monotonic() + AGAIN_AFTER)
            }
        }
    }

    /// The set that `workspace` names, worked out by one of all who ask for it. `fresh` is a package of it that is at hand.
    pub(crate) async fn tenant_set(
        &self,
        workspace: &Workspace,
        fresh: Option<&Arc<PolicyPackage>>,
    ) -> Result<Arc<TenantSet>, Error> {
        let key = key_of(workspace)?;
        let set = self.tenant_sets.sets.get_or_insert_async(&key, self.load_set(&key, workspace, fresh)).await?;
        self.tenant_sets.newest.insert(workspace.id, (Arc::downgrade(&set), Arc::clone(&set.pace)));
        Ok(set)
    }

    async fn load_set(
        &self,
        key: &SetKey,
        workspace: &Workspace,
        fresh: Option<&Arc<PolicyPackage>>,
    ) -> Result<Arc<TenantSet>, Error> {
        let _turn = self.tenant_sets.working.acquire().await.map_err(Error::internal)?;
        let newest = self.tenant_sets.newest(&workspace.id);
        let known = |binding: &PolicyBinding| {
            let mut known = newest.iter().flat_map(|newest| &newest.bound);
            known.find(|bound| is_same(&bound.binding, binding))
        };
        let mut packages: BTreeMap<&str, Arc<PolicyPackage>> = BTreeMap::new();
        let mut missing = Vec::new();
        for binding in &workspace.policies {
            let at_hand = fresh.filter(|package| package.name() == binding.name).cloned();
            match at_hand.or_else(|| known(binding).map(|known| Arc::clone(&known.package))) {
                Some(package) => drop(packages.insert(&binding.name, package)),
                None => missing.push(binding),
            }
        }
        let loaded = self.load_packages(&workspace.id, &missing).await?;
        packages.extend(missing.iter().map(|binding| binding.name.as_str()).zip(loaded));
        let bound = workspace.policies.iter().filter_map(|binding| {
            let package = Arc::clone(packages.get(binding.name.as_str())?);
            // A revision that stays in force goes on counting.
            let same = known(binding).filter(|known| known.binding == *binding);
            let tally = same.map(|known| Arc::clone(&known.tally)).unwrap_or_default();
            Some(Bound { binding: binding.clone(), tally, package })
        });
        let pace = self.tenant_sets.pace(&workspace.id);
        let set =
            TenantSet::new(key.clone(), workspace, bound.collect(), pace).map_err(|errors| unloadable(&errors))?;
        self.will_tell(&workspace.id);
        Ok(Arc::new(set))
    }

    /// Packages of kept revisions, in the order asked for.
    pub(super) async fn load_packages(
        &self,
        workspace: &Id,
        wanted: &[&PolicyBinding],
    ) -> Result<Vec<Arc<PolicyPackage>>, Error> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let gone = |binding: &PolicyBinding| {
            Error::internal(format!("revision {} of policy `{}` is not whole", binding.revision.revision, binding.name))
        };
        let names: Vec<_> = wanted.iter().map(|binding| (binding.name.as_str(), binding.revision.revision)).collect();
        let revisions = self.read_revisions(workspace, &names).await?;
        let mut uploads = Vec::new();
        let mut modules = Vec::new();
        for (binding, revision) in wanted.iter().zip(&revisions) {
            let revision = revision.as_ref().filter(|kept| kept.reference() == binding.revision);
            modules.push(revision.ok_or_else(|| gone(binding))?.module.clone());
        }
        let parts = self.read_parts(workspace, &modules).await?;
        for (binding, revision) in wanted.iter().zip(revisions.iter().flatten()) {
            let module = parts.get(&revision.module).ok_or_else(|| gone(binding))?;
            uploads.push(revision.upload(&binding.name, module));
        }
        let sandbox = Arc::clone(self.policies.sandbox());
        let verify = move || {
            let package = |upload| PolicyPackage::from_upload(upload, &sandbox).map(Arc::new);
            uploads.iter().map(package).collect::<Result<Vec<_>, _>>()
        };
        let verified = tokio::task::spawn_blocking(verify).await.map_err(Error::internal)?;
        verified.map_err(|errors| unloadable(&errors))
    }
}

/// Whether a package of the one is a package of the other.
fn is_same(one: &PolicyBinding, other: &PolicyBinding) -> bool {
    one.name == other.name && one.revision.digest == other.revision.digest
}

/// Each is sound by itself, but for what they cost or weigh together, which its author can mend.
fn unloadable(errors: &[GateError]) -> Error {
    let is_together =
        |kind: &GateErrorKind| matches!(kind, GateErrorKind::SetTooCostly { .. } | GateErrorKind::SetTooLarge { .. });
    if let Some(error) = errors.iter().find(|error| is_together(&error.kind)) {
        return Error::Conflict(error.to_string());
    }
    Error::internal(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use access_engine::{Compiler, Limits, Sandbox, Upload};
    use access_model::{IdKind, Shard, Timestamp};
    use cronflow_policy_cases::CaseFile;

    use super::*;
    use crate::decide::cache::{Entry, WorkspaceEntry};

    fn loaded(sandbox: &Sandbox) -> Arc<TenantSet> {
        let upload = Upload {
            name: "own".to_owned(),
            engine: access_engine::Engine::Cel,
            module: b"no_match()".to_vec(),
            settings: Default::default(),
            attributes: Default::default(),
            cases: CaseFile { cases: Vec::new() },
        };
        let package = PolicyPackage::from_upload(&upload, sandbox).unwrap();
        let draw = |kind| Id::draw(kind, Shard::PLATFORM, &access_model::entropy::SystemEntropy).unwrap();
        let (id, organization) = (draw(IdKind::Workspace), draw(IdKind::Organization));
        let workspace = Workspace::new(id, organization, "main", Timestamp::from_millis(0));
        let set = PolicySet::new([Binding::tenant(package)]).unwrap();
        let whole = TenantSet::new(key_of(&workspace).unwrap(), &workspace, Vec::new(), Arc::default()).unwrap();
        Arc::new(TenantSet { weight: set.weight(), set, ..whole })
    }

    fn remember(cache: &ReadCache, set: &Arc<TenantSet>) {
        let record = Workspace::new(set.workspace, set.workspace, "main", Timestamp::from_millis(0));
        let facts = cronflow_policy_cases::Workspace {
            id: record.id.to_string(),
            name: "main".to_owned(),
            ip_allow: None,
            egress_allow: None,
        };
        let policies = TenantPolicies::Loaded(Arc::clone(set));
        let entry = Entry::Workspace(Arc::new(WorkspaceEntry { record, facts, policies, size: 0 }));
        cache.fill(cache.generation(Shard::PLATFORM).unwrap(), set.workspace, entry);
    }

    #[test]
    fn sets_at_hand_are_bounded_in_bytes_and_what_is_used_stays() {
        let sandbox = Sandbox::new(Limits { instances: 1, ..Limits::SERVING }, Compiler::InProcess, None).unwrap();
        let cache = Arc::new(ReadCache::new(1));
        let used = loaded(&sandbox);
        let room = 64;
        let sets = TenantSets::new(room * used.weight, Arc::clone(&cache));
        let others: Vec<_> = (0..1_000).map(|_| loaded(&sandbox)).collect();
        for set in others.iter().chain([&used]) {
            remember(&cache, set);
        }
        for other in &others {
            sets.uses(other);
            sets.uses(&used);
        }
        let is_cached = |set: &&Arc<TenantSet>| cache.workspace(&set.workspace).is_some();
        let cached = others.iter().filter(is_cached).count() as u64;
        assert!((1..=room).contains(&cached), "{cached}: nobody else holds on to what was dropped");
        assert!(is_cached(&&used), "it was used all the while");
        assert!(others.iter().chain([&used]).all(|set| sets.sets.peek(&set.key).is_some() == is_cached(&set)));
        // Dropped and needed again, it counts again.
        let again = others.iter().find(|set| !is_cached(set)).unwrap();
        sets.uses(again);
        assert!(sets.sets.weight() <= room * used.weight && sets.sets.peek(&again.key).is_some());
    }

    #[test]
    fn whoever_exceeds_its_fuel_is_at_fault_and_nobody_for_the_clock() {
        let heard = |place, effect, fuel| Heard { place, effect, fuel };
        let places = |heard: &[Heard]| exceeding(heard).map(|heard| heard.place).collect::<Vec<_>>();
        let quick = heard(0, Ok(Effect::NoMatch), 700);
        assert_eq!(places(&[quick, heard(1, Err(Fault::OutOfFuel), 9_000)]), [1]);
        assert_eq!(places(&[heard(0, Ok(Effect::NoMatch), 9_000), heard(1, Err(Fault::OutOfFuel), 100)]), [0; 0]);
        for fault in [Fault::OutOfTime, Fault::NoRoom, Fault::Trap, Fault::Answer, Fault::Evaluation] {
            assert_eq!(places(&[quick, heard(1, Err(fault), 9_000)]), [0; 0], "{fault:?}");
        }
    }
}
