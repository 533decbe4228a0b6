//! Evaluate: the platform's policies and the workspace's own say what they say; one table makes a decision of it.

use std::sync::Arc;

use cronflow_policy_cases::{Decision, FactsRef};

use crate::authority::Authority;
use crate::decide::identify::Caller;
use crate::decide::refusal::Refusal;
use crate::policies::Rules;
use crate::policies::tenant_set::TenantPolicies;

/// Categories of actions that a workspace's own policies see.
const SEEN: [&str; 2] = ["customer", "issuance"];

impl Authority {
    /// Decides by the platform's set and the caller's workspace's own.
    pub(crate) fn evaluate(&self, rules: &Rules, caller: &Caller, facts: FactsRef<'_>) -> Result<Decision, Refusal> {
        match caller.workspace.as_deref().map(|workspace| &workspace.policies) {
            Some(TenantPolicies::Loaded(own)) => {
                let decision = own.decide(rules, facts);
                own.monitor(facts, &decision, |policy| {
                    self.log.would_deny(&facts.principal.id, &facts.action.name, policy);
                });
                self.wait_to_tell(own);
                Ok(decision)
            }
            Some(TenantPolicies::Unavailable(_)) if SEEN.contains(&facts.action.category.as_str()) => {
                let message = "the workspace's policies can't be loaded; roll back or delete the one published last";
                Err(Refusal::PolicyUnavailable(message.to_owned()))
            }
            Some(TenantPolicies::None | TenantPolicies::Unavailable(_)) | None => Ok(rules.set.decide(facts)),
        }
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
