//! Evaluate: the platform's policies and the workspace's own say what they say; one table makes a decision of it.

use std::sync::Arc;
use std::time::Duration;

use cronflow_policy_cases::{Decision, FactsRef};
use tokio::sync::oneshot;

use crate::authority::Authority;
use crate::decide::identify::Caller;
use crate::decide::lane::Full;
use crate::decide::refusal::Refusal;
use crate::policies::Rules;
use crate::policies::pace::Way;
use crate::policies::tenant_set::{TenantPolicies, TenantSet};

/// So long a decision waits in the slow lane at most.
const PATIENCE: Duration = Duration::from_secs(1);
/// Categories of actions that a workspace's own policies see.
const SEEN: [&str; 2] = ["customer", "issuance"];

impl Authority {
    /// Decides by the platform's set and the caller's workspace's own.
    pub(crate) async fn evaluate(
        &self,
        rules: &Arc<Rules>,
        caller: &Caller,
        facts: FactsRef<'_>,
    ) -> Result<Decision, Refusal> {
        match caller.workspace.as_deref().map(|workspace| &workspace.policies) {
            Some(TenantPolicies::Loaded(own)) => {
                self.tenant_sets.uses(own);
                self.wait_to_tell(own);
                match self.evaluate_here(own, rules, facts) {
                    Some(decision) => decision,
                    // Boxed, so that those who don't go there don't carry it along.
                    None => Box::pin(self.evaluate_in_lane(own, rules, facts)).await,
                }
            }
            Some(TenantPolicies::Unavailable(_)) if SEEN.contains(&facts.action.category.as_str()) => {
                let message = "the workspace's policies can't be loaded; roll back or delete the one published last";
                Err(Refusal::PolicyUnavailable(message.to_owned()))
            }
            Some(TenantPolicies::None | TenantPolicies::Unavailable(_)) | None => Ok(rules.set.decide(facts)),
        }
    }

    /// Decides at once. `None`: it belongs into the slow lane.
    fn evaluate_here(&self, own: &TenantSet, rules: &Rules, facts: FactsRef<'_>) -> Option<Result<Decision, Refusal>> {
        let began = self.clock.monotonic();
        match own.pace.way(began) {
            Way::Here => {}
            Way::Lane => return None,
            Way::Overloaded => return Some(Err(Refusal::PolicyOverloaded)),
        }
        // The thread's own clock takes a system call, microseconds on some machines: it is read of those that were slow lately.
        let worked = own.pace.is_watched(began).then(|| self.clock.thread_time());
        let decision = own.decide_here(rules, facts);
        if let Some(decision) = &decision {
            own.monitor(facts, decision, &self.log);
        }
        let ended = self.clock.monotonic();
        match worked {
            Some(worked) => own.pace.took(self.clock.thread_time().saturating_sub(worked), ended),
            None => own.pace.passed(ended.saturating_sub(began), ended),
        }
        decision.map(Ok)
    }

    /// Decides in the slow lane, where others of the workspace's may be before it.
    async fn evaluate_in_lane(
        &self,
        own: &Arc<TenantSet>,
        rules: &Arc<Rules>,
        facts: FactsRef<'_>,
    ) -> Result<Decision, Refusal> {
        let entered = self.clock.monotonic();
        let turn = own.pace.turn(own.is_quarantined(entered)).ok_or(Refusal::PolicyOverloaded)?;
        let (answer, answered) = oneshot::channel();
        let (own, rules, facts) = (Arc::clone(own), Arc::clone(rules), facts.to_facts());
        let (clock, log, quarantined) = (Arc::clone(&self.clock), Arc::clone(&self.log), Arc::clone(&self.quarantined));
        let work = move || {
            if answer.is_closed() || clock.monotonic().saturating_sub(entered) > PATIENCE {
                return;
            }
            let began = clock.thread_time();
            let facts = facts.as_ref();
            let decision = own.decide_in_lane(&rules, facts, clock.as_ref(), &quarantined);
            own.monitor(facts, &decision, &log);
            own.pace.took(clock.thread_time().saturating_sub(began), clock.monotonic());
            // INVARIANT: before it is answered, so that whoever asks one after the other has a turn each time.
            drop(turn);
            let _ = answer.send(decision);
        };
        self.lane.send(work).map_err(|Full| Refusal::PolicyOverloaded)?;
        answered.await.map_err(|_| Refusal::PolicyOverloaded)
    }

    /// Makes sure that `caller` is judged by its workspace's policies of revision `least` or later: what is remembered is
    /// older at most by what the store tells when asked.
    pub(crate) async fn with_policies_since(&self, caller: &mut Caller, least: u64) -> Result<(), Refusal> {
        let has = |caller: &Caller| caller.workspace.as_ref().map_or(0, |workspace| workspace.record.policy_revision);
        if has(caller) < least
            && let Some(workspace) = &caller.workspace
        {
            match self.read_workspace(&workspace.record.id).await {
                Ok(Some(read)) => caller.workspace = Some(Arc::clone(&read)),
                Ok(None) | Err(_) => return Err(Refusal::StoreUnavailable),
            }
        }
        match has(caller) {
            has if has >= least => Ok(()),
            has => {
                let message = format!("the question asks for policy revision {least}, and the workspace has {has}");
                Err(Refusal::PolicyUnavailable(message))
            }
        }
    }
}
