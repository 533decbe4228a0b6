//! Settings of a workspace and of an organization. They are parts of the heads that decisions read.

use access_model::text::quotable;
use access_model::webhook::{MOST_PATTERNS, TYPE_LENGTH, is_pattern, matches};
use access_model::{AuditDecisions, EventKind, Organization, OrganizationSettings, Workspace, WorkspaceSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::authority::Authority;
use crate::current::{Current, IfMatch};
use crate::decide::Permit;
use crate::error::Error;
use crate::keys::{distinct, is_disguising};
use crate::network::stated;

/// The action of showing a workspace's.
pub const ACTION_GET: &str = "settings.get";
/// The action of changing a workspace's.
pub const ACTION_UPDATE: &str = "settings.update";
/// The action of showing an organization's.
pub const ACTION_GET_ORGANIZATION: &str = "organization_settings.get";
/// The action of changing an organization's.
pub const ACTION_UPDATE_ORGANIZATION: &str = "organization_settings.update";

/// Characters of a description at most.
const DESCRIPTION_LENGTH: usize = 500;
/// The longest life time of keys, in days: a century.
const MOST_DAYS: u32 = 36_500;

/// Days that audit records may be kept, at least and at most.
const LEAST_RETENTION: u32 = 30;
const MOST_RETENTION: u32 = 3_650;

/// What is to change. A field that is left out stays; null takes it back.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsUpdate {
    /// For people.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<String>", length(max = DESCRIPTION_LENGTH), extend("x-catalog" = "plain"))]
    pub description: Option<Option<String>>,
    /// Seconds that a rotated key goes on where the rotation doesn't say; null: none.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<u64>", extend("x-catalog" = "overlap_seconds"))]
    pub rotation_overlap_seconds: Option<Option<u64>>,
    /// Days after which keys end that are issued or rotated from now on; null: as long as their kind says.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<u32>", range(min = 1, max = MOST_DAYS))]
    pub key_lifetime_days: Option<Option<u32>>,
    /// Which of the decisions about its keys the audit trail tells of. Null: none.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<AuditDecisions>")]
    pub audit_decisions: Option<Option<AuditDecisions>>,
    /// Whether keys that are inactive are switched off. Null: no.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<bool>")]
    pub disable_inactive_keys: Option<Option<bool>>,
    /// Days that the workspace's audit records are kept; null: changes 365 days, decisions 90.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<u32>", range(min = LEAST_RETENTION, max = MOST_RETENTION))]
    pub audit_retention_days: Option<Option<u32>>,
}

/// A workspace's settings. Null means none.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Settings", example = json!({
    "description": "what runs at night", "rotation_overlap_seconds": 86_400, "key_lifetime_days": null,
    "audit_decisions": "denials", "disable_inactive_keys": false, "audit_retention_days": 400,
}))]
pub struct SettingsView {
    /// For people.
    pub description: Option<String>,
    /// Seconds that a rotated key goes on where the rotation doesn't say.
    pub rotation_overlap_seconds: Option<u64>,
    /// Days after which a key ends at the latest.
    pub key_lifetime_days: Option<u32>,
    /// Which of the decisions about its keys the audit trail tells of.
    pub audit_decisions: AuditDecisions,
    /// Whether keys that are inactive are switched off.
    pub disable_inactive_keys: bool,
    /// Days that its audit records are kept.
    pub audit_retention_days: Option<u32>,
}

/// What is to change. A field that is left out stays; null takes it back.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationSettingsUpdate {
    /// For people.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<String>", length(max = DESCRIPTION_LENGTH), extend("x-catalog" = "plain"))]
    pub description: Option<Option<String>>,
    /// Whether all members need a second factor; those of admin roles do in any case. Null: no.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<bool>")]
    pub mfa_required: Option<Option<bool>>,
    /// Whether clients that are inactive are switched off. Null: no.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<bool>")]
    pub disable_inactive_clients: Option<Option<bool>>,
    /// Days that audit records are kept which are of none of its workspaces; null: 365.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<u32>", range(min = LEAST_RETENTION, max = MOST_RETENTION))]
    pub audit_retention_days: Option<Option<u32>>,
    /// What its owners and admins are written to about: kinds of event, `key.*` for all that begin so, `*` for all; empty: nothing.
    /// Null: what asks for something to be done. Mail needs a host that knows a relay.
    #[serde(default, deserialize_with = "stated")]
    #[schemars(with = "Option<Vec<String>>", length(max = MOST_PATTERNS), example = &["key.*"], inner(length(min = 1, max = TYPE_LENGTH), regex(pattern = r"^(\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?)$")))]
    pub mail_events: Option<Option<Vec<String>>>,
}

