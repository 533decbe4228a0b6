//! How a policy fares on every host: each counts in memory and, where there are others, tells the store of what has changed
//! once a second. Whoever asks reads what the hosts that live have told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use access_model::{Id, RevisionRef, Workspace};
use access_store::{Commit, Put, Store, Survives};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actions;
use super::tally::TallyView;
use super::tenant_set::{TenantPolicies, TenantSet};
use crate::authority::{Authority, lock};
use crate::decide::Permit;
use crate::error::Error;
use crate::records;

/// After so long without a word nobody needs what a host told.
const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Workspaces that are told of in a second at most, one after the other.
const AT_ONCE: usize = 200;

/// How a policy fares.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyStatus")]
pub struct StatusView {
    /// The policy.
    pub name: String,
    /// The revision in force; null while none is.
    pub published: Option<RevisionRef>,
    /// The workspace's policy revision since which it is.
    pub policy_revision: u64,
    /// The hosts that live, the one that answers first.
    pub hosts: Vec<HostStatus>,
}

/// How a policy fares on a host.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyOnHost")]
pub struct HostStatus {
    /// The host's name, which its decision ids begin with.
    pub host: String,
    /// The workspace's policy revision that it has loaded; null until it was asked about the workspace.
    pub policy_revision: Option<u64>,
    /// The policy's revision that it has loaded; null while it has none in force.
    pub revision: Option<u64>,
    /// Whether it could not load the workspace's policies, so that it denies `policy_unavailable`.
    pub unavailable: bool,
    /// What came of it there, since it has had the revision in force.
    pub tally: TallyView,
}

/// What is wrong with a workspace's policies, and with the platform's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "PolicyTroubles")]
pub struct Troubles {
    /// Hosts that can't load them, so that they deny `policy_unavailable`.
    pub unavailable_on: Vec<String>,
    /// Hosts that last decided by another revision than the one in force.
    pub stale_on: Vec<String>,
    /// Names of policies that are in quarantine on some host.
    pub quarantined: Vec<String>,
    /// Whether the platform's policies were changed to something that can't be loaded, so that the last good ones decide.
    pub platform_stale: bool,
    /// Whether hosts decide by different policies of the platform.
    pub hosts_differ: bool,
}

/// How a workspace's policies fare on a host, as it tells.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Told {
    policy_revision: Option<u64>,
    unavailable: bool,
    policies: BTreeMap<String, (u64, TallyView)>,
}

/// Workspaces that there is something to tell of: each has its turn.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    next: BTreeSet<Id>,
    round: Vec<Id>,
}

impl Waiting {
    /// Those to be told of now.
    fn turn(&mut self) -> Vec<Id> {
        if self.round.is_empty() {
            self.round.extend(std::mem::take(&mut self.next));
        }
        self.round.split_off(self.round.len().saturating_sub(AT_ONCE))
    }
}

impl Told {
    fn of(&self, host: &str, name: &str) -> HostStatus {
        let (revision, tally) = self.policies.get(name).copied().unzip();
        HostStatus {
            host: host.to_owned(),
            policy_revision: self.policy_revision,
            revision,
            unavailable: self.unavailable,
            tally: tally.unwrap_or_default(),
        }
    }
}

