//! How long audit records are kept: not shown any more when their time is over, and deleted from the beginning of their log.
//!
//! The last record of a log is never deleted, since what comes after it goes on from it, and none that is not sealed. A log that
//! several owners share loses its beginning only as far as all of them agree. In the commit that deletes, the chain gets a signed
//! beginning: the link of the last record that went.

use std::collections::BTreeMap;
use std::time::Duration;

use access_model::audit::AuditRecord;
use access_model::audit::chain::{Chain, Checkpoint};
use access_model::{AuditDecisions, Id, IdKind, Organization, Timestamp, Workspace};
use access_store::{Check, Commit, IndexEntry};
use serde_json::json;

use super::append;
use super::decisions::is_decision;
use super::forward::{Forward, Linked};
use crate::authority::Authority;
use crate::due::Due;
use crate::error::Error;
use crate::heads::Head;
use crate::lifecycle::system;
use crate::records::{self, CommitExt as _, Versioned};

/// What the record of it is about.
const ACTION: &str = "audit.forget";
/// Days that changes are kept where nothing is set.
const CHANGE_DAYS: u32 = 365;
/// Days that decisions are.
const DECISION_DAYS: u32 = 90;
const DAY_MILLIS: i64 = 86_400_000;
/// Between two looks at a log.
const LOOK_EVERY: Duration = Duration::from_secs(86_400);
/// Records that are deleted at a time.
const AT_ONCE: u64 = 1_000;

/// What became of a log's beginning.
#[derive(Debug, Default)]
struct Forgotten {
    /// There may be more.
    is_more: bool,
    /// Until when the oldest record is kept that was looked at and stays.
    next: Option<Timestamp>,
    /// Whether nothing of it could be deleted, whatever is kept.
    is_short: bool,
}

/// Sees to it that the records of the workspace or organization `id` are looked at.
pub(crate) fn schedule(commit: &mut Commit, id: &Id, at: Timestamp) {
    let entry = IndexEntry { score: at.as_millis(), member: Due::AuditRetention(*id).member() };
    commit.index_puts.push((records::DUE.to_owned(), entry));
}

/// How many days records are kept, by whose they are: read once for each owner.
#[derive(Debug, Default)]
pub(super) struct Kept {
    days: BTreeMap<(Option<Id>, bool), Option<u32>>,
}

impl Kept {
    /// What an owner that sets nothing wants: no number of days of its own, no decisions.
    const BY_DEFAULT: (Option<u32>, AuditDecisions) = (None, AuditDecisions::None);

    /// Whether `record` is of a time that is kept, as things are set now: that it may not have been deleted yet is nobody's
    /// business.
    pub(super) async fn has(&mut self, authority: &Authority, record: &AuditRecord) -> Result<bool, Error> {
        Ok(self.until(authority, record).await?.is_none_or(|until| authority.clock.now() <= until))
    }

    /// Until when it is; nothing: for ever.
    async fn until(&mut self, authority: &Authority, record: &AuditRecord) -> Result<Option<Timestamp>, Error> {
        let whose = (record.workspace, is_decision(record));
        let days = match self.days.get(&whose) {
            Some(days) => *days,
            None => {
                let days = authority.kept_days(record).await?;
                self.days.insert(whose, days);
                days
            }
        };
        Ok(days.map(|days| Timestamp::from_millis(record.at.as_millis() + i64::from(days) * DAY_MILLIS)))
    }
}

