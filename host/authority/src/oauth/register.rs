//! Register a client.

use access_model::audit::{Actor, AuditRecord};
use access_model::organization::check_name as check_slug;
use access_model::text::quotable;
use access_model::{
    AllowList, Class, Client, ClientTerms, Credential, Entropy, EventKind, Id, IdKind, Kind, OwnerState, PlainSecret,
    Timestamp,
};
use access_store::{Commit, CommitError, Committed, IndexEntry, Store};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::actions;
use super::view::{ClientIssued, ClientView};
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::due::schedule_client;
use crate::error::Error;
use crate::events::{client_event, record};
use crate::idempotency::{Done, Idempotency, Recalled};
use crate::keys::{NAME_LENGTH, check_name, distinct};
use crate::records::{self, CommitExt as _, TRIES};

/// What is told with an answer whose secret was shown before.
pub(super) const HINT: &str = "the secret was shown once and is not kept; rotate the client's secret to get another";

/// What is asked for. Empty or absent lists: none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClientRequest")]
pub struct ClientRequest {
    /// A name for people, 1 to 120 characters.
    #[schemars(length(min = 1, max = NAME_LENGTH), extend("x-catalog" = "name"), example = &"billing")]
    pub name: String,
    /// Scopes that its tokens may hold.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "scopes"))]
    pub scopes: Vec<String>,
    /// Workspaces of its organization that its tokens may serve, as public ids.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "client_workspaces"))]
    pub workspaces: Vec<String>,
    /// Environments that its tokens may act in: names, or `*`; absent means every one.
    #[serde(default = "every")]
    #[schemars(extend("x-catalog" = "client_environments"))]
    pub environments: Vec<String>,
    /// Networks that it and its tokens may be used from; absent or null means no restriction.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "allow_list"))]
    pub ip_allow: Option<Vec<String>>,
}

fn every() -> Vec<String> {
    vec!["*".to_owned()]
}

impl Authority {
    /// Registers a client of the permit's organization.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field; [`Error::Client`] for scopes that clients can't hold; [`Error::NotActive`];
    /// [`Error::Denied`] for what the caller may not hand out; [`Error::IdempotencyKeyReused`].
    pub async fn register_client(
        &self,
        permit: &Permit,
        request: ClientRequest,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done<ClientIssued>, Error> {
        permit.covers(actions::REGISTER)?;
        let organization = permit.organization()?.record.id;
        let attempt = permit.attempt(&organization.to_string(), idempotency);
        for _ in 0..TRIES {
            let (home, entropy, now) = (organization.home(), self.entropy.as_ref(), self.clock.now());
            let slot = match attempt.recall(self.store.as_ref(), home, now).await? {
                Recalled::Answer(answer) => return Ok(Done::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            if permit.organization()?.record.state != OwnerState::Active {
                return Err(Error::NotActive { what: "organization", state: "suspended or archived" });
            }
            let terms = self.terms(&organization, request.clone()).await?;
            let kind = self.client_kind()?;
            let id = Id::draw(IdKind::Client, home, entropy)?;
            let secret = PlainSecret::draw(&kind.prefix, &id, entropy)?;
            let digest = self.digest(&secret)?;
            let client = Client::register(id, organization, terms, digest, permit.issuer(), kind, now)?;
            let permit = self.permit_client(permit, &client, None).await?;
            let mut commit = Commit::new(home);
            let decision = Some(permit.decision_id().to_string());
            put_new_client(&mut commit, &client, kind, permit.actor(), decision, now, entropy)?;
            let shown = ClientView::new(&client, now);
            slot.remember(&mut commit, &shown, Some(HINT))?;
            match self.store.commit(commit).await {
                Ok(Committed { sequence: version, .. }) => {
                    return Ok(Done::Now(ClientIssued { shown, secret, version }));
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// What is asked for, checked.
    pub(super) async fn terms(&self, organization: &Id, request: ClientRequest) -> Result<ClientTerms, Error> {
        check_name(&request.name)?;
        let limits = &self.catalog.limits;
        let capped = |field, length: usize, most: usize| {
            if length <= most { Ok(()) } else { Err(Error::invalid(field, format!("may name {most} at most"))) }
        };
        capped("workspaces", request.workspaces.len(), limits.client_workspaces)?;
        capped("environments", request.environments.len(), limits.client_environments)?;
        let mut workspaces = Vec::with_capacity(request.workspaces.len());
        for text in &distinct(request.workspaces) {
            // Another organization's is not there, as far as this one may know.
            let missing = || {
                Error::invalid("workspaces", format!("there is no workspace `{}` here; state its id", quotable(text)))
            };
            let id: Id = text.parse().map_err(|_| missing())?;
            let is_here = id.kind() == IdKind::Workspace && id.home() == organization.home();
            let found = if is_here { self.workspace(&id).await? } else { None };
            let found = found.filter(|workspace| workspace.record.organization == *organization);
            workspaces.push(found.ok_or_else(missing)?.record.id);
        }
        for environment in request.environments.iter().filter(|environment| *environment != "*") {
            check_slug(environment).map_err(|error| Error::invalid("environments", error))?;
        }
        let ip_allow = request.ip_allow.map(|list| AllowList::parse(&list, limits.allow_list)).transpose();
        Ok(ClientTerms {
            name: request.name,
            scopes: distinct(request.scopes),
            workspaces,
            environments: distinct(request.environments),
            ip_allow: ip_allow.map_err(Error::list("ip_allow"))?,
        })
    }

    pub(super) fn client_kind(&self) -> Result<&Kind, Error> {
        let kind = self.catalog.kind_of_class(Class::Client);
        let none = || Error::Conflict("the catalog has no kind of class `client`, so there are no clients".to_owned());
        kind.map(std::sync::Arc::as_ref).ok_or_else(none)
    }
}

/// Puts a new client, its place in the organization's list and its audit record into `commit`.
pub(crate) fn put_new_client(
    commit: &mut Commit,
    client: &Client,
    kind: &Kind,
    actor: Actor,
    decision_id: Option<String>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), Error> {
    let entry = IndexEntry { score: client.created_at.as_millis(), member: client.id.to_string() };
    commit.index_puts.push((records::clients_of(&client.organization), entry.clone()));
    commit.index_puts.extend(client.issued_by.map(|member| (records::issued_by(&member), entry)));
    commit.put_new(records::credential(&client.id), &Credential::Client(client.clone()))?;
    schedule_client(commit, client, &kind.upkeep, now);
    let told = json!({ "name": client.terms.name, "scopes": client.terms.scopes, "by": actor });
    record(commit, &client_event(EventKind::ClientRegistered, client, now, entropy)?.with(told))?;
    let after = serde_json::to_value(ClientView::new(client, now)).map_err(Error::internal)?;
    append(
        commit,
        &AuditRecord {
            id: Id::draw(IdKind::Audit, client.organization.home(), entropy)?,
            at: now,
            organization: Some(client.organization),
            workspace: None,
            actor,
            action: actions::REGISTER.to_owned(),
            target: client.id.to_string(),
            decision_id,
            before: None,
            after: Some(after),
        },
    )
}
