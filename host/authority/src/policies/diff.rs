//! What has changed from one revision of a policy to another.

use std::collections::BTreeSet;

use access_engine::Engine;
use access_model::RevisionRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use similar::TextDiff;

use super::actions;
use super::kept::Revision;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;

/// Lines of a source at most that are compared one by one.
const LINES: usize = 2_000;

/// Which revisions are to be compared.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffRequest {
    /// The one; left out, that in force, else the one before `to`.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub from: Option<u64>,
    /// The other; left out, the latest.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub to: Option<u64>,
}

/// What differs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyDiff")]
pub struct DiffView {
    /// The one revision.
    pub from: RevisionRef,
    /// The other.
    pub to: RevisionRef,
    /// What differs besides the source: `engine`, `mode`, `settings`, `attributes`, `module`.
    pub changes: Vec<Change>,
    /// Names of the cases that are not the same in both.
    pub cases: Vec<String>,
    /// CEL: how the source differs, as a unified diff; null where it doesn't, where it can't be told line by line, and for WASM.
    pub source: Option<String>,
}

/// Something that differs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyChange")]
pub struct Change {
    /// What.
    pub field: &'static str,
    /// As it is in the one.
    pub from: Value,
    /// As it is in the other.
    pub to: Value,
}

impl Authority {
    /// What differs between two revisions of the policy `name`.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn diff_policy(&self, permit: &Permit, name: &str, request: &DiffRequest) -> Result<DiffView, Error> {
        permit.covers(actions::GET)?;
        let workspace = permit.workspace_id()?;
        let policy = self.read_policy(&workspace, name).await?.value;
        let to = request.to.unwrap_or(policy.latest.revision);
        let published = policy.published.map(|published| published.revision);
        let from = request.from.or(published).unwrap_or_else(|| to.saturating_sub(1).max(1));
        let from = self.get_revision(&workspace, name, from).await?;
        let to = self.get_revision(&workspace, name, to).await?;
        let wanted = [&from.module, &to.module, &from.cases, &to.cases].map(String::clone);
        let parts = self.read_parts(&workspace, &wanted).await?;
        let gone = || Error::internal(format!("a revision of policy `{name}` is not whole"));
        let part = |sha256: &String| parts.get(sha256).ok_or_else(gone);
        let source = match (from.engine, to.engine) {
            (Engine::Cel, Engine::Cel) => compare(part(&from.module)?, part(&to.module)?),
            _ => None,
        };
        let cases = cases(part(&from.cases)?, part(&to.cases)?)?;
        Ok(DiffView { changes: changes(&from, &to)?, cases, source, from: from.reference(), to: to.reference() })
    }
}

fn changes(from: &Revision, to: &Revision) -> Result<Vec<Change>, Error> {
    let fields = |revision: &Revision| {
        let Revision { engine, mode, settings, attributes, module, .. } = revision;
        let module = if *engine == Engine::Wasm { Some(module) } else { None };
        let value = serde_json::to_value((engine, mode, settings, attributes, module)).map_err(Error::internal)?;
        Ok::<_, Error>(value.as_array().cloned().unwrap_or_default())
    };
    let named = ["engine", "mode", "settings", "attributes", "module"].into_iter().zip(fields(from)?).zip(fields(to)?);
    let differ = named.filter(|((_, from), to)| from != to);
    Ok(differ.map(|((field, from), to)| Change { field, from, to }).collect())
}

/// How two sources differ, unless there is nothing to tell or too much.
fn compare(from: &[u8], to: &[u8]) -> Option<String> {
    let (from, to) = (std::str::from_utf8(from).ok()?, std::str::from_utf8(to).ok()?);
    if from == to || from.lines().count().max(to.lines().count()) > LINES {
        return None;
    }
    Some(TextDiff::from_lines(from, to).unified_diff().header("from", "to").to_string())
}

fn cases(from: &[u8], to: &[u8]) -> Result<Vec<String>, Error> {
    let read = |cases: &[u8]| serde_json::from_slice::<Vec<Value>>(cases).map_err(Error::internal);
    let (from, to) = (read(from)?, read(to)?);
    let alone = |these: &[Value], others: &[Value]| {
        let alone = these.iter().filter(|case| !others.contains(case));
        alone
            .filter_map(|case| case.get("name").unwrap_or(&json!(null)).as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let names: BTreeSet<_> = alone(&from, &to).into_iter().chain(alone(&to, &from)).collect();
    Ok(names.into_iter().collect())
}
