//! The trail as a file: one JSON object a line, oldest first, which can be checked ([`access_model::audit::lines`]), or CSV (RFC 4180),
//! newest first, for spreadsheets, which can't.
//!
//! An export is recorded before its first line is written, and its logs are sealed with that. What it reads it reads in pages, as
//! slowly as it is taken, and whoever takes it must be somebody still at each of them. Of a chain nothing can be missing, so that
//! what is not asked for, not the workspace's, or not kept any more stands there as its hash alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::forward::{Forward, Linked};
use super::places::{Most, Place};
use super::read::Trail;
use super::retention::Kept;
use super::{AuditFilter, AuditView, append};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::records::{self, TRIES};
use access_model::audit::AuditRecord;
use access_model::audit::chain::{Chain, Checkpoint};
use access_model::audit::lines::{self, Lines, Span, Trailer};
use access_model::{Id, IdKind, Timestamp};
use access_store::{Commit, Store};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The action of exporting a workspace's.
pub const ACTION_EXPORT: &str = "audit.export";
/// The action of exporting an organization's, its workspaces' included.
pub const ACTION_EXPORT_ORGANIZATION: &str = "organization_audit.export";
/// The action of exporting the platform's own.
pub const ACTION_EXPORT_PLATFORM: &str = "platform_audit.export";

/// Records of one page.
const AT_ONCE: usize = 200;
const COLUMNS: &str =
    "sequence,id,at,organization,workspace,actor_kind,actor_id,action,target,decision_id,before,after,sha256\r\n";

/// How an export is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// One JSON object a line, oldest first; `audit verify` checks it.
    #[default]
    Ndjson,
    /// Comma-separated values with a line of names, newest first, to be read and not checked. A value that a spreadsheet might take for a formula begins with `'`.
    Csv,
}

/// An export that is being read.
#[derive(Debug)]
pub struct Export {
    permit: Permit,
    trail: Trail,
    filter: AuditFilter,
    part: Part,
    _place: Arc<Place>,
}

/// What comes next.
#[derive(Debug)]
enum Part {
    /// A page of lines of CSV, which begins there; the first with a heading.
    Table(Option<Vec<Option<u64>>>),
    /// Lines that can be checked.
    Chains(Box<Chains>),
    /// Nothing.
    End,
}

/// How far the logs were written, one after the other.
#[derive(Debug)]
struct Chains {
    at: Timestamp,
    logs: VecDeque<String>,
    open: Option<(Forward, Checkpoint)>,
    kept: Kept,
    records: u64,
    left_out: u64,
    ended: Vec<Span>,
    lines: Lines,
}

/// Exports that read at a time, the others wait for their turn: each reads a whole trail, however little of it is asked for. One
/// that nobody takes reads nothing, and so keeps no other from its turn.
pub(crate) const EXPORTS: usize = 8;
/// How many are open at a time, whether they are taken or not.
const MOST: Most = Most { of_trail: 4, of_organization: 4, of_all: usize::MAX };

impl Authority {
    /// Begins an export of the permit's workspace's trail, and records it.
    ///
    /// # Errors
    /// [`Error::TooManyExports`]; those of the store.
    pub async fn export_audit(
        &self,
        permit: Permit,
        filter: AuditFilter,
        format: ExportFormat,
    ) -> Result<Export, Error> {
        permit.covers(ACTION_EXPORT)?;
        let trail = Trail::of_workspace(&permit)?;
        self.begin_export(permit, trail, filter, format).await
    }

    /// Begins an export of the permit's organization's trail, and records it.
    ///
    /// # Errors
    /// [`Error::TooManyExports`]; those of the store.
    pub async fn export_organization_audit(
        &self,
        permit: Permit,
        filter: AuditFilter,
        format: ExportFormat,
    ) -> Result<Export, Error> {
        permit.covers(ACTION_EXPORT_ORGANIZATION)?;
        let trail = Trail::of_organization(&permit)?;
        self.begin_export(permit, trail, filter, format).await
    }

