//! A file of cases: facts, and what the policy must say to them.
//!
//! ```toml
//! [facts.action]                       # over the sample, for every case of the file
//! scopes = ["jobs:write"]
//!
//! [[case]]
//! name = "a key without the scope"
//! facts = { principal = { scopes = ["jobs:read"] } }      # over that, for this case
//! absent = ["request.environment"]                        # taken out again
//! expect = { effect = "forbid", codes = ["missing_scope"] }
//! ```
//!
//! Tables merge key by key, everything else replaces what it covers. Unknown keys are errors with their position: a case
//! that silently tests nothing is worse than none.

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value as TomlValue};

use crate::{Attributes, Effect, Facts};

/// One case: facts and settings, and what must come of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it shows, unique within its file.
    pub name: String,
    /// The facts, complete.
    pub facts: Facts,
    /// The binding's settings; the manifest's defaults fill in what is not given.
    pub settings: Attributes,
    /// What the policy must say.
    pub expect: Expectation,
}

/// What a policy must say to a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Expectation {
    /// A verdict with exactly these reason codes, in this order.
    Verdict {
        /// The effect.
        effect: Effect,
        /// The codes of its reasons; empty unless it forbids.
        codes: Vec<String>,
        /// The age in seconds that a second factor may have, where the policy asks for one.
        #[serde(skip_serializing_if = "Option::is_none")]
        step_up: Option<u32>,
    },
    /// It must err.
    Error {
        /// Always true.
        error: bool,
    },
}

/// A file of cases.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseFile {
    /// In the order of the file.
    pub cases: Vec<Case>,
}

/// Why a file of cases can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct CaseError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong and what to do, lower case.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    facts: Table,
    #[serde(default, rename = "case")]
    cases: Vec<Spanned<RawCase>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: Spanned<String>,
    #[serde(default)]
    facts: Table,
    #[serde(default)]
    absent: Vec<Spanned<String>>,
    #[serde(default)]
    settings: Attributes,
    expect: Spanned<RawExpectation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpectation {
    effect: Option<Effect>,
    #[serde(default)]
    codes: Vec<String>,
    step_up: Option<u32>,
    error: Option<bool>,
}

impl CaseFile {
    /// Reads a file of cases.
    pub fn parse(source: &str) -> Result<Self, CaseError> {
        let raw: RawFile = toml::from_str(source).map_err(|e| toml_error(source, &e))?;
        refuse_unknown_facts(source)?;
        let base = sample_table(source)?;
        let base = merge(base, raw.facts);
        let mut cases: Vec<Case> = Vec::with_capacity(raw.cases.len());
        for case in raw.cases {
            let case = complete(source, &base, case)?;
            if cases.iter().any(|other| other.name == case.0.name) {
                return Err(error_at(source, case.1, format!("a case named `{}` is already there", case.0.name)));
            }
            cases.push(case.0);
        }
        Ok(Self { cases })
    }
}

impl CaseFile {
    /// Reads cases that were written as JSON: the objects of a file's `case`.
    ///
    /// # Errors
    /// As [`CaseFile::parse`]; `line` is the place of the case, from 1, and `column` is 1.
    pub fn from_json(cases: &[serde_json::Value]) -> Result<Self, CaseError> {
        let mut read: Vec<Case> = Vec::with_capacity(cases.len());
        for (place, case) in cases.iter().enumerate() {
            let at = |message: String| CaseError { line: place + 1, column: 1, message };
            let table = TomlValue::deserialize(case).map_err(|e| at(e.to_string()))?;
            let source = Table::from_iter([("case".to_owned(), TomlValue::Array(vec![table]))]).to_string();
            let file = Self::parse(&source).map_err(|e| at(e.message))?;
            for case in file.cases {
                if read.iter().any(|other| other.name == case.name) {
                    return Err(at(format!("a case named `{}` is already there", case.name)));
                }
                read.push(case);
            }
        }
        Ok(Self { cases: read })
    }

    /// The cases of a file as [`CaseFile::from_json`] reads them: each by itself, with what the file states for all of them.
    ///
    /// # Errors
    /// As [`CaseFile::parse`], for what is no file of cases at all.
    pub fn to_json(source: &str) -> Result<Vec<serde_json::Value>, CaseError> {
        let mut file: Table = toml::from_str(source).map_err(|e| toml_error(source, &e))?;
        let base = file.remove("facts").and_then(|facts| facts.as_table().cloned()).unwrap_or_default();
        let Some(TomlValue::Array(cases)) = file.remove("case") else { return Ok(Vec::new()) };
        let whole = |case: TomlValue| {
            let over = Table::from_iter([("facts".to_owned(), TomlValue::Table(base.clone()))]);
            merge(over, case.as_table().cloned().unwrap_or_default())
        };
        let json = |case| serde_json::to_value(case).map_err(|e| error_at(source, 0, e.to_string()));
        cases.into_iter().map(whole).map(json).collect()
    }
}

