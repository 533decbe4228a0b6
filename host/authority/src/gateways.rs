//! Gateway credentials: what enforcement points ask with.

mod list;

use access_model::audit::AuditRecord;
use access_model::organization::check_name as check_slug;
use access_model::text::quotable;
use access_model::{AllowList, Class, Credential, Gateway, Id, IdKind, PlainSecret, Profile, Shard, Timestamp};
use access_store::{Commit, CommitError, Committed, IndexEntry, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::idempotency::{Done, Idempotency, Recalled};
use crate::issued::Issued;
use crate::keys::{NAME_LENGTH, check_name};
use crate::records::{self, CommitExt as _, TRIES, Versioned};

pub use list::{ACTION_GET, ACTION_LIST};

/// The action of issuing one.
pub const ACTION_ISSUE: &str = "gateways.issue";
/// The action of revoking one.
pub const ACTION_REVOKE: &str = "gateways.revoke";

/// What is told with an answer whose secret was shown before.
const HINT: &str = "the secret was shown once and is not kept; revoke this gateway and issue another";

/// What is asked for. Empty or absent lists of organizations or environments: none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayRequest {
    /// A name for people.
    #[schemars(length(min = 1, max = NAME_LENGTH), extend("x-catalog" = "name"), example = &"edge")]
    pub name: String,
    /// Organizations that it may ask for: public ids, or `*`.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "gateway_organizations"))]
    pub organizations: Vec<String>,
    /// Environments that it may ask for: names, or `*`.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "gateway_environments"))]
    pub environments: Vec<String>,
    /// The environment of all its questions, where it fixes one.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "environment"))]
    pub environment: Option<String>,
    /// Which product it is, for `/v1/forward-auth`; absent or null: it does not ask there.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// Networks that it may ask from; absent or null means no restriction.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "allow_list"))]
    pub ip_allow: Option<Vec<String>>,
}

/// A gateway credential as it is shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Gateway", example = example())]
pub struct GatewayView {
    /// Public id.
    pub id: Id,
    /// A name for people.
    pub name: String,
    /// `active` or `revoked`.
    #[schemars(extend("enum" = ["active", "revoked"]))]
    pub state: &'static str,
    /// Organizations that it may ask for.
    pub organizations: Vec<String>,
    /// Environments that it may ask for.
    pub environments: Vec<String>,
    /// The environment that it fixes.
    pub environment: Option<String>,
    /// Which product it is; null: it is not for `/v1/forward-auth`.
    pub profile: Option<Profile>,
    /// Networks that it may ask from; null means no restriction.
    pub ip_allow: Option<Vec<String>>,
    /// When it was issued.
    pub created_at: Timestamp,
}

fn example() -> Value {
    json!({
        "id": Id::example(IdKind::Gateway),
        "name": "edge",
        "state": "active",
        "organizations": [Id::example(IdKind::Organization)],
        "environments": ["*"],
        "environment": null,
        "profile": "nginx",
        "ip_allow": null,
        "created_at": "2026-01-31T12:00:00.000Z",
    })
}

impl From<&Gateway> for GatewayView {
    fn from(gateway: &Gateway) -> Self {
        Self {
            id: gateway.id,
            name: gateway.name.clone(),
            state: if gateway.revoked_at.is_none() { "active" } else { "revoked" },
            organizations: gateway.organizations.clone(),
            environments: gateway.environments.clone(),
            environment: gateway.environment.clone(),
            profile: gateway.profile,
            ip_allow: gateway.ip_allow.as_ref().map(AllowList::to_strings),
            created_at: gateway.created_at,
        }
    }
}