impl Authority {
    /// The platform's own are kept for ever: they tell how everything else came to be.
    async fn kept_days(&self, record: &AuditRecord) -> Result<Option<u32>, Error> {
        let set = match (&record.workspace, &record.organization) {
            (Some(id), _) => self.workspace(id).await?.and_then(|entry| entry.record.settings.audit_retention_days),
            (None, Some(id)) => {
                self.organization(id).await?.and_then(|entry| entry.record.settings.audit_retention_days)
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(set.unwrap_or(if is_decision(record) { DECISION_DAYS } else { CHANGE_DAYS })))
    }

    /// Deletes what is not kept any more of the logs of a workspace or organization, and says when to look again.
    pub(crate) async fn forget_audit(&self, id: &Id) -> Result<(), Error> {
        let (organization, workspace, is_set) = match id.kind() {
            IdKind::Workspace => {
                let found = records::read::<Workspace>(self.store.as_ref(), id.home(), records::workspace(id)).await?;
                let head = found.map(|found| found.value);
                let is_set = head.as_ref().is_some_and(|head| head.audit_kept() != Kept::BY_DEFAULT);
                (head.map(|head| head.organization), Some(*id), is_set)
            }
            _ => {
                let key = records::organization(id);
                let found = records::read::<Organization>(self.store.as_ref(), id.home(), key).await?;
                (found.map(|_| *id), None, true)
            }
        };
        let Some(organization) = organization else { return self.commit_due(taken_out(id)).await };
        let changes = self.forget_beginning(&records::audit_of(Some(&organization)), &organization, None).await?;
        let decisions = match workspace {
            Some(workspace) => {
                let log = records::decisions_of(&workspace);
                self.forget_beginning(&log, &organization, Some(workspace)).await?
            }
            None => Forgotten::default(),
        };
        if !is_set && decisions.is_short {
            return self.commit_due(taken_out(id)).await;
        }
        let mut commit = Commit::new(id.home());
        let now = self.clock.now();
        let next = changes.next.into_iter().chain(decisions.next).min().unwrap_or(now);
        let is_more = changes.is_more || decisions.is_more;
        schedule(&mut commit, id, if is_more { now } else { next.max(now.plus(LOOK_EVERY)) });
        self.commit_due(commit).await
    }

    /// Deletes the beginning of a log as far as nothing of it is kept.
    async fn forget_beginning(&self, log: &str, organization: &Id, workspace: Option<Id>) -> Result<Forgotten, Error> {
        let (store, home) = (self.store.as_ref(), organization.home());
        self.seal(home, &[log.to_owned()]).await?;
        let found = records::read::<Chain>(store, home, records::chain_of(log)).await?;
        let Some(Versioned { value: Chain { begins, sealed }, check }) = found else {
            return Ok(Forgotten { is_short: true, ..Forgotten::default() });
        };
        // Nothing is forgotten in favour of what somebody else sealed.
        if !(Chain { begins: begins.clone(), sealed: sealed.clone() }).is_sealed(log, &self.audit_keys()) {
            return Err(Error::internal(format!(
                "the chain of `{log}` is none that was sealed by this installation's keys"
            )));
        }
        let key = records::log_begins(log);
        let found = records::read::<u64>(store, home, key.clone()).await?;
        let told = found.map_or(Check { key: key.clone(), version: None }, |found| found.check);
        // INVARIANT: the newest record stays, and what is not sealed.
        let end = sealed.sequence.saturating_sub(1).min(begins.sequence + AT_ONCE);
        let mut forward = Forward { home, log: log.to_owned(), sequence: begins.sequence, link: begins.link };
        let mut forgotten = Forgotten { is_short: end <= begins.sequence, ..Forgotten::default() };
        let (mut kept, mut last) = (Kept::default(), None);
        'log: loop {
            let page = forward.next(store, end).await?;
            if page.is_empty() {
                forgotten.is_more = end == begins.sequence + AT_ONCE;
                break;
            }
            for Linked { sequence, link, sealed } in page {
                let record = sealed.open().ok_or_else(|| forward.broken(sequence, "can't be read"))?;
                let until = kept.until(self, &record).await?;
                if until.is_none_or(|until| self.clock.now() <= until) {
                    forgotten.next = until;
                    break 'log;
                }
                last = Some((sequence, link, record.at));
            }
        }
        let Some((last, link, at)) = last else { return Ok(forgotten) };
        let mut commit = Commit::new(home);
        commit.checks.extend([told, check]);
        commit.put(key, &(last + 1))?;
        let first = begins.sequence + 1;
        let begins = Checkpoint::sign(log, last, link, self.clock.now(), &self.audit_key()?);
        commit.put(records::chain_of(log), &Chain { begins, sealed })?;
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
            after: Some(json!({ "first": first, "last": last, "until": at, "link": link })),
        };
        append(&mut commit, &record)?;
        self.commit_due(commit).await?;
        Ok(forgotten)
    }
}

fn taken_out(id: &Id) -> Commit {
    let mut commit = Commit::new(id.home());
    Due::AuditRetention(*id).take_out(&mut commit);
    commit
}
