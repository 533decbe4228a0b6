//! An export that can be checked, line by line. Each line is JSON, ends with a line feed, and is written in one way alone:
//!
//! 1. for each log, `{"chain": …}`: what its oldest record goes on from and where it was sealed, both signed;
//! 2. its records, oldest first, each with its number, its SHA-256 and its link. After these stand the record's own bytes, as
//!    they were hashed; what the export leaves out ends there;
//! 3. `{"trailer": …}`: what was exported, how much of it, where the chains end, and the SHA-256 of all lines before, signed.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::chain::{Chain, Hex, Link};
use super::key::{AuditKey, PublicKey, Signature};
use crate::clock::Timestamp;
use crate::id::Id;

pub(super) const OPENING: &str = "{\"chain\":";
pub(super) const RECORD: &str = "{\"sequence\":";
pub(super) const TRAILER: &str = "{\"trailer\":";

/// What stands before the records of a log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    pub(super) chain: Chain,
}

/// What an export says of itself in the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    /// Whose trail; null: the platform's own.
    pub organization: Option<Id>,
    /// Of which of its workspaces; null: of the organization.
    pub workspace: Option<Id>,
    /// When it was asked for.
    pub at: Timestamp,
    /// What was asked for.
    pub filter: serde_json::Value,
    /// Records that stand in it.
    pub records: u64,
    /// Records of which only the hash does.
    pub left_out: u64,
    /// The logs that it is made of.
    pub chains: Vec<Span>,
    /// SHA-256 of all lines before this one, so that what it left out can't be put back, or taken out of it afterwards.
    pub sha256: Hex<32>,
}

/// The lines before the trailer, digested as they go by.
#[derive(Debug, Clone, Default)]
pub struct Lines(Sha256);

/// What an export has of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The log.
    pub log: String,
    /// Number of its first record here.
    pub first: u64,
    /// Number of the last.
    pub last: u64,
    /// The last one's link.
    pub head: Link,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signed {
    pub(super) trailer: Box<RawValue>,
    pub(super) key: PublicKey,
    pub(super) signature: Signature,
}

impl Lines {
    /// Takes whole lines, their line feeds included.
    pub fn take(&mut self, lines: &str) {
        self.0.update(lines);
    }

    /// What those come to that were taken.
    pub fn sha256(&self) -> Hex<32> {
        Hex(self.0.clone().finalize().into())
    }
}

/// The line that stands before the records of a log.
///
/// # Errors
/// When it can't be written as JSON, which only a defect brings about.
pub fn opening(chain: &Chain) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(&Opening { chain: chain.clone() })? + "\n")
}

/// The line of a record; without its bytes, of one that is left out.
pub fn record(sequence: u64, sha256: &str, link: Link, record: Option<&RawValue>) -> String {
    let mut line = format!("{RECORD}{sequence},\"sha256\":\"{sha256}\",\"link\":\"{link}\"");
    match record.and_then(|record| record.get().strip_prefix('{')) {
        Some(fields) => line.extend([",", fields]),
        None => line.push('}'),
    }
    line.push('\n');
    line
}

/// The last line.
///
/// # Errors
/// When it can't be written as JSON, which only a defect brings about.
pub fn trailer(trailer: &Trailer, key: &AuditKey) -> Result<String, serde_json::Error> {
    let trailer = serde_json::value::to_raw_value(trailer)?;
    let signature = key.sign(signed(&trailer).as_bytes());
    Ok(serde_json::to_string(&Signed { trailer, key: key.public(), signature })? + "\n")
}

/// What the signature of a trailer is over.
pub(super) fn signed(trailer: &RawValue) -> String {
    format!("cronflow-access export\n{}", trailer.get())
}
