//! Settle: the quota is consumed, the decision counted and logged; a permit whose obligation can't be met is a denial.

use access_model::meter::QuotaView;
use access_model::network::Address;
use access_model::{AuditDecisions, Shard, Timestamp};
use cronflow_policy_cases::{Decision, Gateway, Reason};
use std::net::IpAddr;
use std::sync::Arc;

use crate::audit::Told;
use crate::authority::Authority;
use crate::decide::answer::{Answer, Outcome, PrincipalView};
use crate::decide::cache::WorkspaceEntry;
use crate::decide::decision_id::DecisionId;
use crate::decide::gather::{Gathered, Question};
use crate::decide::identify::Caller;
use crate::decide::meter::Counted;
use crate::decide::refusal::{Refusal, status_of};
use crate::decide::stated;
use crate::policies::Rules;
use crate::policies::tenant_set::TenantPolicies;

/// What is known so far of a decision's subject, for the answer and the log.
pub(crate) struct Subject<'a> {
    set_digest: Arc<str>,
    gateway: Option<&'a Gateway>,
    policy_revision: u64,
    principal: Option<PrincipalView>,
    // Absent where the asker may not know.
    shown: bool,
    action: Option<Arc<cronflow_policy_cases::Action>>,
    // Where a customer's request came from; absent where our own endpoints are asked.
    client: Option<Option<IpAddr>>,
    // A workspace whose audit trail tells of decisions.
    told_to: Option<Arc<WorkspaceEntry>>,
}

/// What the `gateway` policy says of a credential that the gateway may not ask about.
const NOT_BOUND: &str = "gateway_not_bound";
const EXHAUSTED: &str = "the quota is exhausted; try again after its reset";

impl<'a> Subject<'a> {
    pub(crate) fn new(rules: &Rules, gateway: Option<&'a Gateway>) -> Self {
        let set_digest = Arc::clone(&rules.digest);
        Self {
            set_digest,
            gateway,
            policy_revision: 0,
            principal: None,
            shown: true,
            action: None,
            client: None,
            told_to: None,
        }
    }

    /// Remembers who it is. A gateway learns nothing about credentials of organizations that it isn't bound to.
    pub(crate) fn identified(&mut self, rules: &Rules, caller: &Caller, question: &Question) {
        let environment = question.environment.clone();
        self.principal = Some(PrincipalView { entry: Arc::clone(&caller.entry), environment });
        self.client = Some(question.ip.as_ref().map(Address::ip));
        self.judged_by(rules, caller);
        let own = caller.entry.principal.organization.as_deref();
        self.shown = self.gateway.is_none_or(|gateway| {
            gateway.organizations.iter().any(|bound| bound == "*" || Some(bound.as_str()) == own)
        });
    }

    /// Remembers which policies decide.
    pub(crate) fn judged_by(&mut self, rules: &Rules, caller: &Caller) {
        let Some(workspace) = &caller.workspace else { return };
        self.policy_revision = workspace.record.policy_revision;
        let tells = workspace.record.settings.audit_decisions != AuditDecisions::None;
        self.told_to = tells.then(|| Arc::clone(workspace));
        if let TenantPolicies::Loaded(own) = &workspace.policies {
            self.set_digest = own.digest_with(rules);
        }
    }

    /// Whether the asker may learn about the credential.
    pub(crate) const fn is_shown(&self) -> bool {
        self.shown
    }

    /// Remembers who asks one of our own endpoints for what.
    pub(crate) fn asked(&mut self, principal: PrincipalView, action: &Arc<cronflow_policy_cases::Action>) {
        self.principal = Some(principal);
        self.action = Some(Arc::clone(action));
    }

    /// Remembers what is to be done.
    pub(crate) fn gathered(&mut self, gathered: &Gathered) {
        self.action = Some(Arc::clone(&gathered.action));
    }
}

