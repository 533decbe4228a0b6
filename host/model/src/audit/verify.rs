//! Checking an export: whether it is what a host signed, and if not, where it begins not to be.
//!
//! Lines come in one by one and none is kept, so that the size of an export doesn't matter.

use std::collections::BTreeSet;

use super::chain::{Checkpoint, Link};
use super::key::PublicKey;
use super::lines::{Lines, OPENING, Opening, RECORD, Signed, Span, TRAILER, Trailer, signed};
use super::sha256_hex;

/// Checks one export.
#[derive(Debug, Default)]
pub struct Verifier {
    trusted: Vec<PublicKey>,
    keys: BTreeSet<PublicKey>,
    line: u64,
    open: Option<Open>,
    ended: Vec<Span>,
    records: u64,
    left_out: u64,
    lines: Lines,
    trailer: Option<Trailer>,
}

/// The chain whose records are being read.
#[derive(Debug)]
struct Open {
    sealed: Checkpoint,
    first: u64,
    // Of the record read last, or what the first goes on from.
    sequence: u64,
    link: Link,
}

/// An export that is what was signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What it says of itself.
    pub trailer: Trailer,
    /// The keys that signed it.
    pub keys: BTreeSet<PublicKey>,
}

/// Where an export is not what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: u64,
    /// The record that should stand there, by log and number; none where the line is not a record's.
    pub record: Option<(String, u64)>,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Neither a record, nor what stands before or after records.
    #[error("is not a line that an export has there")]
    NoLine,
    /// It has no end.
    #[error("breaks off")]
    BreaksOff,
    /// There is nothing after it, and there should be.
    #[error("is missing: the export breaks off before its trailer")]
    NoTrailer,
    /// The record's bytes have another digest.
    #[error("was changed: its bytes are not what was hashed")]
    Changed,
    /// The record does not follow the one before it.
    #[error("was changed: its link does not follow from the record before it and its hash")]
    Unlinked,
    /// Another record stands there.
    #[error("is not in its place; record {0} is there")]
    NotInPlace(u64),
    /// The chain stops before its end.
    #[error("is missing: the chain goes on to record {0}")]
    Missing(u64),
    /// The chain goes on after its end.
    #[error("was added: the chain was sealed at record {0}")]
    Added(u64),
    /// The last record has another link than was sealed.
    #[error(
        "does not end the chain that was sealed: it, or records before it, were changed before the export was made"
    )]
    NotSealed,
    /// A signature does not fit.
    #[error("is not what its key signed")]
    NotSigned,
    /// Signed by somebody else.
    #[error("is signed by the key `{0}`, which is not the one that was given")]
    NotTrusted(PublicKey),
    /// The trailer tells of another export.
    #[error("tells of other records than stand before it")]
    OtherRecords,
    /// Lines are not those that the trailer was signed over, though each could have stood there.
    #[error("was signed over other lines: of some record, what was left out was put in, or the other way round")]
    OtherLines,
}

impl Verifier {
    /// Checks an export that one of these keys must have signed; of none, that whatever key it names did.
    pub fn new(trusted: Vec<PublicKey>) -> Self {
        Self { trusted, ..Self::default() }
    }

    /// The next line, with its line feed.
    ///
    /// # Errors
    /// The first fault. Nothing after it means anything.
    pub fn take(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.line += 1;
        let Some(line) = line.strip_suffix(b"\n") else { return Err(self.fault(Why::BreaksOff)) };
        let Ok(line) = str::from_utf8(line) else { return Err(self.fault(Why::NoLine)) };
        let taken = match () {
            () if self.trailer.is_some() => Err(Why::NoLine),
            () if line.starts_with(RECORD) => self.take_record(line),
            () if line.starts_with(OPENING) => self.take_opening(line),
            () if line.starts_with(TRAILER) => self.take_trailer(line),
            () => Err(Why::NoLine),
        };
        self.lines.take(line);
        self.lines.take("\n");
        taken.map_err(|why| self.fault(why))
    }

    /// After the last line.
    ///
    /// # Errors
    /// That the trailer is missing.
    pub fn end(mut self) -> Result<Verified, Fault> {
        match self.trailer.take() {
            Some(trailer) => Ok(Verified { trailer, keys: self.keys }),
            None => {
                self.line += 1;
                Err(self.fault(Why::NoTrailer))
            }
        }
    }

    /// What is wrong with the line that was read last.
    fn fault(&self, why: Why) -> Fault {
        let within =
            self.open.as_ref().filter(|open| open.sequence < open.sealed.sequence || matches!(why, Why::Added(_)));
        let record = within.map(|open| (open.sealed.log.clone(), open.sequence + 1));
        Fault { line: self.line, record, why }
    }

