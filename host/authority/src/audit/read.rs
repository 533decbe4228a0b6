//! Reading a trail, which may lie in two logs: back from the newest, or on from where somebody was.

use std::collections::VecDeque;

use access_model::audit::SealedRecord;
use access_model::{Id, Shard};
use access_store::{LogEntry, Store};

use super::retention::Kept;
use super::{AuditFilter, AuditView};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::records;

/// Records looked at for one page, whatever the filter lets through.
const LOOKED_AT: usize = 2_000;
/// Records of one read.
const READ_AT_ONCE: usize = 200;

/// Whose trail it is, and the logs that it lies in.
#[derive(Debug, Clone)]
pub(super) struct Trail {
    pub(super) organization: Option<Id>,
    pub(super) workspace: Option<Id>,
    pub(super) logs: Vec<String>,
}

impl Trail {
    pub(super) fn of_workspace(permit: &Permit) -> Result<Self, Error> {
        let workspace = &permit.workspace()?.record;
        let logs = vec![records::audit_of(Some(&workspace.organization)), records::decisions_of(&workspace.id)];
        Ok(Self { organization: Some(workspace.organization), workspace: Some(workspace.id), logs })
    }

    pub(super) fn of_organization(permit: &Permit) -> Result<Self, Error> {
        let organization = permit.organization()?.record.id;
        Ok(Self {
            organization: Some(organization),
            workspace: None,
            logs: vec![records::audit_of(Some(&organization))],
        })
    }

    pub(super) fn of_platform() -> Self {
        Self { organization: None, workspace: None, logs: vec![records::audit_of(None)] }
    }

    /// A cursor is good for the list that it was made for, and no other.
    pub(super) fn list(&self, direction: &str) -> String {
        let of = self.workspace.as_ref().or(self.organization.as_ref());
        format!("audit/{}/{direction}", of.map_or_else(|| "platform".to_owned(), Id::to_string))
    }

    pub(super) fn home(&self) -> Shard {
        self.organization.as_ref().map_or(Shard::PLATFORM, Id::home)
    }
}

/// Reads back from the newest.
pub(super) struct Reader<'a> {
    authority: &'a Authority,
    trail: &'a Trail,
    logs: Vec<Back>,
    kept: Kept,
}

/// How far one log was read back.
#[derive(Debug, Default)]
struct Back {
    name: String,
    before: Option<u64>,
    read: VecDeque<AuditView>,
    // Of the newest record when reading began; 0 where there was none.
    newest: u64,
    has_ended: bool,
}

impl Authority {
    /// Reads a trail back from where a page before it ended.
    pub(super) fn read_back<'a>(&'a self, trail: &'a Trail, before: Option<Vec<Option<u64>>>) -> Reader<'a> {
        let mut before = before.unwrap_or_default().into_iter();
        let logs = trail.logs.iter().map(|name| Back {
            name: name.clone(),
            before: before.next().flatten(),
            ..Back::default()
        });
        Reader { authority: self, trail, logs: logs.collect(), kept: Kept::default() }
    }

    /// At most `limit` records that came after `position`, oldest first, and whether there may be more; moves it on.
    pub(super) async fn read_on(
        &self,
        trail: &Trail,
        filter: &AuditFilter,
        position: &mut Vec<u64>,
        limit: usize,
    ) -> Result<(Vec<AuditView>, bool), Error> {
        position.resize(trail.logs.len(), 0);
        let mut kept = Kept::default();
        let mut logs: Vec<VecDeque<AuditView>> = Vec::new();
        for (log, at) in trail.logs.iter().zip(position.iter_mut()) {
            logs.push(self.entries_after(trail, log, at).await?);
        }
        let is_cut = logs.iter().any(|log| log.len() == READ_AT_ONCE);
        let mut items = Vec::new();
        while items.len() < limit {
            let firsts = logs.iter().enumerate().filter_map(|(place, log)| Some((log.front()?.record.at, place)));
            let Some((_, place)) = firsts.min() else { break };
            let Some(view) = logs.get_mut(place).and_then(VecDeque::pop_front) else { break };
            if let Some(at) = position.get_mut(place) {
                *at = view.sequence;
            }
            if filter.admits(&view.record, trail.workspace.as_ref()) && kept.has(self, &view.record).await? {
                items.push(view);
            }
        }
        let has_more = is_cut || logs.iter().any(|log| !log.is_empty());
        Ok((items, has_more))
    }