impl Authority {
    /// Settles what the policies decided.
    pub(crate) async fn settle(
        &self,
        subject: Subject<'_>,
        caller: &Caller,
        decision: Decision,
        now: Timestamp,
    ) -> Answer {
        if let Decision::Deny(reasons) = decision {
            return self.deny(subject, reasons, None, None);
        }
        let quota = match &caller.entry.meter {
            None => None,
            Some(meter) => match self.meters.consume(meter, now).await {
                // Waiting for a lease may have outlasted what was believed.
                Counted::Allowed(quota) if self.may_decide_on_cached(home(caller), &caller.entry.kind) => Some(quota),
                Counted::Allowed(_) => return self.refuse(subject, Refusal::StoreUnavailable, None, Some(1)),
                Counted::Exhausted(quota) => return self.refuse_quota(subject, quota),
                Counted::StoreUnavailable if self.may_count_alone(home(caller), &caller.entry.kind) => {
                    match self.meters.consume_alone(meter, now) {
                        Ok(quota) => Some(quota),
                        Err(quota) => return self.refuse_quota(subject, quota),
                    }
                }
                Counted::StoreUnavailable => return self.refuse(subject, Refusal::StoreUnavailable, None, Some(1)),
            },
        };
        self.numbers.allowed.increment(1);
        self.answer(subject, Outcome::Allow, 200, Vec::new(), quota, None)
    }

    /// Denies because a quota is exhausted.
    pub(crate) fn refuse_quota(&self, subject: Subject<'_>, quota: QuotaView) -> Answer {
        self.refuse(subject, Refusal::RateLimited(EXHAUSTED), Some(quota), Some(quota.reset_seconds))
    }

    /// Denies for a reason that no policy gave.
    pub(crate) fn refuse(
        &self,
        subject: Subject<'_>,
        refusal: Refusal,
        quota: Option<QuotaView>,
        retry_after: Option<u64>,
    ) -> Answer {
        self.deny(subject, vec![refusal.reason()], quota, retry_after)
    }

    pub(crate) fn deny(
        &self,
        subject: Subject<'_>,
        mut reasons: Vec<Reason>,
        quota: Option<QuotaView>,
        retry_after: Option<u64>,
    ) -> Answer {
        if !subject.shown {
            // The other policies' reasons tell what the credential is, holds and may do.
            reasons.retain(|reason| reason.code == NOT_BOUND);
            if reasons.is_empty() {
                reasons.push(Refusal::NotAsked.reason());
            }
        }
        let code = reasons.first().map_or("not_permitted", |reason| reason.code.as_str());
        let principal = subject.principal.as_ref().map(|view| stated::in_logs(&view.entry.principal));
        let action = subject.action.as_ref().map_or("", |action| action.name.as_str());
        self.numbers.denied(code);
        self.log.denied(principal.as_deref(), action, code);
        let status = status_of(&reasons);
        self.answer(subject, Outcome::Deny, status, reasons, quota, retry_after)
    }

    fn answer(
        &self,
        subject: Subject<'_>,
        decision: Outcome,
        status: u16,
        reasons: Vec<Reason>,
        quota: Option<QuotaView>,
        retry_after: Option<u64>,
    ) -> Answer {
        if let Some(view) = &subject.principal {
            if let Some(client) = subject.client {
                let code = reasons.first().map(|reason| reason.code.as_str());
                view.entry.uses.hear(client, code.filter(|_| decision == Outcome::Deny));
            }
            if let (Outcome::Allow, Some(action)) = (decision, &subject.action) {
                view.entry.uses.need(&view.entry.principal.scopes, &action.scopes);
            }
            self.usage.count(&view.entry, status);
        }
        let decision_id = self.decision_ids.next();
        self.tell_trail(&subject, decision, &reasons, &decision_id);
        Answer {
            decision,
            status,
            decision_id,
            policy_revision: subject.policy_revision,
            set_digest: subject.set_digest,
            reasons,
            principal: subject.principal.filter(|_| subject.shown),
            quota,
            retry_after,
        }
    }
}

impl Authority {
    /// Has the workspace's audit trail told of a customer's request, where it wants to be.
    fn tell_trail(&self, subject: &Subject<'_>, decision: Outcome, reasons: &[Reason], decision_id: &DecisionId) {
        let (Some(workspace), Some(ip), Some(view)) = (&subject.told_to, subject.client, &subject.principal) else {
            return;
        };
        let is_allow = decision == Outcome::Allow;
        if !workspace.record.settings.audit_decisions.tells_of(is_allow) {
            return;
        }
        let first = reasons.first().map(|reason| (reason.code.as_str(), reason.policy.as_deref()));
        let told = Told {
            workspace,
            principal: &view.entry,
            action: subject.action.as_ref().map(|action| action.name.as_str()),
            denied: first.filter(|_| !is_allow),
            ip,
            environment: view.environment.as_deref(),
            decision_id: decision_id.to_string(),
        };
        self.decisions.tell(told, self.clock.now());
    }
}

fn home(caller: &Caller) -> Shard {
    caller.entry.credential.id().home()
}
