//! Issue a key.

use std::collections::BTreeMap;

use access_model::audit::{Actor, AuditRecord};
use access_model::{
    AllowList, ApiKey, Class, Credential, Entropy, EventKind, Id, IdKind, Issuer, Kind, NewKey, PlainSecret, Timestamp,
    Workspace,
};
use access_store::{Commit, CommitError, Committed, IndexEntry, Store};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::actions;
use super::view::KeyView;
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::due::schedule_key;
use crate::error::Error;
use crate::events::{key_event, record};
use crate::idempotency::{Done, Idempotency, Recalled};
use crate::issued::Issued;
use crate::records::{self, CommitExt as _, TRIES};

/// Characters of a name at most.
pub(crate) const NAME_LENGTH: usize = 120;
/// What is told with an answer whose secret was shown before.
pub(super) const HINT: &str = "the secret was shown once and is not kept; rotate the key to get another";
/// Characters of a metadata name at most.
const METADATA_NAME_LENGTH: usize = 64;

/// What is asked for. Empty or absent scopes: none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// The catalog's kind.
    #[schemars(extend("x-catalog" = "key_kinds"))]
    pub kind: String,
    /// A name for people, 1 to 120 characters.
    #[schemars(length(min = 1, max = NAME_LENGTH), extend("x-catalog" = "name"), example = &"ci")]
    pub name: String,
    /// Scopes to grant.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "scopes"))]
    pub scopes: Vec<String>,
    /// Networks that it may be used from; absent or null means no restriction.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "allow_list"))]
    pub ip_allow: Option<Vec<String>>,
    /// Not valid before; RFC 3339.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// Not valid from here on; RFC 3339. The kind and the workspace may end it earlier.
    #[serde(default)]
    #[schemars(example = &"2099-12-31T23:59:59Z")]
    pub expires_at: Option<Timestamp>,
    /// Free text by name.
    #[serde(default, deserialize_with = "cronflow_policy_cases::distinct")]
    #[schemars(extend("x-catalog" = "metadata"))]
    pub metadata: BTreeMap<String, String>,
}

