//! The way of a customer's request, on one screen.

use access_model::Credential;
use access_model::network::Address;

use crate::authority::Authority;
use crate::decide::answer::Answer;
use crate::decide::gather::{Question, Whom};
use crate::decide::permit::Permit;
use crate::decide::refusal::Refusal;
use crate::decide::settle::Subject;

/// The action of asking.
pub const ACTION: &str = "decisions.ask";

impl Authority {
    /// Decides a question of the enforcement point that `asker` was made for.
    ///
    /// Always an answer: a denial is a value, and what can't be decided is denied with a code of its own.
    pub async fn authorize(&self, asker: &Permit, mut question: Question) -> Answer {
        let rules = self.policies.current();
        let now = self.clock.now();
        let gateway = asker.caller().entry.gateway.as_ref();
        let mut subject = Subject::new(&rules, gateway);
        if asker.covers(ACTION).is_err() {
            return self.refuse(subject, Refusal::NotAsked, None, None);
        }

        // What the gateway fixes stands; a request may only be silent about it or agree. Disagreement is the policies'
        // to judge: the gateway's facts then name the one environment that it is bound to.
        if let (Credential::Gateway(fixing), None) = (&asker.caller().entry.credential, &question.environment) {
            question.environment.clone_from(&fixing.environment);
        }

        // identify
        let client = question.ip.as_ref().map(Address::ip);
        let by = gateway.map(|_| *asker.caller().entry.credential.id());
        let min_revision = question.min_revision;
        let identified = match &question.whom {
            Whom::Presents(secret) => self.identify(secret, by, client, now).await,
            Whom::Stated(stated) => Box::pin(self.stated(stated, asker, question.resource.workspace.as_deref())).await,
        };
        let mut caller = match identified {
            Ok(caller) => caller,
            Err((refusal, retry_after)) => return self.refuse(subject, refusal, None, retry_after),
        };
        match self.place(&mut caller, question.resource.workspace.as_deref()).await {
            Ok(true) => {}
            Ok(false) => return self.refuse(subject, Refusal::Unauthenticated, None, None),
            Err(_) => return self.refuse(subject, Refusal::StoreUnavailable, None, Some(1)),
        }
        subject.identified(&rules, &caller, &question);

        // gather: exhausted quotas answer here, before any policy runs
        if subject.is_shown()
            && let Some(meter) = &caller.entry.meter
            && let Err(quota) = self.meters.attempt(meter, now)
        {
            return self.refuse_quota(subject, quota);
        }
        if let Some(least) = min_revision.filter(|_| subject.is_shown()) {
            let known = self.with_policies_since(&mut caller, least).await;
            subject.judged_by(&rules, &caller);
            if let Err(refusal) = known {
                return self.refuse(subject, refusal, None, Some(1));
            }
        }
        let gathered = match self.gather(&caller, gateway, question, now) {
            Ok(gathered) => gathered,
            Err(refusal) => return self.refuse(subject, refusal, None, None),
        };
        subject.gathered(&gathered);

        // evaluate
        let decision = match self.evaluate(&rules, &caller, gathered.facts(&caller, gateway)).await {
            Ok(decision) => decision,
            Err(refusal) => return self.refuse(subject, refusal, None, Some(1)),
        };

        // settle
        self.settle(subject, &caller, decision, now).await
    }

    /// Denies a question that its gateway left open. `message` says what is missing.
    pub fn deny_not_stated(&self, asker: &Permit, message: String) -> Answer {
        self.refuse_question(asker, Refusal::NotStated(message))
    }

    /// Denies a question of a gateway whose client put a secret into the query (RFC 6750 §2.3 forbids servers to take it there).
    pub fn deny_secret_in_query(&self, asker: &Permit) -> Answer {
        self.refuse_question(asker, Refusal::SecretInQuery)
    }

    fn refuse_question(&self, asker: &Permit, refusal: Refusal) -> Answer {
        let subject = Subject::new(&self.policies.current(), asker.caller().entry.gateway.as_ref());
        self.refuse(subject, refusal, None, None)
    }
}
