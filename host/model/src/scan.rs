//! Finding our own secrets in what others wrote: files, histories, logs.
//!
//! [`Scanner::find`] looks through bytes, [`stream`] through what comes in parts, [`rules`] tells other scanners what to look
//! for. What begins like a secret is looked at; whether it is one, its checksum says, and nothing that stands around it: so one
//! at the end of a minified line, behind `\n` in a string or grown together with another is found, and what merely looks like
//! one is not (by chance, one in four thousand million would be). Secrets are read as they are, as UTF-16 (which Windows writes)
//! and within base64 (which `Authorization: Basic` and Kubernetes' secrets are written in); what is compressed is not read.
//!
//! The root key alone has no checksum, since nobody but a host ever holds it: it is known by the name of its file, or of the
//! variable that it is given to.

pub mod rules;
pub mod stream;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use memchr::memmem::Finder;

use crate::audit::sha256_hex;
use crate::catalog::Catalog;
use crate::id::{BODY_LENGTH, Id, IdKind};
use crate::secret::{PlainSecret, TAIL_LENGTH};
use crate::webhook;

/// What a webhook's secret is called, in place of a kind.
pub const WEBHOOK: &str = "webhook";
/// What the root key is called.
pub const ROOT_KEY: &str = "root_key";

/// Bytes that a secret may take, however it is written; base64 may be folded into lines.
const LONGEST: usize = 1_024;
/// Characters of a prefix that are searched for at once, for all prefixes that begin with them.
const ROOT: usize = 3;
/// Characters of a fingerprint.
const FINGERPRINT: usize = 32;
/// The variable that may hold the root key itself.
const ROOT_KEY_VARIABLE: &str = "CRONFLOW_ACCESS_ROOT_KEY";
/// Hexadecimal digits of a root key.
const ROOT_KEY_DIGITS: usize = 64;
/// Bytes that may stand between the variable and its value.
const MOST_BETWEEN: usize = 32;

/// A sort of secret: what begins with this prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The catalog's kind, or [`WEBHOOK`].
    pub kind: String,
    /// What it begins with.
    pub prefix: String,
    /// What it names.
    id_kind: IdKind,
}

/// How a secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Each character is two bytes.
    Utf16,
    /// Within base64, of either alphabet.
    Base64,
}

impl Encoding {
    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Utf16 => "utf-16",
            Self::Base64 => "base64",
        }
    }
}

/// A secret that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The catalog's kind, [`WEBHOOK`] or [`ROOT_KEY`].
    pub kind: String,
    /// What it names; the root key names nothing.
    pub id: Option<Id>,
    /// How it is written.
    pub encoding: Encoding,
    /// Where it stands, in bytes; of a root key in a variable, with the variable's name.
    pub span: Range<usize>,
    /// The secret.
    pub secret: PlainSecret,
    prefix: usize,
}

impl Found {
    /// As much of it as may be shown: the prefix and the public id, or nothing.
    pub fn shown(&self) -> String {
        let public = if self.id.is_some() { self.prefix + BODY_LENGTH } else { 0 };
        format!("{}…", self.secret.expose().get(..public).unwrap_or_default())
    }

    /// What it is known by without being known: the beginning of a SHA-256. With 190 bits of randomness there is no way back.
    pub fn fingerprint(&self) -> String {
        let mut digest = sha256_hex(self.secret.expose().as_bytes());
        digest.truncate(FINGERPRINT);
        digest
    }
}

/// Finds secrets. Made once for a catalog.
pub struct Scanner {
    shapes: Vec<Shape>,
    needles: Vec<Needle>,
    variable: Finder<'static>,
}

/// What several prefixes begin with, in one of the ways of writing it.
struct Needle {
    finder: Finder<'static>,
    writing: Writing,
}

#[derive(Debug, Clone, Copy)]
enum Writing {
    Plain,
    Utf16,
    /// So many bytes of something else lie in the group of four characters in which it begins.
    Base64(u8),
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner").field("shapes", &self.shapes).finish_non_exhaustive()
    }
}

