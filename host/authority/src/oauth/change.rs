//! Update, disable, enable and revoke a client: one record, one check, one audit record.

use access_model::audit::AuditRecord;
use access_model::client::ClientError;
use access_model::{AllowList, Client, Credential, EventKind, Id, IdKind, KeyState, Timestamp};
use access_store::{Check, Commit, CommitError, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::actions;
use super::register::ClientRequest;
use super::view::ClientView;
use crate::audit::append;
use crate::authority::Authority;
use crate::current::{Current, IfMatch};
use crate::decide::Permit;
use crate::due::schedule_client;
use crate::error::Error;
use crate::events::{client_event, record};
use crate::records::{CommitExt as _, TRIES, Versioned};

/// A change of a client's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientChange {
    /// Switch it off.
    Disable,
    /// Switch it on again.
    Enable,
    /// End it for good.
    Revoke,
}

impl ClientChange {
    /// The action that it needs a permit for.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Disable => actions::DISABLE,
            Self::Enable => actions::ENABLE,
            Self::Revoke => actions::REVOKE,
        }
    }

    fn apply(self, client: Client, now: Timestamp) -> Result<Client, ClientError> {
        match self {
            Self::Disable => client.disable(now),
            Self::Enable => client.enable(),
            Self::Revoke => Ok(client.revoke(now)),
        }
    }
}

/// What is to be different. A field left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientUpdate {
    /// A name for people, 1 to 120 characters.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "name"))]
    pub name: Option<String>,
    /// Scopes that its tokens may hold.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "scopes"))]
    pub scopes: Option<Vec<String>>,
    /// Workspaces of its organization that its tokens may serve, as public ids.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "client_workspaces"))]
    pub workspaces: Option<Vec<String>>,
    /// Environments that its tokens may act in: names, or `*`.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "client_environments"))]
    pub environments: Option<Vec<String>>,
    /// Networks that it and its tokens may be used from; null lifts the restriction.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<Vec<String>>", extend("x-catalog" = "allow_list"))]
    pub ip_allow: Option<Option<Vec<String>>>,
}

/// Tells null from what is left out.
fn stated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Vec<String>>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl ClientUpdate {
    /// What the client would be registered with.
    fn over(self, client: &Client) -> ClientRequest {
        let terms = &client.terms;
        let networks = || terms.ip_allow.as_ref().map(AllowList::to_strings);
        ClientRequest {
            name: self.name.unwrap_or_else(|| terms.name.clone()),
            scopes: self.scopes.unwrap_or_else(|| terms.scopes.clone()),
            workspaces: self.workspaces.unwrap_or_else(|| terms.workspaces.iter().map(Id::to_string).collect()),
            environments: self.environments.unwrap_or_else(|| terms.environments.clone()),
            ip_allow: self.ip_allow.unwrap_or_else(networks),
        }
    }
}

impl Authority {
    /// Gives the client `id` of the permit's organization other terms. Tokens that are out hold no more than those from then on.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] names the field; [`Error::Client`]; [`Error::Stale`].
    pub async fn update_client(
        &self,
        permit: &Permit,
        id: &Id,
        update: ClientUpdate,
        if_match: &IfMatch,
    ) -> Result<Current<ClientView>, Error> {
        permit.covers(actions::UPDATE)?;
        for _ in 0..TRIES {
            let found = self.read_client(permit, id).await?;
            if_match.check(found.version())?;
            let terms = self.terms(&found.value.organization, update.clone().over(&found.value)).await?;
            let after = found.value.clone().with_terms(terms, self.client_kind()?)?;
            let permit = self.permit_client(permit, &after, Some(id)).await?;
            if let Some(done) = self.put_client_change(&permit, found, after).await? {
                return Ok(done);
            }
        }
        Err(Error::Contended)
    }

    /// Changes the client `id` of the permit's organization. When this returns, it and its tokens decide as changed, on this
    /// host.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Client`]; [`Error::Stale`].
    pub async fn change_client(
        &self,
        permit: &Permit,
        id: &Id,
        change: ClientChange,
        if_match: &IfMatch,
    ) -> Result<Current<ClientView>, Error> {
        permit.covers(change.action())?;
        // What takes something away is not to lose against others' updates, however many.
        let tries = if matches!(change, ClientChange::Enable) { TRIES } else { TRIES * 20 };
        for _ in 0..tries {
            let found = self.read_client(permit, id).await?;
            if_match.check(found.version())?;
            let after = change.apply(found.value.clone(), self.clock.now())?;
            let granted = match change {
                // It hands out all that the client holds, as registering it would.
                ClientChange::Enable => Some(self.permit_client(permit, &after, Some(id)).await?),
                ClientChange::Disable | ClientChange::Revoke => None,
            };
            if let Some(done) = self.put_client_change(granted.as_ref().unwrap_or(permit), found, after).await? {
                return Ok(done);
            }
        }
        Err(Error::Contended)
    }

    /// Commits a change, or nothing where none would be seen. `None`: others were quicker.
    async fn put_client_change(
        &self,
        permit: &Permit,
        before: Versioned<Client>,
        after: Client,
    ) -> Result<Option<Current<ClientView>>, Error> {
        let shown = ClientView::new(&after, self.clock.now());
        if shown == ClientView::new(&before.value, self.clock.now()) {
            let version = before.version();
            let is_still_so = self.is_still_so(permit.action(), after.id.home(), before.check).await?;
            return Ok(is_still_so.then_some(Current { shown, version }));
        }
        let mut commit = Commit::new(after.id.home());
        self.put_changed_client(&mut commit, permit, &before.value, &after, before.check)?;
        match self.store.commit(commit).await {
            Ok(committed) => Ok(Some(Current { shown, version: committed.sequence })),
            Err(CommitError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a changed client and its audit record into `commit`.
    pub(super) fn put_changed_client(
        &self,
        commit: &mut Commit,
        permit: &Permit,
        before: &Client,
        after: &Client,
        check: Check,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let shown = |client| serde_json::to_value(ClientView::new(client, now)).map_err(Error::internal);
        commit.checks.push(check);
        commit.put_credential(&Credential::Client(after.clone()))?;
        let happened = match after.state {
            _ if newest(after) != newest(before) => Some(EventKind::ClientSecretRotated),
            state if state == before.state => None,
            KeyState::Active => Some(EventKind::ClientEnabled),
            KeyState::Disabled { .. } => Some(EventKind::ClientDisabled),
            KeyState::Revoked { .. } => Some(EventKind::ClientRevoked),
        };
        // Other terms are no reason to look at anything: what is flagged stays flagged.
        if after.state != before.state {
            schedule_client(commit, after, &self.upkeep(&after.kind), now);
        }
        if let Some(happened) = happened {
            let told = json!({ "name": after.terms.name, "by": permit.actor() });
            record(commit, &client_event(happened, after, now, self.entropy.as_ref())?.with(told))?;
        }
        append(
            commit,
            &AuditRecord {
                id: Id::draw(IdKind::Audit, after.organization.home(), self.entropy.as_ref())?,
                at: now,
                organization: Some(after.organization),
                workspace: None,
                actor: permit.actor(),
                action: permit.action().to_owned(),
                target: after.id.to_string(),
                decision_id: Some(permit.decision_id().to_string()),
                before: Some(shown(before)?),
                after: Some(shown(after)?),
            },
        )
    }
}

/// Number of a client's newest secret.
fn newest(client: &Client) -> Option<u32> {
    client.secrets.last().map(|secret| secret.number)
}