    /// The records of a log that follow the one numbered `at`, oldest first. A log has no gaps but the one at its beginning, which
    /// `at` is moved over.
    async fn entries_after(&self, trail: &Trail, log: &str, at: &mut u64) -> Result<VecDeque<AuditView>, Error> {
        let newest = self.store.log(trail.home(), log, None, 1).await?;
        let Some(newest) = newest.first().map(|entry| entry.sequence).filter(|newest| newest > at) else {
            return Ok(VecDeque::new());
        };
        let key = records::log_begins(log);
        let begins = records::read::<u64>(self.store.as_ref(), trail.home(), key).await?;
        *at = (*at).max(begins.map_or(0, |begins| begins.value.saturating_sub(1))).min(newest);
        let before = at.saturating_add(READ_AT_ONCE as u64 + 1);
        let entries = self.store.log(trail.home(), log, Some(before), READ_AT_ONCE).await?;
        entries.into_iter().rev().filter(|entry| entry.sequence > *at).map(|entry| open(log, &entry)).collect()
    }
}

impl Reader<'_> {
    /// At most `limit` records that the filter admits, and whether there may be more.
    pub(super) async fn page(&mut self, filter: &AuditFilter, limit: usize) -> Result<(Vec<AuditView>, bool), Error> {
        let mut items = Vec::new();
        for _ in 0..LOOKED_AT {
            if items.len() == limit {
                return Ok((items, self.has_more(filter).await?));
            }
            let Some(view) = self.next(filter).await? else { return Ok((items, false)) };
            let is_kept = self.kept.has(self.authority, &view.record).await?;
            if is_kept && filter.admits(&view.record, self.trail.workspace.as_ref()) {
                items.push(view);
            }
        }
        Ok((items, true))
    }

    /// Where the next page begins.
    pub(super) fn position(&self) -> Vec<Option<u64>> {
        self.logs.iter().map(|log| if log.has_ended && log.read.is_empty() { Some(0) } else { log.before }).collect()
    }

    /// Where what comes from here on begins.
    pub(super) fn newest(&self) -> Vec<u64> {
        self.logs.iter().map(|log| log.newest).collect()
    }

    /// The newest that was not taken yet.
    async fn next(&mut self, filter: &AuditFilter) -> Result<Option<AuditView>, Error> {
        if !self.has_more(filter).await? {
            return Ok(None);
        }
        let logs = self.logs.iter_mut().filter(|log| !log.read.is_empty());
        Ok(logs.max_by_key(|log| log.read.front().map(|view| view.record.at)).and_then(Back::take))
    }

    /// Whether any is left that was not taken.
    async fn has_more(&mut self, filter: &AuditFilter) -> Result<bool, Error> {
        let home = self.trail.home();
        for log in &mut self.logs {
            log.fill(self.authority, home, filter).await?;
        }
        Ok(self.logs.iter().any(|log| !log.read.is_empty()))
    }
}

impl Back {
    async fn fill(&mut self, authority: &Authority, home: Shard, filter: &AuditFilter) -> Result<(), Error> {
        if self.has_ended || !self.read.is_empty() {
            return Ok(());
        }
        let entries = authority.store.log(home, &self.name, self.before, READ_AT_ONCE).await?;
        if self.before.is_none() {
            self.newest = entries.first().map_or(0, |entry| entry.sequence);
        }
        self.has_ended = entries.len() < READ_AT_ONCE;
        for entry in entries {
            let view = open(&self.name, &entry)?;
            if filter.ends_before(view.record.at) {
                self.has_ended = true;
                break;
            }
            self.read.push_back(view);
        }
        Ok(())
    }

    fn take(&mut self) -> Option<AuditView> {
        let view = self.read.pop_front()?;
        self.before = Some(view.sequence);
        Some(view)
    }
}

pub(super) fn open(log: &str, entry: &LogEntry) -> Result<AuditView, Error> {
    let corrupt = || Error::internal(format!("record {} of `{log}` is not what was hashed", entry.sequence));
    let sealed: SealedRecord = serde_json::from_slice(&entry.value).map_err(|_| corrupt())?;
    let record = sealed.open().ok_or_else(corrupt)?;
    Ok(AuditView { sequence: entry.sequence, sha256: sealed.sha256, record })
}