    /// Begins an export of the platform's own trail, and records it.
    ///
    /// # Errors
    /// [`Error::TooManyExports`]; those of the store.
    pub async fn export_platform_audit(
        &self,
        permit: Permit,
        filter: AuditFilter,
        format: ExportFormat,
    ) -> Result<Export, Error> {
        permit.covers(ACTION_EXPORT_PLATFORM)?;
        self.begin_export(permit, Trail::of_platform(), filter, format).await
    }

    async fn begin_export(
        &self,
        permit: Permit,
        trail: Trail,
        filter: AuditFilter,
        format: ExportFormat,
    ) -> Result<Export, Error> {
        let now = self.clock.monotonic();
        let place = self.exporters.take(&trail, &MOST, now, Duration::MAX).ok_or(Error::TooManyExports)?;
        let owner = trail.workspace.or(trail.organization);
        let (mut commit, at) = (Commit::new(trail.home()), self.clock.now());
        let record = AuditRecord {
            id: Id::draw(IdKind::Audit, trail.home(), self.entropy.as_ref())?,
            at,
            organization: trail.organization,
            workspace: trail.workspace,
            actor: permit.actor(),
            action: permit.action().to_owned(),
            target: owner.map_or_else(|| "platform".to_owned(), |owner| owner.to_string()),
            decision_id: Some(permit.decision_id().to_string()),
            before: None,
            after: Some(json!({ "format": format, "filter": filter })),
        };
        append(&mut commit, &record)?;
        let own = self.store.commit(commit).await?.appended.first().copied().unwrap_or_default();
        let part = match format {
            ExportFormat::Csv => Part::Table(None),
            ExportFormat::Ndjson => {
                self.seal_up_to(&trail, own).await?;
                Part::Chains(Box::new(Chains::new(&trail, at)))
            }
        };
        Ok(Export { permit, trail, filter, part, _place: place })
    }

    /// Seals the logs of a trail, the first up to its record numbered `own`.
    async fn seal_up_to(&self, trail: &Trail, own: u64) -> Result<(), Error> {
        for _ in 0..TRIES {
            self.seal(trail.home(), &trail.logs).await?;
            let Some(log) = trail.logs.first() else { return Ok(()) };
            let chain = records::read::<Chain>(self.store.as_ref(), trail.home(), records::chain_of(log)).await?;
            if chain.is_some_and(|chain| chain.value.sealed.sequence >= own) {
                return Ok(());
            }
        }
        // Another host sealed each time, a moment before it was appended; or it can't be, and the export will break off.
        Err(Error::Contended)
    }
}

impl Export {
    /// The next part of the file; nothing at its end. A part may be empty.
    ///
    /// # Errors
    /// [`Error::Denied`] when whoever exports is nobody any more; those of the store.
    pub async fn next(&mut self, authority: &Authority) -> Result<Option<Bytes>, Error> {
        let part = std::mem::replace(&mut self.part, Part::End);
        let _turn = authority.exports.acquire().await.map_err(Error::internal)?;
        if !matches!(part, Part::End) {
            authority.check_still(&self.permit).await?;
        }
        let text = match part {
            Part::End => return Ok(None),
            Part::Table(position) => self.rows(authority, position).await?,
            Part::Chains(mut chains) => {
                let text = chains.next(authority, &self.trail, &self.filter).await?;
                chains.lines.take(&text);
                if !chains.is_over() {
                    self.part = Part::Chains(chains);
                    return Ok(Some(text.into()));
                }
                text + &chains.trailer(authority, &self.trail, &self.filter)?
            }
        };
        Ok(Some(text.into()))
    }

    async fn rows(&mut self, authority: &Authority, position: Option<Vec<Option<u64>>>) -> Result<String, Error> {
        let mut text = if position.is_none() { COLUMNS.to_owned() } else { String::new() };
        let mut reader = authority.read_back(&self.trail, position);
        let (items, has_more) = reader.page(&self.filter, AT_ONCE).await?;
        if has_more {
            self.part = Part::Table(Some(reader.position()));
        }
        text.extend(items.iter().map(line));
        Ok(text)
    }
}

