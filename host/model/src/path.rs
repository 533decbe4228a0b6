//! The one canonicalizer of request paths.
//!
//! Policies must see exactly what a gateway will route, so a path is either brought to the one spelling that every server
//! agrees on (RFC 3986 §6.2.2: unreserved characters unescaped, upper-case hexadecimal) or refused. Nothing is guessed:
//! dot segments, empty segments, encoded separators, `;`, backslashes and control characters are refused, because servers
//! disagree about them.

use std::borrow::Cow;

/// The longest path that is looked at, in bytes.
pub const MAX_LENGTH: usize = 2048;

/// Why a path was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with a slash.
    #[error("the path must begin with `/`")]
    NotAbsolute,
    /// It is longer than [`MAX_LENGTH`].
    #[error("the path is longer than 2048 bytes")]
    TooLong,
    /// It holds `//`.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// It holds `.` or `..` as a segment, escaped or not.
    #[error("the path has a dot segment")]
    DotSegment,
    /// It holds a character that servers disagree about.
    #[error("the path has a character that servers disagree about; escape it, or leave it out")]
    Ambiguous,
    /// It holds an escape that is malformed, or that hides a separator, a percent sign or a control character.
    #[error("the path has an escape that is malformed or hides a separator")]
    BadEscape,
}

/// The canonical form of a path, without its query.
///
/// # Errors
/// When it can't be made safe.
pub fn canonical(raw: &str) -> Result<Cow<'_, str>, PathError> {
    let path = raw.split_once('?').map_or(raw, |(path, _)| path);
    if path.len() > MAX_LENGTH {
        return Err(PathError::TooLong);
    }
    if !path.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    if let Some(wrong) = path.bytes().find(|byte| !is_path_byte(*byte)) {
        return Err(if wrong == b'%' { PathError::BadEscape } else { PathError::Ambiguous });
    }
    let path = if path.contains('%') { Cow::Owned(unescape(path)?) } else { Cow::Borrowed(path) };
    if path.contains("//") {
        return Err(PathError::EmptySegment);
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(PathError::DotSegment);
    }
    Ok(path)
}

/// [`canonical`] of a text that is given away: kept where nothing changes, which is nearly always.
///
/// # Errors
/// When it can't be made safe.
pub fn into_canonical(mut raw: String) -> Result<String, PathError> {
    let length = match canonical(&raw)? {
        Cow::Borrowed(path) => path.len(),
        Cow::Owned(path) => return Ok(path),
    };
    raw.truncate(length);
    Ok(raw)
}

/// RFC 3986 `pchar`, `/` and `%`, less `;`, which some servers cut segments at.
const fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'/' | b'-'
                | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
                | b'%'
        )
}

fn unescape(path: &str) -> Result<String, PathError> {
    let mut canonical = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        canonical.push_str(before);
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or(PathError::BadEscape)?;
        match byte {
            b'/' | b'\\' | b'%' | b';' | b'?' | b'#' | 0..=0x1f | 0x7f => return Err(PathError::BadEscape),
            _ if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') => {
                canonical.push(byte.into())
            }
            _ => canonical.push_str(&format!("%{byte:02X}")),
        }
        rest = after.get(2..).unwrap_or_default();
    }
    canonical.push_str(rest);
    Ok(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_paths_get_one_spelling() {
        for (raw, expected) in [
            ("/v1/jobs", "/v1/jobs"),
            ("/v1/jobs?limit=1&x=//..", "/v1/jobs"),
            ("/v1/%6Aobs", "/v1/jobs"),
            ("/v1/jobs/a%20b%c3%a4", "/v1/jobs/a%20b%C3%A4"),
            ("/v1/jobs/", "/v1/jobs/"),
            ("/", "/"),
            ("/v1/jobs/...", "/v1/jobs/..."),
        ] {
            assert_eq!(canonical(raw).as_deref(), Ok(expected), "{raw}");
            assert_eq!(into_canonical(raw.to_owned()).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn what_servers_disagree_about_is_refused() {
        for (raw, expected) in [
            ("", PathError::NotAbsolute),
            ("v1/jobs", PathError::NotAbsolute),
            ("http://host/v1/jobs", PathError::NotAbsolute),
            ("/v1//jobs", PathError::EmptySegment),
            ("//v1/jobs", PathError::EmptySegment),
            ("/v1/jobs//", PathError::EmptySegment),
            ("//", PathError::EmptySegment),
            ("/v1/../jobs", PathError::DotSegment),
            ("/v1/jobs/..", PathError::DotSegment),
            ("/v1/./jobs", PathError::DotSegment),
            ("/v1/%2e%2E/jobs", PathError::DotSegment),
            ("/v1/.%2e/jobs", PathError::DotSegment),
            ("/v1/jobs%2f1", PathError::BadEscape),
            ("/v1/jobs%5c1", PathError::BadEscape),
            ("/v1/jobs%00", PathError::BadEscape),
            ("/v1/jobs%252e", PathError::BadEscape),
            ("/v1/jobs%3bx", PathError::BadEscape),
            ("/v1/jobs%", PathError::BadEscape),
            ("/v1/jobs%2", PathError::BadEscape),
            ("/v1/jobs%zz", PathError::BadEscape),
            ("/v1/jobs%+1", PathError::BadEscape),
            ("/v1/jobs%ä", PathError::Ambiguous),
            ("/v1/jobs;x=1", PathError::Ambiguous),
            ("/v1\\jobs", PathError::Ambiguous),
            ("/v1/jobs\0", PathError::Ambiguous),
            ("/v1/jobs#frag", PathError::Ambiguous),
            ("/v1/jöbs", PathError::Ambiguous),
            ("/v1/jobs 1", PathError::Ambiguous),
        ] {
            assert_eq!(canonical(raw), Err(expected), "{raw:?}");
        }
        assert_eq!(canonical(&format!("/{}", "a".repeat(MAX_LENGTH))), Err(PathError::TooLong));
    }
}
