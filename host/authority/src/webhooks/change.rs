//! Change, disable, enable and take away an endpoint.

use access_model::audit::AuditRecord;
use access_model::webhook::{MOST_PATTERNS, TYPE_LENGTH};
use access_model::{DisabledBecause, Id, IdKind, Webhook, WebhookTerms};
use access_store::{Commit, CommitError, Store};
use schemars::JsonSchema;
use serde::Deserialize;

use super::create::put_organization_events;
use super::view::WebhookView;
use super::{DELETED, actions};
use crate::audit::append;
use crate::authority::Authority;
use crate::current::{Current, IfMatch};
use crate::decide::Permit;
use crate::error::Error;
use crate::network::stated;
use crate::records::{self, CommitExt as _, TRIES, Versioned};

/// What is to be different. A field left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookUpdate {
    /// Where to tell.
    #[serde(default)]
    #[schemars(length(min = 1, max = 2048), regex(pattern = "^https?://"), example = &"https://example.com/hooks")]
    pub url: Option<String>,
    /// What of: types, `key.*` for all that begin so, `*` for all.
    #[serde(default)]
    #[schemars(length(min = 1, max = MOST_PATTERNS), example = &["key.*"], inner(length(min = 1, max = TYPE_LENGTH), regex(pattern = r"^(\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?)$")))]
    pub events: Option<Vec<String>>,
    /// Whether it is also told of what happens in its organization and is no workspace's.
    #[serde(default)]
    pub organization_events: Option<bool>,
    /// For people; null takes it away.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<String>", extend("x-catalog" = "plain"))]
    pub description: Option<Option<String>>,
    /// `active` or `disabled`. While it is disabled, what it would have been told is held; `recover` sends it.
    #[serde(default)]
    pub state: Option<StateUpdate>,
}

/// Where an endpoint is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateUpdate {
    /// It is told.
    Active,
    /// It is not.
    Disabled,
}

impl Authority {
    /// Changes the endpoint `id` of the permit's workspace.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] names the field; [`Error::Stale`].
    pub async fn update_webhook(
        &self,
        permit: &Permit,
        id: &Id,
        update: WebhookUpdate,
        if_match: &IfMatch,
    ) -> Result<Current<WebhookView>, Error> {
        permit.covers(actions::UPDATE)?;
        for _ in 0..TRIES {
            let found = self.read_webhook(permit, id).await?;
            if_match.check(found.version())?;
            let (now, before) = (self.clock.now(), found.value.clone());
            let WebhookUpdate { url, events, organization_events, description, state } = update.clone();
            let mut after = before.clone();
            let terms = WebhookTerms {
                url: url.unwrap_or_else(|| before.terms.url.clone()),
                events: events.unwrap_or_else(|| before.terms.events.clone()),
                organization_events: organization_events.unwrap_or(before.terms.organization_events),
                description: description.unwrap_or_else(|| before.terms.description.clone()),
            };
            after.terms = self.webhook_terms(permit, terms, Some(&before.terms)).await?;
            after = match state {
                Some(StateUpdate::Active) => after.enable(),
                Some(StateUpdate::Disabled) => after.disable(DisabledBecause::Asked, now),
                None => after,
            };
            let shown = WebhookView::new(&after, None, now);
            if after == before {
                return Ok(Current { shown, version: found.version() });
            }
            let mut commit = Commit::new(id.home());
            if !before.is_active() && after.is_active() {
                // What failed before is no argument any more.
                commit.deletes.push(records::webhook_health(id));
            }
            put_organization_events(&mut commit, &after);
            self.put_changed_webhook(&mut commit, permit, actions::UPDATE, &found, &after)?;
            match self.store.commit(commit).await {
                Ok(committed) => return Ok(Current { shown, version: committed.sequence }),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Takes the endpoint `id` of the permit's workspace away. What is on its way to it is dropped.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Stale`].
    pub async fn delete_webhook(&self, permit: &Permit, id: &Id, if_match: &IfMatch) -> Result<(), Error> {
        permit.covers(actions::UPDATE)?;
        for _ in 0..TRIES {
            let found = self.read_webhook(permit, id).await?;
            if_match.check(found.version())?;
            let mut commit = Commit::new(id.home());
            commit.checks.push(found.check.clone());
            commit.deletes.extend([records::webhook(id), records::webhook_health(id)]);
            let member = id.to_string();
            commit.index_deletes.push((records::webhooks_of(&found.value.workspace), member.clone()));
            commit.index_deletes.push((records::organization_webhooks(&found.value.organization), member));
            append(&mut commit, &self.webhook_record(permit, DELETED, &found.value, None)?)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Puts a changed endpoint and its audit record into `commit`.
    pub(super) fn put_changed_webhook(
        &self,
        commit: &mut Commit,
        permit: &Permit,
        action: &str,
        before: &Versioned<Webhook>,
        after: &Webhook,
    ) -> Result<(), Error> {
        commit.checks.push(before.check.clone());
        commit.put(records::webhook(&after.id), after)?;
        append(commit, &self.webhook_record(permit, action, &before.value, Some(after))?)
    }

    fn webhook_record(
        &self,
        permit: &Permit,
        action: &str,
        before: &Webhook,
        after: Option<&Webhook>,
    ) -> Result<AuditRecord, Error> {
        let now = self.clock.now();
        let shown = |webhook: &Webhook| serde_json::to_value(WebhookView::new(webhook, None, now));
        Ok(AuditRecord {
            id: Id::draw(IdKind::Audit, before.id.home(), self.entropy.as_ref())?,
            at: now,
            organization: Some(before.organization),
            workspace: Some(before.workspace),
            actor: permit.actor(),
            action: action.to_owned(),
            target: before.id.to_string(),
            decision_id: Some(permit.decision_id().to_string()),
            before: Some(shown(before).map_err(Error::internal)?),
            after: after.map(shown).transpose().map_err(Error::internal)?,
        })
    }
}
