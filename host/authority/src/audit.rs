//! The audit trail: appended inside the commit that it tells of, read back in pages.

mod examine;

use access_model::audit::{AuditRecord, SealedRecord};
use access_model::{Id, IdKind, Shard, Timestamp};
use access_store::{Commit, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::examine::{Examined, LOGS, examine};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{Page, PageRequest, cursor};
use crate::records;

/// The action of reading a workspace's.
pub const ACTION_LIST: &str = "audit.list";
/// The action of reading an organization's, its workspaces' included.
pub const ACTION_LIST_ORGANIZATION: &str = "organization_audit.list";
/// The action of reading the platform's own.
pub const ACTION_LIST_PLATFORM: &str = "platform_audit.list";
/// Records looked at for one page, whatever the filter lets through.
const LOOKED_AT: usize = 2_000;
/// Records of one read.
const READ_AT_ONCE: usize = 200;

/// Appends a record to the log of its organization, inside `commit`.
pub(crate) fn append(commit: &mut Commit, record: &AuditRecord) -> Result<(), Error> {
    let sealed = SealedRecord::seal(record).map_err(Error::internal)?;
    let json = serde_json::to_vec(&sealed).map_err(Error::internal)?;
    commit.appends.push((records::audit_of(record.organization.as_ref()), json.into()));
    Ok(())
}

/// Which records are asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct AuditFilter {
    /// Of this action.
    pub action: Option<String>,
    /// By the credential with this public id.
    pub actor: Option<String>,
    /// At this instant or later.
    pub since: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
}

/// A record as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditRecord", example = example())]
pub struct AuditView {
    /// Its number in the organization's log, from 1, without a gap.
    pub sequence: u64,
    /// SHA-256 of the record's bytes as they lie in the store.
    pub sha256: String,
    /// The record.
    #[serde(flatten)]
    pub record: AuditRecord,
}

fn example() -> Value {
    json!({
        "sequence": 7,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "id": Id::example(IdKind::Audit),
        "at": "2026-01-31T12:00:00.000Z",
        "organization": Id::example(IdKind::Organization),
        "workspace": Id::example(IdKind::Workspace),
        "actor": { "kind": "operator", "id": Id::example(IdKind::Operator) },
        "action": "network.update",
        "target": Id::example(IdKind::Workspace),
        "decision_id": "dec_5fXq2a1",
        "before": { "ip_allow": null, "egress_allow": null },
        "after": { "ip_allow": ["203.0.113.0/24"], "egress_allow": null },
    })
}

impl Authority {
    /// The records of the permit's workspace, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor; [`Error::Internal`] when a record is not what was hashed.
    pub async fn list_audit(
        &self,
        permit: &Permit,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditView>, Error> {
        permit.covers(ACTION_LIST)?;
        let workspace = &permit.workspace()?.record;
        self.audit_of(Some(&workspace.organization), Some(&workspace.id), filter, page).await
    }

    /// The records of the permit's organization, newest first.
    ///
    /// # Errors
    /// Those of [`Self::list_audit`].
    pub async fn list_organization_audit(
        &self,
        permit: &Permit,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditView>, Error> {
        permit.covers(ACTION_LIST_ORGANIZATION)?;
        self.audit_of(Some(&permit.organization()?.record.id), None, filter, page).await
    }

    /// The platform's own records, newest first.
    ///
    /// # Errors
    /// Those of [`Self::list_audit`].
    pub async fn list_platform_audit(
        &self,
        permit: &Permit,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditView>, Error> {
        permit.covers(ACTION_LIST_PLATFORM)?;
        self.audit_of(None, None, filter, page).await
    }

    /// The records of one log, those of one workspace alone where that is said.
    async fn audit_of(
        &self,
        organization: Option<&Id>,
        workspace: Option<&Id>,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditView>, Error> {
        let log = records::audit_of(organization);
        let home = organization.map_or(Shard::PLATFORM, Id::home);
        // A cursor is good for the list that it was made for, and no other.
        let list = workspace.map_or_else(|| log.clone(), |workspace| format!("{log}/{workspace}"));
        let limit = page.limit()?;
        let mut before: Option<u64> = page.position(&self.keyring, &list)?;
        let mut items = Vec::new();
        let mut looked_at = 0;
        loop {
            let entries = self.store.log(home, &log, before, READ_AT_ONCE).await?;
            let is_last = entries.len() < READ_AT_ONCE;
            for entry in entries {
                if items.len() == limit || looked_at == LOOKED_AT {
                    return Ok(Page {
                        items,
                        next_cursor: before.map(|at| cursor(&self.keyring, &list, &at)).transpose()?,
                    });
                }
                looked_at += 1;
                before = Some(entry.sequence);
                let corrupt =
                    || Error::internal(format!("record {} of `{log}` is not what was hashed", entry.sequence));
                let sealed: SealedRecord = serde_json::from_slice(&entry.value).map_err(|_| corrupt())?;
                let record = sealed.open().ok_or_else(corrupt)?;
                if filter.admits(&record, workspace) {
                    items.push(AuditView { sequence: entry.sequence, sha256: sealed.sha256, record });
                }
            }
            if is_last {
                return Ok(Page { items, next_cursor: None });
            }
        }
    }
}

impl AuditFilter {
    fn admits(&self, record: &AuditRecord, workspace: Option<&Id>) -> bool {
        workspace.is_none_or(|workspace| record.workspace.as_ref() == Some(workspace))
            && self.action.as_ref().is_none_or(|action| *action == record.action)
            && self.actor.as_ref().is_none_or(|actor| record.actor.id.is_some_and(|id| id.to_string() == *actor))
            && self.since.is_none_or(|since| since <= record.at)
            && self.until.is_none_or(|until| record.at < until)
    }
}
