//! The audit trail: appended inside the commit that it tells of, read back in pages.
//!
//! Changes lie in one log for each organization; what a workspace wants told of its customers' decisions (`decisions`) in a log
//! of its own, so that a flood of these buries no change and is forgotten by itself. A workspace's trail shows both.
//! `retention` says how long: older records are not shown, and deleted where nothing before them in the log is kept.
//! `sealer` links each log into a chain and signs where it ends, so that an export (`lines`) can be checked by anybody.

mod decisions;
mod examine;
mod export;
mod follow;
mod forward;
mod places;
mod read;
mod report;
mod retention;
mod sealer;

use std::time::Duration;

use access_model::audit::{AuditRecord, SealedRecord};
use access_model::{Id, IdKind, Timestamp};
use access_store::Commit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::decisions::{Decisions, Told};
pub use self::examine::{Examined, LATE, LOGS, examine, is_sealed_by};
pub(crate) use self::export::EXPORTS;
pub use self::export::{ACTION_EXPORT, ACTION_EXPORT_ORGANIZATION, ACTION_EXPORT_PLATFORM, Export, ExportFormat};
pub use self::follow::Follower;
pub(crate) use self::places::Places;
use self::read::Trail;
pub use self::report::{ACTION_REPORT, ReportRequest, ReportView};
pub(crate) use self::retention::schedule as schedule_retention;
pub(crate) use self::sealer::begin_chain;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{PageRequest, cursor};
use crate::records;

/// The action of reading a workspace's.
pub const ACTION_LIST: &str = "audit.list";
/// The action of reading an organization's, its workspaces' included.
pub const ACTION_LIST_ORGANIZATION: &str = "organization_audit.list";
/// The action of reading the platform's own.
pub const ACTION_LIST_PLATFORM: &str = "platform_audit.list";
/// No record is made so much before one that stands behind it in the log.
const CLOCKS_DIFFER: Duration = Duration::from_secs(3_600);

/// Appends a record to the log of its organization, inside `commit`.
pub(crate) fn append(commit: &mut Commit, record: &AuditRecord) -> Result<(), Error> {
    append_to(commit, record.organization, record)
}

/// Appends a record to the log of a workspace's decisions, inside `commit`.
pub(crate) fn append_decision(commit: &mut Commit, workspace: &Id, record: &AuditRecord) -> Result<(), Error> {
    append_to(commit, Some(*workspace), record)
}

fn append_to(commit: &mut Commit, owner: Option<Id>, record: &AuditRecord) -> Result<(), Error> {
    let sealed = SealedRecord::seal(record).map_err(Error::internal)?;
    let json = serde_json::to_vec(&sealed).map_err(Error::internal)?;
    commit.narrows = (commit.appends.is_empty() || commit.narrows) && access_model::audit::narrows(&record.action);
    commit.appends.push((records::log_of(owner.as_ref()), json.into()));
    sealer::schedule(commit, owner, record.at);
    Ok(())
}

/// Which records are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFilter {
    /// Of this action; where it ends with `*`, of every action that begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// By the credential or member with this public id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Done to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// At this instant or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What came after this `newest_cursor`, oldest first, in place of pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of the trail.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditRecordPage")]
pub struct AuditPage {
    /// The records: newest first; oldest first where `after` was asked for.
    pub items: Vec<AuditView>,
    /// Where the next page begins; null on the last, and where `after` was asked for.
    #[schemars(example = Value::Null)]
    pub next_cursor: Option<String>,
    /// What to say in `after` to be told what comes from here on; null on the pages that follow the first.
    #[schemars(example = Value::Null)]
    pub newest_cursor: Option<String>,
}

/// A record as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditRecord", example = example())]
pub struct AuditView {
    /// Its number in its log, from 1, without a gap: changes are numbered in their organization's, decisions in their
    /// workspace's.
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
    /// The records of the permit's workspace.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor; [`Error::Internal`] when a record is not what was hashed.
    pub async fn list_audit(
        &self,
        permit: &Permit,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<AuditPage, Error> {
        permit.covers(ACTION_LIST)?;
        self.audit_page(&Trail::of_workspace(permit)?, filter, page).await
    }

    /// The records of the permit's organization and of its workspaces, but for what these tell of decisions.
    ///
    /// # Errors
    /// Those of [`Self::list_audit`].
    pub async fn list_organization_audit(
        &self,
        permit: &Permit,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<AuditPage, Error> {
        permit.covers(ACTION_LIST_ORGANIZATION)?;
        self.audit_page(&Trail::of_organization(permit)?, filter, page).await
    }

    /// The platform's own records.
    ///
    /// # Errors
    /// Those of [`Self::list_audit`].
    pub async fn list_platform_audit(
        &self,
        permit: &Permit,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<AuditPage, Error> {
        permit.covers(ACTION_LIST_PLATFORM)?;
        self.audit_page(&Trail::of_platform(), filter, page).await
    }

    async fn audit_page(&self, trail: &Trail, filter: &AuditFilter, page: &PageRequest) -> Result<AuditPage, Error> {
        let limit = page.limit()?;
        if let Some(after) = &filter.after {
            if page.cursor.is_some() {
                return Err(Error::invalid("after", "goes on from the newest, `cursor` to the oldest; state one"));
            }
            return Ok(self.page_after(trail, filter, after, limit).await?.0);
        }
        let (list, keyring) = (trail.list("older"), &self.keyring());
        let before: Option<Vec<Option<u64>>> = page.position(keyring, &list)?;
        let is_first = before.is_none();
        let mut reader = self.read_back(trail, before);
        let (items, has_more) = reader.page(filter, limit).await?;
        let next_cursor = has_more.then(|| cursor(keyring, &list, &reader.position())).transpose()?;
        let newest = is_first.then(|| cursor(keyring, &trail.list("newest"), &reader.newest()));
        Ok(AuditPage { items, next_cursor, newest_cursor: newest.transpose()? })
    }

    /// At most `limit` records that came after a cursor, and whether there may be more.
    async fn page_after(
        &self,
        trail: &Trail,
        filter: &AuditFilter,
        after: &str,
        limit: usize,
    ) -> Result<(AuditPage, bool), Error> {
        let (list, keyring) = (trail.list("newest"), &self.keyring());
        let after = PageRequest { cursor: Some(after.to_owned()), limit: None };
        let mut position: Vec<u64> = after.position(keyring, &list)?.unwrap_or_default();
        let (items, has_more) = self.read_on(trail, filter, &mut position, limit).await?;
        let newest_cursor = Some(cursor(keyring, &list, &position)?);
        Ok((AuditPage { items, next_cursor: None, newest_cursor }, has_more))
    }
}

impl AuditFilter {
    fn admits(&self, record: &AuditRecord, workspace: Option<&Id>) -> bool {
        let is_of = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => record.action.starts_with(beginning),
            None => *pattern == record.action,
        };
        workspace.is_none_or(|workspace| record.workspace.as_ref() == Some(workspace))
            && self.action.as_ref().is_none_or(is_of)
            && self.actor.as_ref().is_none_or(|actor| record.actor.id.is_some_and(|id| id.to_string() == *actor))
            && self.target.as_ref().is_none_or(|target| *target == record.target)
            && self.since.is_none_or(|since| since <= record.at)
            && self.until.is_none_or(|until| record.at < until)
    }

    /// Whether nothing that was recorded at `at` or before it is asked for. Hosts' clocks differ, and records are in the order of
    /// their commits.
    fn ends_before(&self, at: Timestamp) -> bool {
        self.since.is_some_and(|since| at.plus(CLOCKS_DIFFER) < since)
    }
}
