//! Paths that a host and a router read differently.

/// Whether a path escapes what needs no escape (RFC 3986 §2.3). The host decides about `/v1/jobs` when it is told
/// `/v1/%6Aobs`; a router that compares text does not know it, or takes it for a parameter.
pub(super) fn hides_letters(path: &str) -> bool {
    let escapes = path.split('%').skip(1);
    escapes
        .filter_map(|rest| rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()))
        .any(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}

#[cfg(test)]
mod tests {
    use super::hides_letters;

    #[test]
    fn what_needs_no_escape_has_none() {
        for path in ["/v1/%6Aobs", "/v1/%6aobs", "/v1/workers/%6Detrics", "/v1/jobs/%2e%2e", "/v1/a%7Eb", "/v1/%41%"] {
            assert!(hides_letters(path), "{path}");
        }
        for path in
            ["/v1/jobs", "/v1/jobs/a%20b", "/v1/jobs/a%c3%a4b", "/v1/jobs%2f1", "/v1/jobs%", "/v1/jobs%zz", "/%\u{e4}"]
        {
            assert!(!hides_letters(path), "{path}");
        }
    }
}