impl Chains {
    fn new(trail: &Trail, at: Timestamp) -> Self {
        let logs = trail.logs.iter().cloned().collect();
        Self {
            at,
            logs,
            open: None,
            kept: Kept::default(),
            records: 0,
            left_out: 0,
            ended: Vec::new(),
            lines: Lines::default(),
        }
    }

    fn is_over(&self) -> bool {
        self.open.is_none() && self.logs.is_empty()
    }

    /// The next lines.
    async fn next(&mut self, authority: &Authority, trail: &Trail, filter: &AuditFilter) -> Result<String, Error> {
        let store = authority.store.as_ref();
        let Some((forward, sealed)) = &mut self.open else {
            let Some(log) = self.logs.pop_front() else { return Ok(String::new()) };
            let found = records::read::<Chain>(store, trail.home(), records::chain_of(&log)).await?;
            // A log without records has none.
            let Some(Chain { begins, sealed }) = found.map(|found| found.value) else { return Ok(String::new()) };
            let (sequence, link) = (begins.sequence, begins.link);
            let forward = Forward { home: trail.home(), log, sequence, link };
            let opening = lines::opening(&Chain { begins, sealed: sealed.clone() }).map_err(Error::internal)?;
            self.ended.push(Span { log: sealed.log.clone(), first: sequence + 1, last: sequence, head: link });
            self.open = Some((forward, sealed));
            return Ok(opening);
        };
        let mut text = String::new();
        for Linked { sequence, link, sealed } in forward.next(store, sealed.sequence).await? {
            let record = sealed.open().ok_or_else(|| forward.broken(sequence, "can't be read"))?;
            let is_told = filter.admits(&record, trail.workspace.as_ref()) && self.kept.has(authority, &record).await?;
            *(if is_told { &mut self.records } else { &mut self.left_out }) += 1;
            text += &lines::record(sequence, &sealed.sha256, link, is_told.then_some(&*sealed.record));
        }
        if let Some(span) = self.ended.last_mut() {
            (span.last, span.head) = (forward.sequence, forward.link);
        }
        if forward.sequence >= sealed.sequence {
            self.open = None;
        }
        Ok(text)
    }

    fn trailer(&self, authority: &Authority, trail: &Trail, filter: &AuditFilter) -> Result<String, Error> {
        let trailer = Trailer {
            organization: trail.organization,
            workspace: trail.workspace,
            at: self.at,
            filter: serde_json::to_value(filter).map_err(Error::internal)?,
            records: self.records,
            left_out: self.left_out,
            chains: self.ended.clone(),
            sha256: self.lines.sha256(),
        };
        lines::trailer(&trailer, &authority.audit_key()?).map_err(Error::internal)
    }
}

fn line(view: &AuditView) -> String {
    let AuditView { sequence, sha256, record } = view;
    let id = |id: &Option<Id>| id.as_ref().map(Id::to_string).unwrap_or_default();
    let value = |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
    let fields = [
        sequence.to_string(),
        record.id.to_string(),
        record.at.to_string(),
        id(&record.organization),
        id(&record.workspace),
        record.actor.kind.clone(),
        id(&record.actor.id),
        record.action.clone(),
        record.target.clone(),
        record.decision_id.clone().unwrap_or_default(),
        value(&record.before),
        value(&record.after),
        sha256.clone(),
    ];
    let fields: Vec<_> = fields.iter().map(|text| field(text)).collect();
    fields.join(",") + "\r\n"
}

/// A field in quotes where it needs them. What begins like a formula is made text: spreadsheets calculate what they are given.
fn field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let needs_quotes = is_formula || text.contains([',', '"', '\r', '\n']);
    if !needs_quotes {
        return text.to_owned();
    }
    let escape = if is_formula { "'" } else { "" };
    format!("\"{escape}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_a_formula_or_ends_early() {
        for (text, expected) in [
            ("keys.issue", "keys.issue"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("{\"a\":1}", "\"{\"\"a\"\":1}\""),
        ] {
            assert_eq!(field(text), expected, "{text:?}");
        }
    }
}
