//! How long audit records are kept: not shown any more when their time is over, and deleted from the beginning of their log.
//!
//! The last record of a log is never deleted, since what comes after it goes on from it. A log that several owners share loses
//! its beginning only as far as all of them agree.

use std::collections::BTreeMap;
use std::time::Duration;

use access_model::audit::AuditRecord;
use access_model::{Id, IdKind, Organization, Timestamp, Workspace};
use access_store::{Check, Commit, CommitError, IndexEntry, LogEntry};
use serde_json::json;

use super::append;
use super::decisions::is_decision;
use super::read::open;
use crate::authority::Authority;
use crate::due::Due;
use crate::error::Error;
use crate::heads::Head;
use crate::lifecycle::system;
use crate::records::{self, CommitExt as _};

/// What the record of it is about.
const ACTION: &str = "audit.forget";
/// Days that decisions are kept where nothing is set.
const DECISION_DAYS: u32 = 90;
/// Between two looks at a log.
const LOOK_EVERY: Duration = Duration::from_secs(86_400);
/// Records that are deleted at a time.
const AT_ONCE: usize = 1_000;

/// Sees to it that the records of the workspace or organization `id` are looked at.
pub(crate) fn schedule(commit: &mut Commit, id: &Id, at: Timestamp) {
    let entry = IndexEntry { score: at.as_millis(), member: Due::AuditRetention(*id).member() };
    commit.index_puts.push((records::DUE.to_owned(), entry));
}

/// Since when records are kept, by whose they are: worked out once for each owner.
#[derive(Debug, Default)]
pub(super) struct Kept {
    since: BTreeMap<(Option<Id>, bool), Option<Timestamp>>,
}

impl Kept {
    /// Whether `record` is of a time that is kept, as things are set now: that it may not have been deleted yet is nobody's
    /// business.
    pub(super) async fn has(&mut self, authority: &Authority, record: &AuditRecord) -> Result<bool, Error> {
        let whose = (record.workspace, is_decision(record));
        let since = match self.since.get(&whose) {
            Some(since) => *since,
            None => {
                let since = authority.kept_since(record).await?;
                self.since.insert(whose, since);
                since
            }
        };
        Ok(since.is_none_or(|since| since <= record.at))
    }
}

impl Authority {
    async fn kept_since(&self, record: &AuditRecord) -> Result<Option<Timestamp>, Error> {
        let days = match (&record.workspace, &record.organization) {
            (Some(id), _) => self.workspace(id).await?.and_then(|entry| entry.record.settings.audit_retention_days),
            (None, Some(id)) => {
                self.organization(id).await?.and_then(|entry| entry.record.settings.audit_retention_days)
            }
            (None, None) => None,
        };
        let days = days.or(is_decision(record).then_some(DECISION_DAYS));
        let since = |days| Timestamp::from_millis(self.clock.now().as_millis() - i64::from(days) * 86_400_000);
        Ok(days.map(since))
    }

    /// Deletes what is not kept any more of the logs of a workspace or organization, and says when to look again.
    pub(crate) async fn forget_audit(&self, id: &Id) -> Result<(), Error> {
        let (organization, workspace, is_set) = match id.kind() {
            IdKind::Workspace => {
                let found =
                    records::read::<Workspace>(self.store.unmetered(), id.home(), records::workspace(id)).await?;
                let head = found.map(|found| found.value);
                let is_set = head.as_ref().is_some_and(Head::forgets_audit);
                (head.map(|head| head.organization), Some(*id), is_set)
            }
            _ => {
                let key = records::organization(id);
                let found = records::read::<Organization>(self.store.unmetered(), id.home(), key).await?;
                let is_set = found.is_some_and(|found| found.value.forgets_audit());
                (Some(*id), None, is_set)
            }
        };
        let Some(organization) = organization else { return self.commit_due(taken_out(id)).await };
        let own = workspace.map(|workspace| records::decisions_of(&workspace));
        let (mut is_done, mut is_empty) = (true, true);
        for (log, of) in [(Some(records::audit_of(Some(&organization))), None), (own, workspace)] {
            let Some(log) = log else { continue };
            let forgotten = self.forget_beginning(&log, &organization, of).await?;
            is_done &= forgotten < AT_ONCE;
            is_empty &= of.is_none() || self.store.unmetered().log(id.home(), &log, None, 2).await?.len() < 2;
        }
        if !is_set && is_empty {
            return self.commit_due(taken_out(id)).await;
        }
        let mut commit = Commit::new(id.home());
        let now = self.clock.now();
        schedule(&mut commit, id, if is_done { now.plus(LOOK_EVERY) } else { now });
        self.commit_due(commit).await
    }

    /// Deletes the beginning of a log as far as nothing of it is kept, and answers how many records that were.
    async fn forget_beginning(&self, log: &str, organization: &Id, workspace: Option<Id>) -> Result<usize, Error> {
        let (store, home) = (self.store.unmetered(), organization.home());
        let key = records::log_begins(log);
        let found = records::read::<u64>(store, home, key.clone()).await?;
        let (begins, check) = match found {
            Some(found) => (found.value, found.check),
            None => (1, Check { key: key.clone(), version: None }),
        };
        let Some(newest) = store.log(home, log, None, 1).await?.first().map(|entry| entry.sequence) else {
            return Ok(0);
        };
        let before = begins.saturating_add(AT_ONCE as u64).min(newest);
        let oldest_first = store.log(home, log, Some(before), AT_ONCE).await?.into_iter().rev();
        let entries: Vec<LogEntry> = oldest_first.filter(|entry| entry.sequence >= begins).collect();
        let (mut kept, mut last) = (Kept::default(), None);
        for entry in &entries {
            let record = open(log, entry)?.record;
            if kept.has(self, &record).await? {
                break;
            }
            last = Some((entry.sequence, record.at));
        }
        let Some((last, at)) = last else { return Ok(0) };
        let mut commit = Commit::new(home);
        commit.checks.push(check);
        commit.put(key, &(last + 1))?;
        commit.log_trims.push((log.to_owned(), last));
        let record = AuditRecord {
            id: Id::draw(IdKind::Audit, home, self.entropy.as_ref())?,
            at: self.clock.now(),
            organization: Some(*organization),
            workspace,
            actor: system(),
            action: ACTION.to_owned(),
            target: log.to_owned(),
            decision_id: None,
            before: None,
            after: Some(json!({ "first": begins, "last": last, "until": at })),
        };
        append(&mut commit, &record)?;
        match store.commit(commit).await {
            Ok(_) => Ok(usize::try_from(last + 1 - begins).unwrap_or(AT_ONCE)),
            Err(CommitError::Conflict { .. }) => Err(Error::Contended),
            Err(error) => Err(error.into()),
        }
    }
}

fn taken_out(id: &Id) -> Commit {
    let mut commit = Commit::new(id.home());
    Due::AuditRetention(*id).take_out(&mut commit);
    commit
}
