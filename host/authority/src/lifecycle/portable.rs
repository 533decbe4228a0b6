//! The form of an export: one file, a thing a line, in JSON. A header says whose it is, then comes all that the store holds, and a
//! trailer is sealed under the root key over everything before it, so that a file that was cut short or changed is refused.
//!
//! What is sealed in the store is sealed here, and the root key is not in it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use access_model::text::hex;
use access_model::{Shard, Timestamp};
use access_store::{IndexEntry, Item, LogEntry, Page, Record};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Installation;
use super::root_key::RootKey;

/// What the seal is for.
const PURPOSE: &[u8] = b"cronflow-access export\0";
/// No line is longer: the largest thing in a store is a module that somebody uploaded.
const LONGEST: u64 = 256 << 20;
/// A page has no more items than this.
const ITEMS: usize = 1_000;
/// Nor many more bytes than this.
const BYTES: usize = 1 << 20;

/// What an export is: its first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The form of the file: [`Header::FORMAT`].
    #[serde(rename = "cronflow_access_export")]
    pub format: u32,
    /// The release that made it.
    pub version: String,
    /// Everything that was acknowledged before this instant is in it.
    pub created_at: Timestamp,
    /// How many shards the store has, and will have.
    pub shards: u8,
    /// Whose it is.
    pub installation: Installation,
    /// Which root key opens it. It tells nothing of the key.
    pub root_key: String,
}

impl Header {
    /// The form that this release makes and reads.
    pub const FORMAT: u32 = 1;
}

/// Of which form a first line is.
#[derive(Deserialize)]
struct Form {
    cronflow_access_export: u32,
    #[serde(default)]
    version: String,
}

/// How much an export holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Records.
    pub records: u64,
    /// Members of indexes.
    pub members: u64,
    /// Entries of logs.
    pub log_entries: u64,
    /// Counters.
    pub counters: u64,
}

impl Counts {
    fn count(&mut self, item: &Item) {
        match item {
            Item::Stand { .. } => {}
            Item::Record { .. } => self.records += 1,
            Item::Member { .. } => self.members += 1,
            Item::Logged { .. } => self.log_entries += 1,
            Item::Sum { .. } => self.counters += 1,
        }
    }
}

/// A line after the first. Values are in base 64, times in milliseconds.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Shard {
        shard: u8,
        sequence: u64,
        announced: u64,
    },
    Record {
        shard: u8,
        key: String,
        version: u64,
        value: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forget_after: Option<i64>,
    },
    Member {
        shard: u8,
        index: String,
        member: String,
        score: i64,
    },
    LogEntry {
        shard: u8,
        log: String,
        sequence: u64,
        value: String,
    },
    Counter {
        shard: u8,
        group: String,
        name: String,
        sum: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forget_after: Option<i64>,
    },
    End(Trailer),
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trailer {
    counts: Counts,
    /// Of every line before it, in hex.
    sha256: String,
    /// HMAC-SHA256 of that under the root key, in base 64.
    seal: String,
}

impl Line {
    fn of(shard: Shard, item: &Item) -> Self {
        let shard = shard.number();
        let millis = |time: &Option<Timestamp>| time.map(Timestamp::as_millis);
        match item {
            Item::Stand { sequence, announced } => Self::Shard { shard, sequence: *sequence, announced: *announced },
            Item::Record { key, record, forget_after } => {
                let (version, value) = (record.version, STANDARD.encode(&record.value));
                Self::Record { shard, key: key.clone(), version, value, forget_after: millis(forget_after) }
            }
            Item::Member { index, entry } => {
                let (index, member) = (index.clone(), entry.member.clone());
                Self::Member { shard, index, member, score: entry.score }
            }
            Item::Logged { log, entry } => {
                let (sequence, value) = (entry.sequence, STANDARD.encode(&entry.value));
                Self::LogEntry { shard, log: log.clone(), sequence, value }
            }
            Item::Sum { group, name, sum, forget_after } => {
                let (group, name) = (group.clone(), name.clone());
                Self::Counter { shard, group, name, sum: *sum, forget_after: millis(forget_after) }
            }
        }
    }

    /// What it says of which shard, or what is wrong with it. The trailer says nothing of any.
    fn item(self) -> Result<(u8, Item), String> {
        let bytes = |text: &str| STANDARD.decode(text).map_err(|error| format!("its value is not base 64: {error}"));
        let time = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        Ok(match self {
            Self::Shard { shard, sequence, announced } => (shard, Item::Stand { sequence, announced }),
            Self::Record { shard, key, version, value, forget_after } => {
                let record = Record { version, value: bytes(&value)?.into() };
                (shard, Item::Record { key, record, forget_after: time(forget_after) })
            }
            Self::Member { shard, index, member, score } => {
                (shard, Item::Member { index, entry: IndexEntry { score, member } })
            }
            Self::LogEntry { shard, log, sequence, value } => {
                (shard, Item::Logged { log, entry: LogEntry { sequence, value: bytes(&value)?.into() } })
            }
            Self::Counter { shard, group, name, sum, forget_after } => {
                (shard, Item::Sum { group, name, sum, forget_after: time(forget_after) })
            }
            Self::End(_) => return Err("it ends here and goes on".to_owned()),
        })
    }
}

/// Words an export, line by line.
#[derive(Debug, Default)]
pub(super) struct Wording {
    counts: Counts,
    hash: Sha256,
}

impl Wording {
    pub(super) fn header(&mut self, header: &Header) -> Result<Vec<u8>, serde_json::Error> {
        let line = line(header)?;
        self.hash.update(&line);
        Ok(line)
    }