/// An organization's settings. Null means none.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "OrganizationSettings", example = json!({
    "description": "pays yearly", "mfa_required": true, "disable_inactive_clients": false, "audit_retention_days": null,
    "mail_events": ["key.*", "webhook.disabled"],
}))]
pub struct OrganizationSettingsView {
    /// For people.
    pub description: Option<String>,
    /// Whether all members need a second factor.
    pub mfa_required: bool,
    /// Whether clients that are inactive are switched off.
    pub disable_inactive_clients: bool,
    /// Days that audit records are kept which are of none of its workspaces.
    pub audit_retention_days: Option<u32>,
    /// What its owners and admins are written to about; null: what asks for something to be done.
    pub mail_events: Option<Vec<String>>,
}

impl From<&Workspace> for SettingsView {
    fn from(workspace: &Workspace) -> Self {
        let WorkspaceSettings {
            description,
            rotation_overlap_seconds,
            key_lifetime_days,
            audit_decisions,
            disable_inactive_keys,
            audit_retention_days,
        } = workspace.settings.clone();
        Self {
            description,
            rotation_overlap_seconds,
            key_lifetime_days,
            audit_decisions,
            disable_inactive_keys,
            audit_retention_days,
        }
    }
}

impl From<&Organization> for OrganizationSettingsView {
    fn from(organization: &Organization) -> Self {
        let OrganizationSettings {
            description,
            mfa_required,
            disable_inactive_clients,
            audit_retention_days,
            mail_events,
        } = organization.settings.clone();
        Self { description, mfa_required, disable_inactive_clients, audit_retention_days, mail_events }
    }
}

impl Authority {
    /// The settings of the permit's workspace.
    ///
    /// # Errors
    /// Never but for the store's.
    pub async fn get_settings(&self, permit: &Permit) -> Result<Current<SettingsView>, Error> {
        permit.covers(ACTION_GET)?;
        let found = self.read_head::<Workspace>(&permit.workspace_id()?).await?;
        Ok(Current { shown: (&found.value).into(), version: found.version() })
    }