    fn take_record(&mut self, line: &str) -> Result<(), Why> {
        let Parts { sequence, sha256, link, fields } = parts(line).ok_or(Why::NoLine)?;
        let open = self.open.as_mut().ok_or(Why::NoLine)?;
        let expected = open.sequence + 1;
        if expected > open.sealed.sequence {
            return Err(Why::Added(open.sealed.sequence));
        }
        if sequence != expected {
            return Err(Why::NotInPlace(sequence));
        }
        if fields.is_some_and(|fields| sha256_hex(format!("{{{fields}").as_bytes()) != sha256) {
            return Err(Why::Changed);
        }
        if open.link.next(sequence, sha256) != link {
            return Err(Why::Unlinked);
        }
        if sequence == open.sealed.sequence && link != open.sealed.link {
            return Err(Why::NotSealed);
        }
        (open.sequence, open.link) = (sequence, link);
        *(if fields.is_some() { &mut self.records } else { &mut self.left_out }) += 1;
        Ok(())
    }

    fn take_opening(&mut self, line: &str) -> Result<(), Why> {
        self.end_chain()?;
        let opening: Opening = serde_json::from_str(line).map_err(|_| Why::NoLine)?;
        if !is_written(&opening, line) {
            return Err(Why::NoLine);
        }
        let (begins, sealed) = (opening.chain.begins, opening.chain.sealed);
        for checkpoint in [&begins, &sealed] {
            if !checkpoint.is_genuine() {
                return Err(Why::NotSigned);
            }
            self.trust(checkpoint.key)?;
        }
        if begins.log != sealed.log || begins.sequence > sealed.sequence {
            return Err(Why::NoLine);
        }
        let (sequence, link) = (begins.sequence, begins.link);
        self.open = Some(Open { sealed, first: sequence + 1, sequence, link });
        Ok(())
    }

    fn take_trailer(&mut self, line: &str) -> Result<(), Why> {
        self.end_chain()?;
        let parsed: Signed = serde_json::from_str(line).map_err(|_| Why::NoLine)?;
        if !is_written(&parsed, line) {
            return Err(Why::NoLine);
        }
        if !parsed.key.has_signed(signed(&parsed.trailer).as_bytes(), &parsed.signature) {
            return Err(Why::NotSigned);
        }
        self.trust(parsed.key)?;
        let trailer: Trailer = serde_json::from_str(parsed.trailer.get()).map_err(|_| Why::NoLine)?;
        let counts = (self.records, self.left_out);
        if (trailer.records, trailer.left_out) != counts || trailer.chains != self.ended {
            return Err(Why::OtherRecords);
        }
        if trailer.sha256 != self.lines.sha256() {
            return Err(Why::OtherLines);
        }
        self.trailer = Some(trailer);
        Ok(())
    }

    /// The records of the open chain are over.
    fn end_chain(&mut self) -> Result<(), Why> {
        let Some(open) = self.open.as_ref() else { return Ok(()) };
        if open.sequence < open.sealed.sequence {
            return Err(Why::Missing(open.sealed.sequence));
        }
        let Open { sealed, first, sequence, link } = open;
        self.ended.push(Span { log: sealed.log.clone(), first: *first, last: *sequence, head: *link });
        self.open = None;
        Ok(())
    }

    fn trust(&mut self, key: PublicKey) -> Result<(), Why> {
        if !self.trusted.is_empty() && !self.trusted.contains(&key) {
            return Err(Why::NotTrusted(key));
        }
        self.keys.insert(key);
        Ok(())
    }
}

impl Why {
    /// Whether the export merely ends too early, so that nothing can be said of it.
    pub const fn is_cut_off(&self) -> bool {
        matches!(self, Self::BreaksOff | Self::NoTrailer)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.record {
            Some((log, sequence)) => write!(f, "line {}, record {sequence} of `{log}`: {}", self.line, self.why),
            None => write!(f, "line {}: {}", self.line, self.why),
        }
    }
}

/// A record's line, taken apart.
struct Parts<'a> {
    sequence: u64,
    sha256: &'a str,
    link: Link,
    fields: Option<&'a str>,
}

fn parts(line: &str) -> Option<Parts<'_>> {
    let (number, rest) = line.strip_prefix(RECORD)?.split_once(",\"sha256\":\"")?;
    let sequence: u64 = number.parse().ok().filter(|sequence: &u64| sequence.to_string() == number)?;
    let (sha256, rest) = rest.split_at_checked(64)?;
    let (link, rest) = rest.strip_prefix("\",\"link\":\"")?.split_at_checked(64)?;
    let fields = match rest.strip_prefix('"')? {
        "}" => None,
        rest => Some(rest.strip_prefix(',')?),
    };
    Some(Parts { sequence, sha256, link: link.parse().ok()?, fields })
}

/// Whether a line is what would be written, byte for byte.
fn is_written<T: serde::Serialize>(parsed: &T, line: &str) -> bool {
    serde_json::to_string(parsed).is_ok_and(|written| written == line)
}

#[cfg(test)]
mod tests;
