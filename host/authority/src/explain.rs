//! Explain: what would be decided about a request, and how each policy comes to its verdict. Nothing is counted, logged as a
//! decision, or done.

use std::sync::Arc;

use access_engine::{Judgement, Leaf, Mode, Outcome, Step, Trace};
use access_model::network::Address;
use access_model::{Id, Timestamp};
use cronflow_policy_cases::{Attributes, Decision, Effect, Reason, Resource, VerdictReason};

use crate::authority::Authority;
use crate::decide::gather::{Question, Whom};
use crate::decide::refusal::Refusal;
use crate::decide::{Permit, Properties};
use crate::error::Error;
use crate::policies::actions;
use crate::policies::tenant_set::TenantPolicies;

/// A request to be tried.
#[derive(Debug, Clone)]
pub struct TryRequest {
    /// The key that would present itself, by its public id.
    pub key: Id,
    /// The method that it would use.
    pub method: String,
    /// The path that it would ask for.
    pub path: String,
    /// From where.
    pub ip: Option<Address>,
    /// Where.
    pub environment: Option<String>,
}

/// What would be decided, and why.
#[derive(Debug, Clone)]
pub struct Explained {
    /// Whether it would be allowed.
    pub is_allowed: bool,
    /// Why not.
    pub reasons: Vec<Reason>,
    /// What each policy says, the platform's first. None is asked where the host answers before any would be.
    pub policies: Vec<PolicySaid>,
}

/// What a policy says.
#[derive(Debug, Clone)]
pub struct PolicySaid {
    /// Its name.
    pub policy: String,
    /// Whether it is the workspace's own.
    pub is_own: bool,
    /// Whether it is watched alone, and counts for nothing.
    pub is_monitored: bool,
    /// `permit`, `forbid`, `no_match`, or the code of an error.
    pub effect: &'static str,
    /// Why it forbids.
    pub reasons: Vec<Reason>,
    /// How it came to that.
    pub steps: Vec<StepSaid>,
}

/// A step on the way to a verdict.
#[derive(Debug, Clone)]
pub struct StepSaid {
    /// The source there, or what was logged.
    pub text: String,
    /// `true`, `false`, `decided`, `noted`, or the code of an error.
    pub outcome: &'static str,
    /// What was read, and what stood there.
    pub leaves: Vec<(String, String)>,
}

impl Authority {
    /// Explains what would be decided about a request by a key of the permit's workspace.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a key that is not the workspace's; [`Error::Busy`].
    pub async fn explain(&self, permit: &Permit, request: TryRequest) -> Result<Explained, Error> {
        permit.covers(actions::GET)?;
        let workspace = permit.workspace_id()?;
        let TryRequest { key, method, path, ip, environment } = request;
        let missing = || Error::NotFound { what: "key", id: key.to_string() };
        let is_here = key.home() == workspace.home();
        let entry = if is_here { self.read_credential(&key).await? } else { None };
        let entry = entry.filter(|entry| entry.workspace == Some(workspace)).ok_or_else(missing)?;
        let now = self.clock.now();
        if !entry.credential.is_valid_at(now) {
            return Ok(Explained::refused(Refusal::Unauthenticated));
        }
        let Some(caller) = self.with_living_parents(entry, now).await? else {
            return Ok(Explained::refused(Refusal::Unauthenticated));
        };
        let question = Question {
            // Whoever asks has a permit, and no secret.
            whom: Whom::Presents(access_model::PlainSecret::new(String::new())),
            method: Some(method),
            path: Some(path),
            ip,
            environment,
            action: None,
            resource: Resource::default(),
            context: Attributes::new(),
            properties: Properties::default(),
            min_revision: None,
        };
        self.explain_to(workspace, caller, question, now).await
    }

    async fn explain_to(
        &self,
        workspace: Id,
        caller: crate::decide::Caller,
        question: Question,
        now: Timestamp,
    ) -> Result<Explained, Error> {
        let gathered = match self.gather(&caller, None, question, now) {
            Ok(gathered) => gathered,
            Err(refusal) => return Ok(Explained::refused(refusal)),
        };
        let own = match caller.workspace.as_deref().map(|workspace| &workspace.policies) {
            Some(TenantPolicies::Loaded(own)) => Some(Arc::clone(own)),
            Some(TenantPolicies::Unavailable(_)) => {
                let message = "the workspace's policies can't be loaded; roll back or delete the one published last";
                return Ok(Explained::refused(Refusal::PolicyUnavailable(message.to_owned())));
            }
            Some(TenantPolicies::None) | None => None,
        };
        let (rules, facts) = (self.policies.current(), gathered.facts(&caller, None).to_facts());
        // It takes as long as a policy may, and is nothing to be quick about: off the runtime, and one after the other.
        let work = move || {
            let (facts, tenant) = (facts.as_ref(), own.as_ref().map(|own| &own.set));
            let decision = rules.set.decide_with(tenant, facts);
            let platforms = rules.set.traces(facts).into_iter().map(|said| PolicySaid::of(said, false));
            let owns = tenant.into_iter().flat_map(|set| set.traces(facts)).map(|said| PolicySaid::of(said, true));
            Explained::new(decision, platforms.chain(owns).collect())
        };
        self.gate_queue.pass(workspace, work).await
    }
}

impl Explained {
    fn new(decision: Decision, policies: Vec<PolicySaid>) -> Self {
        let (is_allowed, reasons) = match decision {
            Decision::Allow => (true, Vec::new()),
            Decision::Deny(reasons) => (false, reasons),
        };
        Self { is_allowed, reasons, policies }
    }

    fn refused(refusal: Refusal) -> Self {
        Self { is_allowed: false, reasons: vec![refusal.reason()], policies: Vec::new() }
    }
}

impl PolicySaid {
    fn of((policy, mode, trace): (&str, Mode, Trace), is_own: bool) -> Self {
        let (effect, reasons) = match trace.verdict {
            Judgement::Verdict { effect: Effect::Permit, .. } => ("permit", Vec::new()),
            Judgement::Verdict { effect: Effect::NoMatch, .. } => ("no_match", Vec::new()),
            Judgement::Verdict { effect: Effect::Forbid, reasons, .. } => ("forbid", reasons),
            Judgement::Error { error } => (error, Vec::new()),
        };
        let reason = |reason: VerdictReason| Reason {
            code: reason.code,
            policy: Some(policy.to_owned()),
            message: reason.message,
        };
        Self {
            policy: policy.to_owned(),
            is_own,
            is_monitored: mode == Mode::Monitor,
            effect,
            reasons: reasons.into_iter().map(reason).collect(),
            steps: trace.steps.into_iter().map(StepSaid::from).collect(),
        }
    }
}

impl From<Step> for StepSaid {
    fn from(Step { text, outcome, leaves, .. }: Step) -> Self {
        let outcome = match outcome {
            Outcome::True => "true",
            Outcome::False => "false",
            Outcome::Decided => "decided",
            Outcome::Noted => "noted",
            Outcome::Error(code) => code,
        };
        Self {
            text,
            outcome,
            leaves: leaves.into_iter().map(|Leaf { path, value }| (path, value.to_string())).collect(),
        }
    }
}