impl Scanner {
    /// A scanner for the secrets of a catalog's kinds, and for what every installation has besides.
    pub fn new(catalog: &Catalog) -> Self {
        let shapes = shapes(catalog);
        let roots: BTreeSet<&str> =
            shapes.iter().map(|shape| shape.prefix.get(..ROOT).unwrap_or(&shape.prefix)).collect();
        let writings = [Writing::Plain, Writing::Utf16, Writing::Base64(0), Writing::Base64(1), Writing::Base64(2)];
        let needle = |root: &str, writing: Writing| Needle {
            finder: Finder::new(&writing.of(root.as_bytes())).into_owned(),
            writing,
        };
        let needles = roots.iter().flat_map(|root| writings.map(|writing| needle(root, writing))).collect();
        Self { shapes, needles, variable: Finder::new(ROOT_KEY_VARIABLE) }
    }

    /// All secrets in `text`, in the order in which they stand there.
    pub fn find(&self, text: &[u8]) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for Needle { finder, writing } in &self.needles {
            found.extend(finder.find_iter(text).filter_map(|at| self.read(text, at, *writing)));
        }
        found.extend(self.variable.find_iter(text).filter_map(|at| root_key_in_variable(text, at)));
        found.sort_unstable_by_key(|found| found.span.start);
        found
    }

    /// `text` with its secrets cut to what may be shown of them.
    pub fn without_secrets(&self, text: &str) -> String {
        let (mut shown, mut at) = (String::with_capacity(text.len()), 0);
        for found in self.find(text.as_bytes()) {
            shown.push_str(text.get(at..found.span.start).unwrap_or_default());
            shown.push_str(&found.shown());
            at = found.span.end.max(at);
        }
        shown.push_str(text.get(at..).unwrap_or_default());
        shown
    }

    /// The secret that begins at `at`, if one does.
    fn read(&self, text: &[u8], at: usize, writing: Writing) -> Option<Found> {
        let mut reader = Reader::new(text, at, writing)?;
        let longest = self.shapes.iter().map(|shape| shape.prefix.len()).max()?;
        let mut secret = zeroize::Zeroizing::new(Vec::with_capacity(longest + TAIL_LENGTH));
        let mut shape: Option<&Shape> = None;
        let end = loop {
            let (byte, end) = reader.next()?;
            if !(byte.is_ascii_alphanumeric() || byte == b'_') {
                return None;
            }
            secret.push(byte);
            match shape {
                None => {
                    shape = self.shapes.iter().find(|shape| shape.prefix.as_bytes() == secret.as_slice());
                    if shape.is_none() && secret.len() >= longest {
                        return None;
                    }
                }
                Some(shape) if secret.len() == shape.prefix.len() + TAIL_LENGTH => break end,
                Some(_) => {}
            }
        };
        let Shape { kind, prefix, id_kind } = shape?;
        let secret = PlainSecret::new(str::from_utf8(&secret).ok()?.to_owned());
        let id = secret.id(*id_kind, secret.expose().get(prefix.len()..)?)?;
        let (encoding, kind, prefix) = (writing.encoding(), kind.clone(), prefix.len());
        Some(Found { kind, id: Some(id), encoding, span: reader.begins..end, secret, prefix })
    }
}

/// The root key, if that is what a file of this name holds: 64 hexadecimal digits and nothing else, in a file that is called as
/// hosts call it, or as people call what they put beside it (`root.key.bak`). The digits alone are no sign: every SHA-256 looks so.
pub fn root_key(file_name: &[u8], content: &[u8]) -> Option<Found> {
    let digits = content.trim_ascii();
    if !file_name.starts_with(b"root.key") || digits.len() != ROOT_KEY_DIGITS {
        return None;
    }
    let begins = content.len() - content.trim_ascii_start().len();
    root_key_of(digits, begins..begins + digits.len())
}

/// The root key that the variable whose name begins at `at` is given: `NAME=digits`, as in environments, YAML, JSON and shells.
fn root_key_in_variable(text: &[u8], at: usize) -> Option<Found> {
    let name_ends = at + ROOT_KEY_VARIABLE.len();
    let after = text.get(name_ends..)?;
    let is_between = |byte: &&u8| b" \t\"'\\=:".contains(byte);
    let between = after.iter().take(MOST_BETWEEN).take_while(is_between).count();
    let (between_them, value) = after.split_at_checked(between)?;
    let (digits, rest) = value.split_at_checked(ROOT_KEY_DIGITS)?;
    let is_given = between_them.iter().any(|byte| b"=:".contains(byte));
    let goes_on = rest.first().is_some_and(u8::is_ascii_alphanumeric);
    let ends = name_ends + between + ROOT_KEY_DIGITS;
    if is_given && !goes_on { root_key_of(digits, at..ends) } else { None }
}