impl Authority {
    /// Issues a key in the permit's workspace.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field; [`Error::Transition`] for scopes that the kind can't hold; [`Error::Denied`] for
    /// what the caller may not hand out; [`Error::IdempotencyKeyReused`].
    pub async fn issue_key(
        &self,
        permit: &Permit,
        request: KeyRequest,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done<Issued<KeyView>>, Error> {
        permit.covers(actions::ISSUE)?;
        let workspace = &permit.workspace()?.record;
        let attempt = permit.attempt(&workspace.id.to_string(), idempotency);
        for _ in 0..TRIES {
            let (home, entropy, now) = (workspace.organization.home(), self.entropy.as_ref(), self.clock.now());
            let slot = match attempt.recall(self.store.as_ref(), home, now).await? {
                Recalled::Answer(answer) => return Ok(Done::Before(answer)),
                Recalled::Slot(slot) => slot,
            };
            let (key, kind, secret) = self.new_key(workspace, request.clone(), permit.issuer(), now)?;
            let permit = self.permit_grant(permit, &key, kind, None).await?;
            let mut commit = Commit::new(home);
            let decision = Some(permit.decision_id().to_string());
            put_new_key(&mut commit, &key, kind, permit.actor(), decision, now, entropy)?;
            let shown = KeyView::new(&key, &kind.prefix, now);
            slot.remember(&mut commit, &shown, Some(HINT))?;
            match self.store.commit(commit).await {
                Ok(Committed { sequence: version, .. }) => return Ok(Done::Now(Issued { shown, secret, version })),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// The key that is asked for, and its secret. Nothing of it is kept yet.
    fn new_key(
        &self,
        workspace: &Workspace,
        request: KeyRequest,
        issuer: Issuer,
        now: Timestamp,
    ) -> Result<(ApiKey, &Kind, PlainSecret), Error> {
        let kind = self.catalog.kinds.get(&request.kind).filter(|kind| kind.class == Class::ApiKey);
        let kind = kind.ok_or_else(|| Error::invalid("kind", self.kinds_of_keys()))?;
        check_name(&request.name)?;
        self.check_metadata(&request.metadata)?;
        let most = self.catalog.limits.allow_list;
        let ip_allow = request.ip_allow.map(|list| AllowList::parse(&list, most)).transpose();
        let (home, entropy) = (workspace.organization.home(), self.entropy.as_ref());
        let id = Id::draw(IdKind::Key, home, entropy)?;
        let secret = PlainSecret::draw(&kind.prefix, &id, entropy)?;
        let new = NewKey {
            id,
            lineage: Id::draw(IdKind::Lineage, home, entropy)?,
            organization: workspace.organization,
            workspace: workspace.id,
            name: request.name,
            scopes: distinct(request.scopes),
            ip_allow: ip_allow.map_err(Error::list("ip_allow"))?,
            not_before: request.not_before,
            until: request.expires_at,
            lifetime: workspace.settings.key_lifetime(),
            metadata: request.metadata,
            issuer,
            secret: self.digest(&secret)?,
        };
        Ok((ApiKey::issue(new, kind, now)?, kind, secret))
    }

    fn kinds_of_keys(&self) -> String {
        let kinds = self.catalog.kinds.values().filter(|kind| kind.class == Class::ApiKey);
        let names: Vec<_> = kinds.map(|kind| format!("`{}`", kind.name)).collect();
        format!("must be one of {}", names.join(", "))
    }

    fn check_metadata(&self, metadata: &BTreeMap<String, String>) -> Result<(), Error> {
        let limits = &self.catalog.limits;
        let fits = |(name, value): (&String, &String)| {
            (1..=METADATA_NAME_LENGTH).contains(&name.len())
                && value.len() <= limits.metadata_bytes
                && !name.chars().chain(value.chars()).any(is_disguising)
        };
        if metadata.len() <= limits.metadata && metadata.iter().all(fits) {
            return Ok(());
        }
        let message = format!(
            "may have {} entries, names of 1 to {METADATA_NAME_LENGTH} bytes, values of {} bytes, and no control characters",
            limits.metadata, limits.metadata_bytes
        );
        Err(Error::invalid("metadata", message))
    }

    pub(crate) fn digest(&self, secret: &PlainSecret) -> Result<access_model::SecretDigest, Error> {
        let keyring = self.keyring();
        let pepper = keyring.current_pepper().ok_or_else(|| Error::internal("the keyring has no pepper"))?;
        Ok(pepper.digest(secret))
    }
}

/// Checks a name for people: not empty, not long, nothing that breaks a line.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let length = name.chars().count();
    if (1..=NAME_LENGTH).contains(&length) && !name.chars().any(is_disguising) && !name.trim().is_empty() {
        return Ok(());
    }
    Err(Error::invalid(
        "name",
        format!("must have 1 to {NAME_LENGTH} characters, and none that control or hide others"),
    ))
}

/// Whether a character controls a terminal, turns the direction of what follows, or can't be seen.
pub(crate) fn is_disguising(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Names in order, each once.
pub(crate) fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

/// Puts a new key, its place in the workspace's list and its audit record into `commit`.
pub(crate) fn put_new_key(
    commit: &mut Commit,
    key: &ApiKey,
    kind: &Kind,
    actor: Actor,
    decision_id: Option<String>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), Error> {
    let entry = IndexEntry { score: key.created_at.as_millis(), member: key.id.to_string() };
    commit.index_puts.push((records::keys_of(&key.workspace), entry.clone()));
    commit.index_puts.extend(key.issued_by.map(|member| (records::issued_by(&member), entry)));
    commit.put_new(records::credential(&key.id), &Credential::ApiKey(key.clone()))?;
    schedule_key(commit, key, &kind.upkeep, now);
    // That it succeeds another, the other's event says.
    if key.predecessor.is_none() {
        let told = json!({ "name": key.name, "kind": key.kind, "scopes": key.scopes, "by": actor });
        record(commit, &key_event(EventKind::KeyIssued, key, now, entropy)?.with(told))?;
    }
    let after = serde_json::to_value(KeyView::new(key, &kind.prefix, now)).map_err(Error::internal)?;
    append(
        commit,
        &AuditRecord {
            id: Id::draw(IdKind::Audit, key.organization.home(), entropy)?,
            at: now,
            organization: Some(key.organization),
            workspace: Some(key.workspace),
            actor,
            action: actions::ISSUE.to_owned(),
            target: key.id.to_string(),
            decision_id,
            before: None,
            after: Some(after),
        },
    )
}
