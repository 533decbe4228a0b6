//! Our own endpoints, decided like anybody's: the same identification, facts, policies, quota and log.

use std::net::IpAddr;
use std::sync::Arc;

use access_model::meter::QuotaView;
use access_model::{Id, PlainSecret, Timestamp};
use cronflow_policy_cases::{Action, Attributes, Decision, FactsRef, Request, Resource, Value};

use crate::authority::Authority;
use crate::decide::answer::PrincipalView;
use crate::decide::cache::WorkspaceEntry;
use crate::decide::identify::Caller;
use crate::decide::meter::{Counted, Meter};
use crate::decide::permit::Permit;
use crate::decide::refusal::Refusal;
use crate::decide::settle::Subject;
use crate::error::Error;
use crate::policies::Rules;

/// What an endpoint of ours is about to act on.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// `organization`, `workspace`, `key`, `gateway`, …
    pub kind: Option<&'static str>,
    /// Public id.
    pub id: Option<String>,
    /// The organization, where it is one or is about to lie in one.
    pub organization: Option<Id>,
    /// The workspace, where it lies in one.
    pub workspace: Option<Place>,
    /// What policies are to know of it besides.
    pub(crate) attributes: Attributes,
}

/// Which workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The one with this id.
    Named(Id),
    /// That of whoever asks.
    Own,
}

impl From<Id> for Place {
    fn from(id: Id) -> Self {
        Self::Named(id)
    }
}

impl Target {
    /// An organization, or what lies in it and in none of its workspaces.
    pub fn organization(id: Id) -> Self {
        Self { kind: Some("organization"), id: Some(id.to_string()), organization: Some(id), ..Self::default() }
    }

    /// A workspace, or what lies in it.
    pub fn workspace(place: impl Into<Place>) -> Self {
        Self { kind: Some("workspace"), workspace: Some(place.into()), ..Self::default() }
    }

    /// A key of a workspace.
    pub fn key(workspace: impl Into<Place>, key: &Id) -> Self {
        Self { kind: Some("key"), id: Some(key.to_string()), ..Self::workspace(workspace) }
    }

    /// A webhook endpoint of a workspace.
    pub fn webhook(workspace: impl Into<Place>, webhook: &Id) -> Self {
        Self { kind: Some("webhook"), id: Some(webhook.to_string()), ..Self::workspace(workspace) }
    }

    /// A policy of a workspace.
    pub fn policy(workspace: impl Into<Place>, name: &str) -> Self {
        Self { kind: Some("policy"), id: Some(name.chars().take(63).collect()), ..Self::workspace(workspace) }
    }

    /// A gateway's credential.
    pub fn gateway(id: &Id) -> Self {
        Self { kind: Some("gateway"), id: Some(id.to_string()), ..Self::default() }
    }

    /// A member of an organization.
    pub fn member(organization: Id, member: &Id) -> Self {
        Self { kind: Some("member"), id: Some(member.to_string()), ..Self::organization(organization) }
    }

    /// An invitation into an organization.
    pub fn invitation(organization: Id, invitation: &Id) -> Self {
        Self { kind: Some("invitation"), id: Some(invitation.to_string()), ..Self::organization(organization) }
    }

    /// A role of an organization.
    pub fn role(organization: Id, name: &str) -> Self {
        let id = Some(name.chars().take(63).collect());
        Self { kind: Some("role"), id, ..Self::organization(organization) }
    }

    /// A client of an organization.
    pub fn client(organization: Id, client: &Id) -> Self {
        Self { kind: Some("client"), id: Some(client.to_string()), ..Self::organization(organization) }
    }

    /// Whoever asks, and what is its own. It lies in nobody's books.
    pub fn own(caller: &Caller) -> Self {
        Self { kind: Some("profile"), id: Some(caller.entry.principal.id.clone()), ..Self::default() }
    }

    /// The platform itself.
    pub fn platform() -> Self {
        Self::default()
    }
}

/// What would be handed out.
#[derive(Debug)]
pub(crate) struct Grant<'a> {
    /// `grant` of a key or client, `role_grant` of roles.
    pub(crate) kind: &'static str,
    /// What it takes the place of, or whom it is for.
    pub(crate) id: Option<&'a Id>,
    /// What it would hand out.
    pub(crate) attributes: Attributes,
    /// What else policies are to know.
    pub(crate) context: Attributes,
}

