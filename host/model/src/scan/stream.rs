//! Finding secrets in what comes in parts, with lines and columns, in memory that does not grow with it.

use memchr::{memchr_iter, memmem};

use super::{Found, LONGEST, Scanner};

/// Whoever writes this behind a secret, in the same line, knows of it.
pub const ALLOW: &str = "cronflow:allow";

/// Bytes at the end of a part that are looked at again with the next: a secret, and what stands behind it.
const MARGIN: usize = 2 * LONGEST;
/// Bytes that are gathered before they are looked at.
const AT_ONCE: usize = 1 << 20;

/// A secret, and where it stands. Lines and columns count from 1, columns in bytes.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What was found. Its span counts from the beginning of whatever was looked at last.
    pub found: Found,
    /// Line.
    pub line: u64,
    /// Column of its first byte.
    pub column: u64,
    /// Bytes before it.
    pub offset: u64,
}

/// Looks through one text.
#[derive(Debug)]
pub struct Stream<'s> {
    scanner: &'s Scanner,
    buffer: Vec<u8>,
    /// Bytes before the buffer.
    before: u64,
    line: u64,
    /// Where that line begins.
    line_begins: u64,
    findings: Vec<Finding>,
}

impl<'s> Stream<'s> {
    /// At the beginning.
    pub const fn new(scanner: &'s Scanner) -> Self {
        Self { scanner, buffer: Vec::new(), before: 0, line: 1, line_begins: 0, findings: Vec::new() }
    }

    /// The next part.
    pub fn take(&mut self, part: &[u8]) {
        self.buffer.extend_from_slice(part);
        if self.buffer.len() >= AT_ONCE {
            self.look(self.buffer.len() - MARGIN);
        }
    }

    /// There is no more: what was found.
    pub fn end(mut self) -> Vec<Finding> {
        self.look(self.buffer.len());
        self.findings
    }

    /// Looks at what begins in the first `settled` bytes, and lets go of these.
    fn look(&mut self, settled: usize) {
        let mut counted = 0;
        for found in self.scanner.find(&self.buffer) {
            if found.span.start >= settled {
                break;
            }
            self.count_lines(counted, found.span.start);
            counted = found.span.start;
            if !self.is_allowed(&found) {
                let offset = self.before + found.span.start as u64;
                let (line, column) = (self.line, offset - self.line_begins + 1);
                self.findings.push(Finding { found, line, column, offset });
            }
        }
        self.count_lines(counted, settled);
        self.before += settled as u64;
        self.buffer.drain(..settled);
    }

    fn count_lines(&mut self, from: usize, to: usize) {
        let text = self.buffer.get(from..to).unwrap_or_default();
        for at in memchr_iter(b'\n', text) {
            self.line += 1;
            self.line_begins = self.before + (from + at) as u64 + 1;
        }
    }

    fn is_allowed(&self, found: &Found) -> bool {
        let after = self.buffer.get(found.span.end..).unwrap_or_default();
        let line = after.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.get(..LONGEST).unwrap_or(line);
        memmem::find(line, ALLOW.as_bytes()).is_some()
    }
}
