//! Our own endpoints, decided like anybody's: the same identification, facts, policies and log.

use std::net::IpAddr;
use std::sync::Arc;

use access_model::meter::QuotaView;
use access_model::{Id, PlainSecret};
use cronflow_policy_cases::{Attributes, Decision, FactsRef, Request, Resource};

use crate::authority::Authority;
use crate::decide::answer::PrincipalView;
use crate::decide::identify::Caller;
use crate::decide::permit::Permit;
use crate::decide::refusal::Refusal;
use crate::decide::settle::Subject;
use crate::error::Error;

/// What an endpoint of ours is about to act on.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// `workspace`, `key`, `gateway`, …
    pub kind: Option<&'static str>,
    /// Public id.
    pub id: Option<String>,
    /// The workspace, where it lies in one.
    pub workspace: Option<Id>,
}

impl Target {
    /// A workspace, or what lies in it.
    pub const fn workspace(id: Id) -> Self {
        Self { kind: Some("workspace"), id: None, workspace: Some(id) }
    }

    /// A key of a workspace.
    pub fn key(workspace: Id, key: &Id) -> Self {
        Self { kind: Some("key"), id: Some(key.to_string()), workspace: Some(workspace) }
    }

    /// A gateway's credential.
    pub fn gateway(id: &Id) -> Self {
        Self { kind: Some("gateway"), id: Some(id.to_string()), workspace: None }
    }

    /// The platform itself.
    pub fn platform() -> Self {
        Self::default()
    }
}

impl Authority {
    /// Identifies who asks one of our own endpoints.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub async fn caller(&self, secret: &PlainSecret, client: Option<IpAddr>) -> Result<Caller, Error> {
        let now = self.clock.now();
        self.identify(secret, None, client, now).await.map_err(|(refusal, retry_after)| {
            let subject = Subject::new(&self.policies.current(), None);
            let limit = self.catalog.limits.failed_identifications;
            let throttled = matches!(refusal, Refusal::RateLimited(_));
            let quota =
                retry_after.filter(|_| throttled).map(|reset_seconds| QuotaView { limit, remaining: 0, reset_seconds });
            Error::Denied(Box::new(self.refuse(subject, refusal, quota, retry_after)))
        })
    }

    /// The denial of a request that presents nothing.
    pub fn deny_anonymous(&self) -> Error {
        let subject = Subject::new(&self.policies.current(), None);
        Error::Denied(Box::new(self.refuse(subject, Refusal::Unauthenticated, None, None)))
    }

    /// Decides whether `caller`, asking from `client`, may do `action` to `target`.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::NotFound`] for a workspace that does not exist, to those who could see it if it did.
    pub async fn require(
        &self,
        caller: &Caller,
        action: &str,
        target: Target,
        client: Option<IpAddr>,
    ) -> Result<Permit, Error> {
        let rules = self.policies.current();
        let action = self.catalog.action(action).ok_or_else(|| {
            Error::internal(format!(
                "the catalog has no action `{action}`; it needs all of the shipped one's that are not customer actions"
            ))
        })?;
        let workspace = match &target.workspace {
            Some(id) => self.workspace(id).await?,
            None => None,
        };
        let request = Request { ip: client.map(|ip| ip.to_canonical().to_string()), ..Request::default() };
        let resource = Resource {
            kind: target.kind.map(str::to_owned),
            id: target.id,
            workspace: target.workspace.map(|id| id.to_string()),
            attributes: Attributes::new(),
        };
        let decision = rules.set.decide(FactsRef {
            now: self.clock.now().as_millis(),
            principal: &caller.entry.principal,
            organization: caller.organization.as_ref().map(|organization| &organization.facts),
            workspace: workspace.as_ref().map(|workspace| &workspace.facts),
            gateway: None,
            action,
            request: &request,
            resource: &resource,
            context: &Attributes::new(),
        });
        if let Decision::Deny(reasons) = decision {
            let mut subject = Subject::new(&rules, None);
            subject.asked(PrincipalView { entry: Arc::clone(&caller.entry), environment: None }, action);
            return Err(Error::Denied(Box::new(self.deny(subject, reasons, None, None))));
        }
        if let (Some(id), None) = (target.workspace, &workspace) {
            return Err(Error::NotFound { what: "workspace", id: id.to_string() });
        }
        Ok(Permit {
            action: Arc::clone(action),
            caller: Arc::clone(&caller.entry),
            workspace,
            decision_id: self.decision_ids.next(),
        })
    }
}