    pub(super) fn page(&mut self, page: &Page) -> Result<Vec<u8>, serde_json::Error> {
        let mut lines = Vec::new();
        for item in &page.items {
            self.counts.count(item);
            lines.append(&mut line(&Line::of(page.shard, item))?);
        }
        self.hash.update(&lines);
        Ok(lines)
    }

    /// The last line, with what it says.
    pub(super) fn trailer(self, root: &RootKey) -> Result<(Vec<u8>, Counts, String), serde_json::Error> {
        let digest = self.hash.finalize();
        let seal = STANDARD.encode(root.mac(PURPOSE).chain_update(digest).finalize().into_bytes());
        let (counts, sha256) = (self.counts, hex(&digest));
        let trailer = Trailer { counts: counts.clone(), sha256: sha256.clone(), seal };
        Ok((line(&Line::End(trailer))?, counts, sha256))
    }
}

fn line(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// What is wrong with a file.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is none of ours.
    NotAnExport(String),
    /// This release, which made it, knows more than we do.
    Newer(String),
    /// It was cut short, or changed.
    Damaged(String),
}

/// Reads an export, line by line. What it says is to be believed when its end was reached, and its seal is right.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) header: Header,
    lines: BufReader<File>,
    number: u64,
    hash: Sha256,
    counts: Counts,
    /// Read ahead of its page.
    ahead: Option<(Shard, Item)>,
    pub(super) end: Option<End>,
}

/// What the trailer says, and it is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) counts: Counts,
    pub(super) sha256: String,
    digest: Vec<u8>,
    seal: String,
}

impl End {
    pub(super) fn is_sealed_under(&self, root: &RootKey) -> bool {
        let mac = root.mac(PURPOSE).chain_update(&self.digest);
        STANDARD.decode(&self.seal).is_ok_and(|seal| mac.verify_slice(&seal).is_ok())
    }
}

impl Reading {
    pub(super) fn open(from: &Path) -> Result<Self, Fault> {
        let file = File::open(from).map_err(|error| Fault::NotAnExport(format!("it can't be read: {error}")))?;
        let mut lines = BufReader::new(file);
        let first = next_line(&mut lines).map_err(|error| Fault::NotAnExport(format!("it can't be read: {error}")))?;
        let not_one = |error: serde_json::Error| Fault::NotAnExport(format!("its first line is no header: {error}"));
        let form: Form = serde_json::from_slice(&first).map_err(not_one)?;
        if form.cronflow_access_export > Header::FORMAT {
            return Err(Fault::Newer(form.version));
        }
        let header = serde_json::from_slice(&first).map_err(not_one)?;
        let hash = Sha256::new_with_prefix(&first);
        Ok(Self { header, lines, number: 1, hash, counts: Counts::default(), ahead: None, end: None })
    }

    /// The next page; none at the end, once everything was there.
    pub(super) fn page(&mut self) -> Result<Option<Page>, Fault> {
        let Some((shard, first)) = self.item()? else { return Ok(None) };
        let (mut bytes, mut items) = (first.weight(), vec![first]);
        while items.len() < ITEMS && bytes < BYTES {
            match self.item()? {
                Some((other, item)) if other == shard => {
                    bytes += item.weight();
                    items.push(item);
                }
                other => {
                    self.ahead = other;
                    break;
                }
            }
        }
        Ok(Some(Page { shard, items }))
    }

    fn item(&mut self) -> Result<Option<(Shard, Item)>, Fault> {
        if self.ahead.is_some() || self.end.is_some() {
            return Ok(self.ahead.take());
        }
        let text = next_line(&mut self.lines).map_err(|error| Fault::Damaged(format!("it can't be read: {error}")))?;
        self.number += 1;
        if text.last() != Some(&b'\n') {
            return Err(Fault::Damaged(format!("it is cut short at line {}", self.number)));
        }
        let line: Line = serde_json::from_slice(&text).map_err(|error| self.damaged(&error.to_string()))?;
        if let Line::End(trailer) = line {
            self.end = Some(self.ended(trailer)?);
            return Ok(None);
        }
        self.hash.update(&text);
        let (number, item) = line.item().map_err(|detail| self.damaged(&detail))?;
        let shard = Shard::new(number).filter(|_| number < self.header.shards);
        let shard = shard.ok_or_else(|| self.damaged(&format!("there is no shard {number}")))?;
        self.counts.count(&item);
        Ok(Some((shard, item)))
    }

    fn ended(&mut self, trailer: Trailer) -> Result<End, Fault> {
        let digest = self.hash.clone().finalize();
        if trailer.sha256 != hex(&digest) {
            return Err(Fault::Damaged("its SHA-256 is not the one in its last line".to_owned()));
        }
        if trailer.counts != self.counts {
            return Err(Fault::Damaged("it does not hold as much as its last line says".to_owned()));
        }
        match self.lines.fill_buf() {
            Ok([]) => {
                Ok(End { counts: trailer.counts, sha256: trailer.sha256, digest: digest.to_vec(), seal: trailer.seal })
            }
            Ok(_) => Err(Fault::Damaged(format!("it goes on after its end, line {}", self.number))),
            Err(error) => Err(Fault::Damaged(format!("it can't be read: {error}"))),
        }
    }

    fn damaged(&self, detail: &str) -> Fault {
        Fault::Damaged(format!("line {}: {detail}", self.number))
    }
}

/// A line with its end; what is left, where the file ends without one.
fn next_line(lines: &mut BufReader<File>) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    lines.by_ref().take(LONGEST).read_until(b'\n', &mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
