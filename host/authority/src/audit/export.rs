//! The trail as a file: one JSON object a line (NDJSON), or CSV (RFC 4180), newest first.
//!
//! An export is recorded before its first line is written. What it reads it reads in pages, as slowly as it is taken, and
//! whoever takes it must be somebody still at each of them.

use std::sync::Arc;

use access_model::audit::AuditRecord;
use access_model::{Id, IdKind};
use access_store::{Commit, Store};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::read::Trail;
use super::{AuditFilter, AuditView, append};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;

/// The action of exporting a workspace's.
pub const ACTION_EXPORT: &str = "audit.export";
/// The action of exporting an organization's, its workspaces' included.
pub const ACTION_EXPORT_ORGANIZATION: &str = "organization_audit.export";

/// Records of one page.
const AT_ONCE: usize = 200;
const COLUMNS: &str =
    "sequence,id,at,organization,workspace,actor_kind,actor_id,action,target,decision_id,before,after,sha256\r\n";

/// How an export is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// One JSON object a line.
    #[default]
    Ndjson,
    /// Comma-separated values with a line of names. A value that a spreadsheet might take for a formula begins with `'`.
    Csv,
}

/// An export that is being read.
#[derive(Debug)]
pub struct Export {
    permit: Permit,
    trail: Trail,
    filter: AuditFilter,
    format: ExportFormat,
    // Where the next page begins; nothing after the last.
    position: Option<Option<Vec<Option<u64>>>>,
    heading: Option<&'static str>,
    _place: OwnedSemaphorePermit,
}

/// Exports that are written at a time: each reads a whole trail, however little of it is asked for.
pub(crate) const EXPORTS: usize = 8;

impl Authority {
    /// Begins an export of the permit's workspace's trail, and records it.
    ///
    /// # Errors
    /// Those of the store.
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
    /// Those of the store.
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

    async fn begin_export(
        &self,
        permit: Permit,
        trail: Trail,
        filter: AuditFilter,
        format: ExportFormat,
    ) -> Result<Export, Error> {
        let place = Arc::clone(&self.exports).try_acquire_owned().map_err(|_| Error::TooManyExports)?;
        let owner = trail.workspace.or(trail.organization).ok_or_else(|| Error::internal("an export of nobody's"))?;
        let mut commit = Commit::new(owner.home());
        let record = AuditRecord {
            id: Id::draw(IdKind::Audit, owner.home(), self.entropy.as_ref())?,
            at: self.clock.now(),
            organization: trail.organization,
            workspace: trail.workspace,
            actor: permit.actor(),
            action: permit.action().to_owned(),
            target: owner.to_string(),
            decision_id: Some(permit.decision_id().to_string()),
            before: None,
            after: Some(json!({ "format": format, "filter": filter })),
        };
        append(&mut commit, &record)?;
        self.store.commit(commit).await?;
        let heading = (format == ExportFormat::Csv).then_some(COLUMNS);
        Ok(Export { permit, trail, filter, format, position: Some(None), heading, _place: place })
    }
}

impl Export {
    /// The next part of the file; nothing at its end. A part may be empty.
    ///
    /// # Errors
    /// [`Error::Denied`] when whoever exports is nobody any more; those of the store.
    pub async fn next(&mut self, authority: &Authority) -> Result<Option<Bytes>, Error> {
        let Some(position) = self.position.take() else { return Ok(None) };
        authority.check_still(&self.permit).await?;
        let mut reader = authority.read_back(&self.trail, position);
        let (items, has_more) = reader.page(&self.filter, AT_ONCE).await?;
        self.position = has_more.then(|| Some(reader.position()));
        let mut text = self.heading.take().unwrap_or_default().as_bytes().to_vec();
        for view in &items {
            match self.format {
                ExportFormat::Ndjson => {
                    serde_json::to_writer(&mut text, view).map_err(Error::internal)?;
                    text.push(b'\n');
                }
                ExportFormat::Csv => text.extend_from_slice(line(view).as_bytes()),
            }
        }
        Ok(Some(text.into()))
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
