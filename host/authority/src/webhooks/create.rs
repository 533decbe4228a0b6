//! Create an endpoint.

use access_model::audit::AuditRecord;
use access_model::text::quotable;
use access_model::webhook::{MOST_ORGANIZATION_WEBHOOKS, MOST_PATTERNS, MOST_WEBHOOKS, TYPE_LENGTH, is_pattern};
use access_model::{Id, IdKind, OwnerState, Webhook, WebhookSecret, WebhookState, WebhookTerms};
use access_store::{Check, Commit, CommitError, Committed, IndexEntry, Store};
use schemars::JsonSchema;
use serde::Deserialize;

use super::view::WebhookView;
use super::{actions, purpose, sign};
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::{Permit, Target};
use crate::error::Error;
use crate::events::ACTION_LIST_ORGANIZATION;
use crate::idempotency::{Done, Idempotency, Recalled};
use crate::issued::Issued;
use crate::keys::{distinct, is_disguising};
use crate::records::{self, CommitExt as _, TRIES};

/// What is told with an answer whose secret was shown before.
pub(super) const HINT: &str = "the secret was shown once and is not shown again; rotate it to get another";
/// Characters of a description at most.
const DESCRIPTION_LENGTH: usize = 500;

/// What is asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookRequest")]
pub struct WebhookRequest {
    /// Where to tell: `https://…`; `http://…` where the host's configuration opens it. Neither user, password nor fragment; a
    /// name or address of the public internet, or of what the configuration opens besides.
    #[schemars(length(min = 1, max = 2048), regex(pattern = "^https?://"), example = &"https://example.com/hooks")]
    pub url: String,
    /// What of: types, `key.*` for all that begin so, `*` for all.
    #[schemars(length(min = 1, max = MOST_PATTERNS), example = &["key.*"], inner(length(min = 1, max = TYPE_LENGTH), regex(pattern = r"^(\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?)$")))]
    pub events: Vec<String>,
    /// Whether it is also told of what happens in its organization and is no workspace's: members, clients. For those who may
    /// list the organization's events.
    #[serde(default)]
    pub organization_events: bool,
    /// For people.
    #[serde(default)]
    #[schemars(length(max = DESCRIPTION_LENGTH), extend("x-catalog" = "plain"))]
    pub description: Option<String>,
}