    /// Changes the settings of the permit's workspace.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field; [`Error::Stale`].
    pub async fn update_settings(
        &self,
        permit: &Permit,
        update: &SettingsUpdate,
        if_match: &IfMatch,
    ) -> Result<Current<SettingsView>, Error> {
        permit.covers(ACTION_UPDATE)?;
        check_description(update.description.as_ref())?;
        let most = self.catalog.limits.overlap_seconds;
        if update.rotation_overlap_seconds.flatten().is_some_and(|seconds| seconds > most) {
            return Err(Error::invalid("rotation_overlap_seconds", format!("must be 0 to {most}, or null")));
        }
        if update.key_lifetime_days.flatten().is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
            return Err(Error::invalid("key_lifetime_days", format!("must be 1 to {MOST_DAYS}, or null")));
        }
        check_retention(update.audit_retention_days)?;
        let change = |workspace: &mut Workspace| {
            let settings = &mut workspace.settings;
            set(&mut settings.description, update.description.as_ref());
            set(&mut settings.rotation_overlap_seconds, update.rotation_overlap_seconds.as_ref());
            set(&mut settings.key_lifetime_days, update.key_lifetime_days.as_ref());
            set(&mut settings.audit_retention_days, update.audit_retention_days.as_ref());
            if let Some(stated) = update.disable_inactive_keys {
                settings.disable_inactive_keys = stated.unwrap_or_default();
            }
            if let Some(stated) = update.audit_decisions {
                settings.audit_decisions = stated.unwrap_or_default();
            }
            Ok(())
        };
        let id = permit.workspace_id()?;
        self.change_head(permit, &id, if_match, change, |workspace: &Workspace| SettingsView::from(workspace)).await
    }

    /// The settings of the permit's organization.
    ///
    /// # Errors
    /// Never but for the store's.
    pub async fn get_organization_settings(&self, permit: &Permit) -> Result<Current<OrganizationSettingsView>, Error> {
        permit.covers(ACTION_GET_ORGANIZATION)?;
        let found = self.read_head::<Organization>(&permit.organization()?.record.id).await?;
        Ok(Current { shown: (&found.value).into(), version: found.version() })
    }

    /// Changes the settings of the permit's organization.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field; [`Error::Stale`].
    pub async fn update_organization_settings(
        &self,
        permit: &Permit,
        update: &OrganizationSettingsUpdate,
        if_match: &IfMatch,
    ) -> Result<Current<OrganizationSettingsView>, Error> {
        permit.covers(ACTION_UPDATE_ORGANIZATION)?;
        check_description(update.description.as_ref())?;
        check_retention(update.audit_retention_days)?;
        let mail_events =
            update.mail_events.clone().map(|stated| stated.map(check_patterns).transpose()).transpose()?;
        let change = |organization: &mut Organization| {
            let settings = &mut organization.settings;
            set(&mut settings.mail_events, mail_events.as_ref());
            set(&mut settings.description, update.description.as_ref());
            set(&mut settings.audit_retention_days, update.audit_retention_days.as_ref());
            if let Some(stated) = update.disable_inactive_clients {
                settings.disable_inactive_clients = stated.unwrap_or_default();
            }
            if let Some(stated) = update.mfa_required {
                settings.mfa_required = stated.unwrap_or_default();
            }
            Ok(())
        };
        let id = permit.organization()?.record.id;
        let shown = |organization: &Organization| OrganizationSettingsView::from(organization);
        self.change_head(permit, &id, if_match, change, shown).await
    }
}

/// Sets what was stated.
fn set<T: Clone>(field: &mut Option<T>, stated: Option<&Option<T>>) {
    if let Some(value) = stated {
        field.clone_from(value);
    }
}

fn check_description(stated: Option<&Option<String>>) -> Result<(), Error> {
    let Some(Some(text)) = stated else { return Ok(()) };
    if text.chars().count() <= DESCRIPTION_LENGTH && !text.chars().any(is_disguising) {
        return Ok(());
    }
    let message = format!("may have {DESCRIPTION_LENGTH} characters, and none that control or hide others; or null");
    Err(Error::invalid("description", message))
}

/// Kinds of event that there are, or beginnings of them; each once. One that is misspelled would have nobody mailed, without a word.
fn check_patterns(stated: Vec<String>) -> Result<Vec<String>, Error> {
    if stated.len() > MOST_PATTERNS {
        return Err(Error::invalid("mail_events", format!("must be {MOST_PATTERNS} at most; `*` is all")));
    }
    let patterns = distinct(stated);
    let is_known = |pattern: &str| EventKind::ALL.into_iter().any(|kind| matches(pattern, kind.name()));
    match patterns.iter().find(|pattern| !is_pattern(pattern) || !is_known(pattern)) {
        Some(wrong) => {
            let wrong = quotable(wrong);
            let message = format!(
                "`{wrong}` is neither a kind of event such as `key.inactive`, nor how some begin, such as `key.*`, nor `*`"
            );
            Err(Error::invalid("mail_events", message))
        }
        None => Ok(patterns),
    }
}

fn check_retention(stated: Option<Option<u32>>) -> Result<(), Error> {
    if stated.flatten().is_none_or(|days| (LEAST_RETENTION..=MOST_RETENTION).contains(&days)) {
        return Ok(());
    }
    Err(Error::invalid("audit_retention_days", format!("must be {LEAST_RETENTION} to {MOST_RETENTION}, or null")))
}