impl Authority {
    /// Issues a gateway credential.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field; [`Error::IdempotencyKeyReused`].
    pub async fn issue_gateway(
        &self,
        permit: &Permit,
        request: GatewayRequest,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done<Issued<GatewayView>>, Error> {
        permit.covers(ACTION_ISSUE)?;
        let attempt = permit.attempt("gateways", idempotency);
        for _ in 0..TRIES {
            let slot = match attempt.recall(self.store.as_ref(), Shard::PLATFORM, self.clock.now()).await? {
                Recalled::Answer(answer) => return Ok(Done::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            let (gateway, secret) = self.new_gateway(request.clone()).await?;
            let mut commit = Commit::new(Shard::PLATFORM);
            let entry = IndexEntry { score: gateway.created_at.as_millis(), member: gateway.id.to_string() };
            commit.index_puts.push((records::GATEWAYS.to_owned(), entry));
            commit.put_new(records::credential(&gateway.id), &Credential::Gateway(gateway.clone()))?;
            append(&mut commit, &self.gateway_record(permit, None, &gateway)?)?;
            let shown = GatewayView::from(&gateway);
            slot.remember(&mut commit, &shown, Some(HINT))?;
            match self.store.commit(commit).await {
                Ok(Committed { sequence: version, .. }) => return Ok(Done::Now(Issued { shown, secret, version })),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// The credential that is asked for, and its secret. Nothing of it is kept yet.
    async fn new_gateway(&self, request: GatewayRequest) -> Result<(Gateway, PlainSecret), Error> {
        check_name(&request.name)?;
        let limits = &self.catalog.limits;
        let capped = |field, length: usize, most: usize| {
            if length <= most {
                Ok(())
            } else {
                Err(Error::invalid(field, format!("may name {most} at most; `*` is every one")))
            }
        };
        capped("organizations", request.organizations.len(), limits.gateway_organizations)?;
        capped("environments", request.environments.len(), limits.gateway_environments)?;
        for organization in request.organizations.iter().filter(|organization| *organization != "*") {
            let id: Option<Id> = organization.parse().ok().filter(|id: &Id| id.kind() == IdKind::Organization);
            let id = id.ok_or_else(|| {
                Error::invalid("organizations", format!("`{}` is not an organization's id", quotable(organization)))
            })?;
            if self.organization(&id).await?.is_none() {
                return Err(Error::invalid("organizations", format!("there is no organization `{id}`")));
            }
        }
        if let Some(environment) = &request.environment {
            check_slug(environment).map_err(|error| Error::invalid("environment", error))?;
        }
        for environment in request.environments.iter().filter(|environment| *environment != "*") {
            check_slug(environment).map_err(|error| Error::invalid("environments", error))?;
        }
        let most = self.catalog.limits.allow_list;
        let ip_allow = request.ip_allow.map(|list| AllowList::parse(&list, most)).transpose();
        let kind = self.catalog.kind_of_class(Class::Gateway);
        let kind = kind.ok_or_else(|| Error::internal("the catalog has no kind of class `gateway`"))?;
        let (entropy, now) = (self.entropy.as_ref(), self.clock.now());
        let id = Id::draw(IdKind::Gateway, Shard::PLATFORM, entropy)?;
        let secret = PlainSecret::draw(&kind.prefix, &id, entropy)?;
        let gateway = Gateway {
            id,
            kind: kind.name.clone(),
            name: request.name,
            organizations: request.organizations,
            environments: request.environments,
            environment: request.environment,
            profile: request.profile,
            ip_allow: ip_allow.map_err(Error::list("ip_allow"))?,
            secret: self.digest(&secret)?,
            created_at: now,
            revoked_at: None,
        };
        Ok((gateway, secret))
    }

    /// Ends a gateway credential for good.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_gateway(&self, permit: &Permit, id: &Id) -> Result<GatewayView, Error> {
        permit.covers(ACTION_REVOKE)?;
        for _ in 0..TRIES {
            let missing = || Error::NotFound { what: "gateway", id: id.to_string() };
            if id.kind() != IdKind::Gateway || id.home() != Shard::PLATFORM {
                return Err(missing());
            }
            let found = records::read::<Credential>(self.store.as_ref(), id.home(), records::credential(id)).await?;
            let Versioned { value: Credential::Gateway(before), check } = found.ok_or_else(missing)? else {
                return Err(missing());
            };
            if before.revoked_at.is_some() {
                return Ok((&before).into());
            }
            let after = Gateway { revoked_at: Some(self.clock.now()), ..before.clone() };
            let mut commit = Commit::new(Shard::PLATFORM);
            commit.checks.push(check);
            commit.put_credential(&Credential::Gateway(after.clone()))?;
            append(&mut commit, &self.gateway_record(permit, Some(&before), &after)?)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok((&after).into()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    fn gateway_record(&self, permit: &Permit, before: Option<&Gateway>, after: &Gateway) -> Result<AuditRecord, Error> {
        let shown = |of: &Gateway| serde_json::to_value(GatewayView::from(of)).map_err(Error::internal);
        Ok(AuditRecord {
            id: Id::draw(IdKind::Audit, Shard::PLATFORM, self.entropy.as_ref())?,
            at: self.clock.now(),
            organization: None,
            workspace: None,
            actor: permit.actor(),
            action: permit.action().to_owned(),
            target: after.id.to_string(),
            decision_id: Some(permit.decision_id().to_string()),
            before: before.map(shown).transpose()?,
            after: Some(shown(after)?),
        })
    }
}