/// What a decision about our own books is made of.
struct Asked<'a> {
    rules: &'a Rules,
    caller: &'a Caller,
    action: &'a Arc<Action>,
    client: Option<IpAddr>,
    workspace: Option<&'a WorkspaceEntry>,
    resource: Resource,
    context: Attributes,
    now: Timestamp,
}

impl Authority {
    /// Identifies who asks one of our own endpoints.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub async fn caller(&self, secret: &PlainSecret, client: Option<IpAddr>) -> Result<Caller, Error> {
        let now = self.clock.now();
        let identified = self.identify(secret, None, client, now).await;
        identified.map_err(|(refusal, retry_after)| self.deny_unidentified(refusal, retry_after))
    }

    /// The denial of whoever could not be identified.
    pub(crate) fn deny_unidentified(&self, refusal: Refusal, retry_after: Option<u64>) -> Error {
        let subject = Subject::new(&self.policies.current(), None);
        let limit = self.catalog.limits.failed_identifications;
        let throttled = matches!(refusal, Refusal::RateLimited(_));
        let quota =
            retry_after.filter(|_| throttled).map(|reset_seconds| QuotaView { limit, remaining: 0, reset_seconds });
        Error::Denied(Box::new(self.refuse(subject, refusal, quota, retry_after)))
    }

    /// The denial of a request that presents nothing.
    pub fn deny_anonymous(&self) -> Error {
        let subject = Subject::new(&self.policies.current(), None);
        Error::Denied(Box::new(self.refuse(subject, Refusal::Unauthenticated, None, None)))
    }

    /// Decides whether `caller`, asking from `client`, may do `action` to `target`. A caller with a quota uses it up here as
    /// it does everywhere.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::NotFound`] for an organization or workspace that does not exist, to those who could see
    /// it if it did.
    pub async fn require(
        &self,
        caller: &Caller,
        action: &str,
        target: Target,
        client: Option<IpAddr>,
    ) -> Result<Permit, Error> {
        self.require_counted(caller, action, target, client, caller.entry.meter.as_ref()).await
    }

    /// The same, counted by that meter.
    pub(crate) async fn require_counted(
        &self,
        caller: &Caller,
        action: &str,
        target: Target,
        client: Option<IpAddr>,
        meter: Option<&Arc<Meter>>,
    ) -> Result<Permit, Error> {
        let rules = self.policies.current();
        let now = self.clock.now();
        let action = self.catalog.action(action).ok_or_else(|| {
            Error::internal(format!(
                "the catalog has no action `{action}`; it needs all of the shipped one's that are not customer actions"
            ))
        })?;
        let denied = |answer| Error::Denied(Box::new(answer));
        if let Some(Err(quota)) = meter.map(|meter| self.meters.attempt(meter, now)) {
            return Err(denied(self.refuse_quota(asking(&rules, caller, action), quota)));
        }
        let mut caller = caller.clone();
        if let Some(Place::Named(id)) = target.workspace
            && !self.place(&mut caller, Some(&id.to_string())).await?
        {
            return Err(denied(self.refuse(asking(&rules, &caller, action), Refusal::Unauthenticated, None, None)));
        }
        let caller = &caller;
        let own = || caller.workspace.as_ref().map(|workspace| workspace.record.id);
        let id = target.workspace.and_then(|place| if let Place::Named(id) = place { Some(id) } else { own() });
        let workspace = match &id {
            Some(id) => self.workspace(id).await?,
            None => None,
        };
        let resource = Resource {
            kind: target.kind.map(str::to_owned),
            id: target.id,
            workspace: id.map(|id| id.to_string()),
            attributes: with_organization(target.attributes, target.organization.as_ref()),
        };
        let context = caller.held(&action.name, &resource.attributes);
        let asked =
            Asked { rules: &rules, caller, action, client, workspace: workspace.as_deref(), resource, context, now };
        self.judge(&asked)?;
        if let Some(meter) = meter {
            match self.meters.consume(meter, now).await {
                // Waiting for a lease may have outlasted what was believed.
                Counted::Allowed(_) => self.check_fresh(caller.entry.credential.id().home())?,
                Counted::Exhausted(quota) => {
                    return Err(denied(self.refuse_quota(asking(&rules, caller, action), quota)));
                }
                Counted::StoreUnavailable => return Err(Error::StoreUnavailable),
            }
        }
        caller.entry.uses.need(&caller.entry.principal.scopes, &action.scopes);
        self.usage.count(&caller.entry, 200);
        let missing = |what, id: &Id| Error::NotFound { what, id: id.to_string() };
        if target.workspace.is_some() && workspace.is_none() {
            let id = id.map_or_else(|| "own".to_owned(), |id| id.to_string());
            return Err(Error::NotFound { what: "workspace", id });
        }
        let organization = match &target.organization {
            Some(id) => Some(self.organization(id).await?.ok_or_else(|| missing("organization", id))?),
            None => None,
        };
        Ok(Permit {
            action: Arc::clone(action),
            caller: caller.clone(),
            client,
            organization,
            workspace,
            decision_id: self.decision_ids.next(),
        })
    }

    /// Refuses a permit whose holder may be nobody by now: to be asked when something was waited for that the holder can put off.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::StoreUnavailable`].
    pub async fn check_still(&self, permit: &Permit) -> Result<(), Error> {
        match self.identified_still(&permit.caller, self.clock.now()).await? {
            Some(_) => Ok(()),
            None => Err(self.deny_ended(permit)),
        }
    }

    /// The denial of a caller who was identified, and is not any more.
    pub(crate) fn deny_ended(&self, permit: &Permit) -> Error {
        let rules = self.policies.current();
        let subject = asking(&rules, &permit.caller, &permit.action);
        Error::Denied(Box::new(self.refuse(subject, Refusal::Unauthenticated, None, None)))
    }

    /// Decides once more about a permit's action, now that it is known what it would hand out. What comes out stands for both
    /// decisions.
    ///
    /// The caller is looked up anew, since the body may have been long in coming, and a revoked key must grant nothing.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub(crate) async fn require_grant(&self, permit: &Permit, grant: Grant<'_>) -> Result<Permit, Error> {
        let rules = self.policies.current();
        let now = self.clock.now();
        let Some(caller) = self.identified_still(&permit.caller, now).await? else {
            return Err(self.deny_ended(permit));
        };
        let workspace = permit.workspace.as_deref();
        let organization = permit.organization.as_ref().map(|organization| &organization.record.id);
        let resource = Resource {
            kind: Some(grant.kind.to_owned()),
            id: grant.id.map(Id::to_string),
            workspace: workspace.map(|workspace| workspace.facts.id.clone()),
            attributes: with_organization(grant.attributes, organization),
        };
        let Permit { action, client, .. } = permit;
        let mut context = grant.context;
        context.extend(caller.held(&action.name, &resource.attributes));
        let (caller, client) = (&caller, *client);
        self.judge(&Asked { rules: &rules, caller, action, client, workspace, resource, context, now })?;
        Ok(Permit {
            action: Arc::clone(action),
            caller: caller.clone(),
            client,
            organization: permit.organization.clone(),
            workspace: permit.workspace.clone(),
            decision_id: self.decision_ids.next(),
        })
    }

    fn judge(&self, asked: &Asked<'_>) -> Result<(), Error> {
        let Asked { rules, caller, action, client, workspace, resource, context, now } = asked;
        let request = Request { ip: client.map(|ip| ip.to_canonical().to_string()), ..Request::default() };
        let decision = rules.set.decide(FactsRef {
            now: now.as_millis(),
            principal: &caller.entry.principal,
            organization: caller.organization.as_ref().map(|organization| &organization.facts),
            workspace: workspace.map(|workspace| &workspace.facts),
            gateway: caller.entry.gateway.as_ref(),
            action,
            request: &request,
            resource,
            context,
        });
        match decision {
            Decision::Allow => Ok(()),
            Decision::Deny(reasons) => {
                Err(Error::Denied(Box::new(self.deny(asking(rules, caller, action), reasons, None, None))))
            }
        }
    }
}

/// What lies in an organization says so.
fn with_organization(mut attributes: Attributes, organization: Option<&Id>) -> Attributes {
    attributes.extend(organization.map(|id| ("organization".to_owned(), Value::Text(id.to_string()))));
    attributes
}

pub(crate) fn asking(rules: &Rules, caller: &Caller, action: &Arc<Action>) -> Subject<'static> {
    let mut subject = Subject::new(rules, None);
    subject.asked(PrincipalView { entry: Arc::clone(&caller.entry), environment: None }, action);
    subject
}