fn root_key_of(digits: &[u8], span: Range<usize>) -> Option<Found> {
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let secret = PlainSecret::new(str::from_utf8(digits).ok()?.to_owned());
    Some(Found { kind: ROOT_KEY.to_owned(), id: None, encoding: Encoding::Plain, span, secret, prefix: 0 })
}

/// Every sort of secret that has a prefix.
pub fn shapes(catalog: &Catalog) -> Vec<Shape> {
    let of_kinds = catalog.kinds.values().map(|kind| Shape {
        kind: kind.name.clone(),
        prefix: kind.prefix.clone(),
        id_kind: kind.class.id_kind(),
    });
    let of_webhooks = Shape { kind: WEBHOOK.to_owned(), prefix: webhook::PREFIX.to_owned(), id_kind: IdKind::Webhook };
    of_kinds.chain([of_webhooks]).collect()
}

impl Writing {
    const fn encoding(self) -> Encoding {
        match self {
            Self::Plain => Encoding::Plain,
            Self::Utf16 => Encoding::Utf16,
            Self::Base64(_) => Encoding::Base64,
        }
    }

    /// `root` so written: of base64, the characters that it alone determines.
    fn of(self, root: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => root.to_owned(),
            // Between two characters lies a zero, whichever half comes first.
            Self::Utf16 => root.iter().flat_map(|byte| [0, *byte]).skip(1).collect(),
            Self::Base64(skipped) => {
                let skipped = usize::from(skipped);
                let bits = |at: usize| {
                    let byte = root.get(at / 8).copied().unwrap_or_default();
                    (byte >> (7 - at % 8)) & 1
                };
                let characters = (skipped * 8).div_ceil(6)..(skipped + root.len()) * 8 / 6;
                let sextet = |number: usize| {
                    let first = number * 6 - skipped * 8;
                    (first..first + 6).fold(0_u8, |sextet, at| (sextet << 1) | bits(at))
                };
                characters.map(|number| character_of(sextet(number))).collect()
            }
        }
    }
}

/// Reads a text byte by byte, however it is written, with the place where each ends.
struct Reader<'t> {
    text: &'t [u8],
    writing: Writing,
    /// Where it begins.
    begins: usize,
    at: usize,
    bits: u32,
    held: u32,
    to_skip: u8,
}

impl<'t> Reader<'t> {
    /// From the needle at `at`.
    fn new(text: &'t [u8], at: usize, writing: Writing) -> Option<Self> {
        let (back, to_skip) = match writing {
            Writing::Plain | Writing::Utf16 | Writing::Base64(0) => (0, 0),
            // The needle begins with the first character that nothing else has a part in.
            Writing::Base64(skipped) => ((usize::from(skipped) * 8).div_ceil(6), skipped),
        };
        let mut begins = at;
        for _ in 0..back {
            begins = begins.checked_sub(1)?;
            while text.get(begins)?.is_ascii_whitespace() {
                begins = begins.checked_sub(1)?;
            }
        }
        let text = text.get(..text.len().min(begins + LONGEST))?;
        Some(Self { text, writing, begins, at: begins, bits: 0, held: 0, to_skip })
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.text.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn decoded(&mut self) -> Option<u8> {
        while self.held < 8 {
            let character = self.byte()?;
            if character.is_ascii_whitespace() {
                continue;
            }
            self.bits = ((self.bits << 6) | u32::from(sextet_of(character)?)) & 0xffff;
            self.held += 6;
        }
        self.held -= 8;
        u8::try_from((self.bits >> self.held) & 0xff).ok()
    }
}

impl Iterator for Reader<'_> {
    type Item = (u8, usize);

    fn next(&mut self) -> Option<(u8, usize)> {
        let byte = match self.writing {
            Writing::Plain => self.byte()?,
            Writing::Utf16 => {
                if self.at > self.begins && self.byte()? != 0 {
                    return None;
                }
                self.byte()?
            }
            Writing::Base64(_) => {
                while self.to_skip > 0 {
                    self.decoded()?;
                    self.to_skip -= 1;
                }
                self.decoded()?
            }
        };
        Some((byte, self.at))
    }
}

const fn character_of(sextet: u8) -> u8 {
    match sextet {
        0..=25 => b'A' + sextet,
        26..=51 => b'a' + (sextet - 26),
        52..=61 => b'0' + (sextet - 52),
        62 => b'+',
        _ => b'/',
    }
}

const fn sextet_of(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