impl Authority {
    /// Creates an endpoint in the permit's workspace.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field; [`Error::Conflict`] for too many; [`Error::NotActive`];
    /// [`Error::IdempotencyKeyReused`].
    pub async fn create_webhook(
        &self,
        permit: &Permit,
        request: WebhookRequest,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done<Issued<WebhookView>>, Error> {
        permit.covers(actions::CREATE)?;
        let workspace = permit.workspace()?;
        let (organization, workspace_id) = (workspace.record.organization, workspace.record.id);
        let terms = WebhookTerms {
            url: request.url,
            events: request.events,
            organization_events: request.organization_events,
            description: request.description,
        };
        let terms = self.webhook_terms(permit, terms, None).await?;
        let attempt = permit.attempt(&workspace_id.to_string(), idempotency);
        for _ in 0..TRIES {
            let (home, entropy, now) = (workspace_id.home(), self.entropy.as_ref(), self.clock.now());
            let slot = match attempt.recall(self.store.as_ref(), home, now).await? {
                Recalled::Answer(answer) => return Ok(Done::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            if workspace.record.state != OwnerState::Active {
                return Err(Error::NotActive { what: "workspace", state: "suspended or archived" });
            }
            // Two at a time are told apart by this record, so that no more come to be than may.
            let count = records::webhooks_of(&workspace_id);
            let version = self.store.read(home, std::slice::from_ref(&count)).await?.pop().flatten();
            let check = Check { key: count.clone(), version: version.map(|record| record.version) };
            if self.webhook_ids(self.store.as_ref(), &workspace_id).await?.len() >= MOST_WEBHOOKS {
                return Err(Error::Conflict(format!("a workspace may have {MOST_WEBHOOKS} webhooks")));
            }
            let id = Id::draw(IdKind::Webhook, home, entropy)?;
            let secret = sign::draw(&id, entropy)?;
            let sealed = self.keyring().seal(&purpose(&id, 1), secret.expose().as_bytes(), entropy);
            let sealed = sealed.map_err(Error::internal)?;
            let webhook = Webhook {
                id,
                organization,
                workspace: workspace_id,
                terms: terms.clone(),
                state: WebhookState::Active,
                secrets: vec![WebhookSecret { number: 1, sealed, created_at: now, expires_at: None }],
                created_at: now,
            };
            let shown = WebhookView::new(&webhook, None, now);
            let mut commit = Commit::new(home);
            commit.checks.push(check);
            commit.put(count, &now)?;
            let entry = IndexEntry { score: now.as_millis(), member: id.to_string() };
            commit.index_puts.push((records::webhooks_of(&workspace_id), entry));
            put_organization_events(&mut commit, &webhook);
            commit.put_new(records::webhook(&id), &webhook)?;
            let record = AuditRecord {
                id: Id::draw(IdKind::Audit, home, entropy)?,
                at: now,
                organization: Some(organization),
                workspace: Some(workspace_id),
                actor: permit.actor(),
                action: actions::CREATE.to_owned(),
                target: id.to_string(),
                decision_id: Some(permit.decision_id().to_string()),
                before: None,
                after: Some(serde_json::to_value(&shown).map_err(Error::internal)?),
            };
            append(&mut commit, &record)?;
            slot.remember(&mut commit, &shown, Some(HINT))?;
            match self.store.commit(commit).await {
                Ok(Committed { sequence: version, .. }) => return Ok(Done::Now(Issued { shown, secret, version })),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// What is asked for, checked; `before` is what the endpoint has.
    pub(super) async fn webhook_terms(
        &self,
        permit: &Permit,
        terms: WebhookTerms,
        before: Option<&WebhookTerms>,
    ) -> Result<WebhookTerms, Error> {
        self.egress.destination(&terms.url).map_err(|error| Error::invalid("url", error))?;
        if terms.events.is_empty() || terms.events.len() > MOST_PATTERNS {
            return Err(Error::invalid("events", format!("must name 1 to {MOST_PATTERNS}; `*` is all")));
        }
        let events = distinct(terms.events);
        if let Some(wrong) = events.iter().find(|pattern| !is_pattern(pattern)) {
            let wrong = quotable(wrong);
            let message = format!("`{wrong}` is neither a type such as `key.inactive`, nor `key.*`, nor `*`");
            return Err(Error::invalid("events", message));
        }
        let is_plain = |text: &String| text.chars().count() <= DESCRIPTION_LENGTH && !text.chars().any(is_disguising);
        let description = terms.description.filter(|text| !text.is_empty());
        if !description.as_ref().is_none_or(is_plain) {
            let message = format!("may have {DESCRIPTION_LENGTH} characters, without control characters");
            return Err(Error::invalid("description", message));
        }
        let after = WebhookTerms { events, description, ..terms };
        let is_wide = |terms: &WebhookTerms| terms.organization_events;
        // Another receiver, or other events, of one that is told of more than its workspace hands that out anew.
        if is_wide(&after) && before != Some(&after) {
            let organization = permit.workspace()?.record.organization;
            let target = Target::organization(organization);
            self.require(permit.caller(), ACTION_LIST_ORGANIZATION, target, permit.client()).await?;
            let told = self.organization_webhooks(self.store.as_ref(), &organization).await?.len();
            if !before.is_some_and(is_wide) && told >= MOST_ORGANIZATION_WEBHOOKS {
                let most = MOST_ORGANIZATION_WEBHOOKS;
                return Err(Error::Conflict(format!("{most} webhooks are told of the organization's events already")));
            }
        }
        Ok(after)
    }
}

/// Keeps the index of those that are told of their organization's own events.
pub(super) fn put_organization_events(commit: &mut Commit, webhook: &Webhook) {
    let index = records::organization_webhooks(&webhook.organization);
    if webhook.terms.organization_events {
        let entry = IndexEntry { score: webhook.created_at.as_millis(), member: webhook.id.to_string() };
        commit.index_puts.push((index, entry));
    } else {
        commit.index_deletes.push((index, webhook.id.to_string()));
    }
}