impl Authority {
    /// How the policy `name` fares.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn policy_status(&self, permit: &Permit, name: &str) -> Result<StatusView, Error> {
        permit.covers(actions::GET)?;
        let workspace = permit.workspace_id()?;
        let policy = self.read_policy(&workspace, name).await?.value;
        let others: Vec<_> = self.other_hosts().into_iter().map(|host| host.id).collect();
        let keys: Vec<_> = others.iter().map(|host| records::policy_status(&workspace, host)).collect();
        let found = self.store.read(workspace.home(), &keys).await?;
        let mut hosts = vec![self.told(&workspace).of(&self.host, name)];
        for ((host, key), record) in others.iter().zip(&keys).zip(&found) {
            let told = record.as_ref().map(|record| records::decode::<Told>(key, record)).transpose()?;
            hosts.push(told.unwrap_or_default().of(host, name));
        }
        Ok(StatusView {
            name: policy.name,
            published: policy.published,
            policy_revision: policy.policy_revision,
            hosts,
        })
    }

    /// What is wrong with a workspace's policies on the hosts that live.
    pub(crate) async fn policy_troubles(&self, head: &Workspace) -> Result<Troubles, Error> {
        let others = self.other_hosts();
        let digest = self.policies.digest();
        let mut troubles = Troubles {
            platform_stale: self.policies.problem().is_some(),
            hosts_differ: others.iter().any(|host| *host.set_digest != *digest),
            ..Troubles::default()
        };
        let keys: Vec<_> = others.iter().map(|host| records::policy_status(&head.id, &host.id)).collect();
        let found = self.store.read(head.id.home(), &keys).await?;
        let mut told = vec![(self.host.clone(), self.told(&head.id))];
        for ((host, key), record) in others.into_iter().zip(&keys).zip(&found) {
            let Some(record) = record else { continue };
            told.push((host.id, records::decode::<Told>(key, record)?));
        }
        let now = self.clock.now();
        let mut quarantined = BTreeSet::new();
        for (host, told) in told {
            let in_quarantine = |tally: &TallyView| tally.quarantine_until.is_some_and(|until| now < until);
            let named = told.policies.into_iter().filter(|(_, (_, tally))| in_quarantine(tally));
            quarantined.extend(named.map(|(name, _)| name));
            if told.unavailable {
                troubles.unavailable_on.push(host);
            } else if told.policy_revision.is_some_and(|revision| revision != head.policy_revision) {
                troubles.stale_on.push(host);
            }
        }
        troubles.quarantined = quarantined.into_iter().collect();
        Ok(troubles)
    }

    /// What this host has to tell.
    fn told(&self, workspace: &Id) -> Told {
        let cached = self.cache.workspace(workspace);
        let unavailable = cached.as_ref().is_some_and(|entry| matches!(entry.policies, TenantPolicies::Unavailable(_)));
        let set = match cached.as_ref().map(|entry| &entry.policies) {
            Some(TenantPolicies::Loaded(set)) => Some(Arc::clone(set)),
            Some(_) => None,
            // Forgotten for a moment, and counted on.
            None => self.tenant_sets.newest(workspace),
        };
        let bound = set.iter().flat_map(|set| &set.bound);
        let counted = bound.map(|bound| {
            (bound.binding.name.clone(), (bound.binding.revision.revision, bound.tally.view(self.clock.as_ref())))
        });
        let revision = cached.as_ref().map(|entry| entry.record.policy_revision);
        Told {
            policy_revision: revision.or(set.as_ref().map(|set| set.revision)).filter(|_| !unavailable),
            unavailable,
            policies: counted.collect(),
        }
    }

    /// Notes that a set was asked.
    pub(crate) fn wait_to_tell(&self, set: &TenantSet) {
        if !set.is_waiting.load(Ordering::Relaxed) && !set.is_waiting.swap(true, Ordering::AcqRel) {
            self.will_tell(&set.workspace);
        }
    }

    /// Notes that there is something to tell of a workspace's policies.
    pub(super) fn will_tell(&self, workspace: &Id) {
        // Nobody else would read it where nobody else serves.
        if self.freshness.is_some() {
            lock(&self.tenant_sets.waiting).next.insert(*workspace);
        }
    }

    /// Tells the store how policies fare here that were asked since the last time.
    pub(crate) async fn tell_policies(&self) {
        let mut turn = lock(&self.tenant_sets.waiting).turn();
        while let Some(workspace) = turn.pop() {
            if let Some(set) = self.tenant_sets.newest(&workspace) {
                // INVARIANT: before it is told, so that what is counted from here on is waited with again.
                set.is_waiting.store(false, Ordering::Release);
            }
            if let Err(error) = self.tell(&workspace).await {
                tracing::debug!(%error, "how policies fare here waits to be told");
                turn.drain(..).chain([workspace]).for_each(|workspace| self.will_tell(&workspace));
            }
        }
    }

    async fn tell(&self, workspace: &Id) -> Result<(), Error> {
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(workspace.home()) };
        let key = records::policy_status(workspace, &self.host);
        let json = serde_json::to_vec(&self.told(workspace)).map_err(Error::internal)?;
        let forget_after = Some(self.clock.now().plus(KEPT));
        commit.puts.push(Put { forget_after, ..Put::new(key, json.into()) });
        self.store.commit(commit).await?;
        Ok(())
    }
}
