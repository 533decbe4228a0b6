//! What was found, and where.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use access_model::Id;
use access_model::scan::stream::Stream;
use access_model::scan::{Found, Scanner, root_key};
use serde::Serialize;
use serde_json::{Value, json};

use crate::output;

/// Bytes that are read at a time.
const BLOCK: usize = 256 << 10;
/// A root key's file is no longer than this.
const ROOT_KEY_FILE: usize = 256;

/// All that was looked at, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) leaks: Vec<Leak>,
    /// Files, and blobs and messages of a history.
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// What could not be looked at, and why.
    pub(super) unread: Vec<String>,
}

/// A secret, as much of it as may be shown, and where it is.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Leak {
    /// The catalog's kind, `webhook` or `root_key`.
    pub(super) kind: String,
    /// The public id that it carries.
    pub(super) id: Option<Id>,
    /// The secret without what is secret of it.
    pub(super) secret: String,
    /// What it is known by in a baseline.
    pub(super) fingerprint: String,
    /// How it is written.
    pub(super) encoding: &'static str,
    #[serde(flatten)]
    pub(super) place: Place,
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) offset: u64,
    /// Whether the file or folder is called so. What it holds is another matter.
    pub(super) in_name: bool,
}

/// A file, or an object of a history.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Place {
    /// Of a history, the path that it had in some commit.
    pub(super) path: String,
    /// The object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    /// The first commit that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<String>,
    /// Objects at this path that have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) versions: Option<u64>,
}

impl Place {
    pub(super) fn file(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

impl Leak {
    fn new(found: &Found, place: &Place, [line, column, offset]: [u64; 3]) -> Self {
        Self {
            kind: found.kind.clone(),
            id: found.id,
            secret: found.shown(),
            fingerprint: found.fingerprint(),
            encoding: found.encoding.name(),
            place: place.clone(),
            line,
            column,
            offset,
            in_name: false,
        }
    }
}

impl Looked {
    /// Looks at what a file and the folders that it is in are called. Each that bears a secret is told once, not with all that
    /// it holds.
    pub(super) fn look_at_name(&mut self, scanner: &Scanner, path: &Path) {
        let path = path.strip_prefix(".").unwrap_or(path).as_os_str().as_bytes();
        for found in scanner.find(path) {
            let rest = path.get(found.span.end..).unwrap_or_default();
            let ends = found.span.end + rest.iter().take_while(|byte| **byte != b'/').count();
            let named = Path::new(OsStr::from_bytes(path.get(..ends).unwrap_or(path)));
            let place = Place::file(shown(scanner, named));
            let leak = Leak { in_name: true, ..Leak::new(&found, &place, [1, 1, 0]) };
            let is_same = |told: &Leak| {
                told.in_name && told.fingerprint == leak.fingerprint && told.place.path == leak.place.path
            };
            if !self.leaks.iter().any(is_same) {
                self.leaks.push(leak);
            }
        }
    }

    /// Looks through one text.
    pub(super) fn look(&mut self, scanner: &Scanner, place: &Place, mut text: impl Read) -> io::Result<()> {
        let (mut stream, mut block) = (Stream::new(scanner), vec![0; BLOCK]);
        let (mut beginning, mut bytes) = (Vec::new(), 0_u64);
        loop {
            let read = match text.read(&mut block) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let part = block.get(..read).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            bytes += read as u64;
            if beginning.len() <= ROOT_KEY_FILE {
                beginning.extend(part.iter().take(ROOT_KEY_FILE + 1));
            }
            stream.take(part);
        }
        (self.files, self.bytes) = (self.files + 1, self.bytes + bytes);
        let name = place.path.rsplit('/').next().unwrap_or_default();
        if bytes <= ROOT_KEY_FILE as u64
            && let Some(found) = root_key(name.as_bytes(), &beginning)
        {
            self.leaks.push(Leak::new(&found, place, [1, 1, 0]));
        }
        let findings = stream.end();
        self.leaks.extend(findings.iter().map(|one| Leak::new(&one.found, place, [one.line, one.column, one.offset])));
        Ok(())
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        let Self { leaks, files, bytes, unread } = self;
        json!({ "found": leaks, "files": files, "bytes": bytes, "unread": unread })
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { path, object, commit, versions } = &self.place;
        // What files are called must not steer this terminal.
        let path = output::plain(&json!(path));
        write!(f, "{path}:{}:{}: {} {}", self.line, self.column, self.kind, self.secret)?;
        if self.encoding != "plain" {
            write!(f, " in {}", self.encoding)?;
        }
        if self.in_name {
            write!(f, " in its name")?;
        }
        let short = |name: &str| name.get(..12).unwrap_or(name).to_owned();
        if let Some(commit) = commit {
            write!(f, ", since commit {}", short(commit))?;
        } else if let Some(object) = object {
            write!(f, ", object {}", short(object))?;
        }
        if let Some(versions) = versions.filter(|versions| *versions > 1) {
            write!(f, ", {versions} versions")?;
        }
        write!(f, ", fingerprint {}", self.fingerprint)
    }
}

/// A path for people and programs: what is no text in it is replaced, and a secret in it is cut.
pub(super) fn shown(scanner: &Scanner, path: &Path) -> String {
    scanner.without_secrets(&path.to_string_lossy())
}