/// Fills a case's facts up and checks its expectation. Returns where its name stands, too.
fn complete(source: &str, base: &Table, case: Spanned<RawCase>) -> Result<(Case, usize), CaseError> {
    let start = case.span().start;
    let raw = case.into_inner();
    let mut facts = merge(base.clone(), raw.facts);
    for path in &raw.absent {
        if !remove(&mut facts, path.get_ref()) {
            let message = format!("`{}` is not there to be taken away; give the path of a stated fact", path.get_ref());
            return Err(error_at(source, path.span().start, message));
        }
    }
    let facts = Facts::deserialize(TomlValue::Table(facts)).map_err(|e| {
        error_at(source, start, format!("the facts of this case are incomplete or wrong: {}", e.message()))
    })?;
    let at = raw.expect.span().start;
    let expect = expectation(raw.expect.into_inner()).map_err(|message| error_at(source, at, message.to_owned()))?;
    let name_at = raw.name.span().start;
    let name = raw.name.into_inner();
    if name.trim().is_empty() {
        return Err(error_at(source, name_at, "a case needs a name that says what it shows".to_owned()));
    }
    Ok((Case { name, facts, settings: raw.settings, expect }, name_at))
}

fn expectation(raw: RawExpectation) -> Result<Expectation, &'static str> {
    let RawExpectation { effect, codes, step_up, error } = raw;
    match (effect, error) {
        (None, Some(true)) if codes.is_empty() && step_up.is_none() => Ok(Expectation::Error { error: true }),
        (Some(Effect::Forbid), None) if codes.is_empty() => {
            Err("a case that expects `forbid` lists the expected `codes`")
        }
        (Some(Effect::Forbid), None) if step_up.is_some() => Err("what is forbidden needs no `step_up`"),
        (Some(effect), None) if effect == Effect::Forbid || codes.is_empty() => {
            Ok(Expectation::Verdict { effect, codes, step_up })
        }
        (Some(_), None) => Err("only `forbid` has `codes`"),
        _ => Err("write `effect = \"permit|forbid|no_match\"`, with `codes` for `forbid`, or `error = true`"),
    }
}

/// [`Facts::sample`] as a table to be merged into.
fn sample_table(source: &str) -> Result<Table, CaseError> {
    Table::try_from(Facts::sample()).map_err(|e| error_at(source, 0, format!("the sample facts: {e}")))
}

/// `over` wins; tables merge key by key.
fn merge(mut under: Table, over: Table) -> Table {
    for (key, value) in over {
        let value = match (under.remove(&key), value) {
            (Some(TomlValue::Table(below)), TomlValue::Table(above)) => TomlValue::Table(merge(below, above)),
            (_, value) => value,
        };
        under.insert(key, value);
    }
    under
}

/// Takes `a.b.c` away; false if it was not there.
fn remove(table: &mut Table, path: &str) -> bool {
    match path.split_once('.') {
        None => table.remove(path).is_some(),
        Some((head, rest)) => match table.get_mut(head) {
            // a free attribute's name may hold dots itself
            Some(TomlValue::Table(inner)) => inner.remove(rest).is_some() || remove(inner, rest),
            _ => false,
        },
    }
}

/// Looks every key under a `facts` up in the schema, since serde knows no positions once tables were merged.
fn refuse_unknown_facts(source: &str) -> Result<(), CaseError> {
    let document = DeTable::parse(source).map_err(|e| toml_error(source, &e))?;
    let schema: serde_json::Value = serde_json::from_str(crate::FACTS_SCHEMA)
        .map_err(|e| error_at(source, 0, format!("the built-in schema of facts: {e}")))?;
    let document = document.get_ref();
    let mut tables: Vec<&DeTable<'_>> = Vec::new();
    tables.extend(document.get("facts").and_then(|facts| facts.get_ref().as_table()));
    if let Some(DeValue::Array(cases)) = document.get("case").map(Spanned::get_ref) {
        let facts = cases.iter().filter_map(|case| case.get_ref().as_table()?.get("facts")?.get_ref().as_table());
        tables.extend(facts);
    }
    tables.into_iter().try_for_each(|table| refuse_unknown(source, table, &schema, &schema))
}

fn refuse_unknown(
    source: &str,
    table: &DeTable<'_>,
    node: &serde_json::Value,
    schema: &serde_json::Value,
) -> Result<(), CaseError> {
    // a map of free attributes has no `properties`: any name will do
    let Some(properties) = node.get("properties").and_then(|p| p.as_object()) else { return Ok(()) };
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        let Some(field) = properties.get(name) else {
            let known = properties.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
            let message = format!("unknown fact `{name}`; known here are `{known}`");
            return Err(error_at(source, key.span().start, message));
        };
        let field = match field.get("$ref").and_then(|r| r.as_str()).and_then(|r| r.strip_prefix('#')) {
            Some(pointer) => schema.pointer(pointer).unwrap_or(field),
            None => field,
        };
        if let Some(inner) = value.get_ref().as_table() {
            refuse_unknown(source, inner, field, schema)?;
        }
    }
    Ok(())
}

fn toml_error(source: &str, error: &toml::de::Error) -> CaseError {
    error_at(source, error.span().map_or(0, |span| span.start), error.message().to_owned())
}

fn error_at(source: &str, offset: usize, message: String) -> CaseError {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    CaseError { line, column, message }
}

#[cfg(test)]
mod tests;
