//! The URL that clients reach the host by: what RFC 8414 calls its issuer.

use std::fmt;

/// Scheme and authority, without a path and without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

/// It is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be like `https://access.example.com`: http or https, a host, and neither path, query nor user")]
pub struct NotAPublicUrl;

impl PublicUrl {
    /// Reads one. A slash at its end is left off.
    ///
    /// # Errors
    /// When it says more than where the host is, or less.
    pub fn parse(text: &str) -> Result<Self, NotAPublicUrl> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(NotAPublicUrl)?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(legal) {
            return Err(NotAPublicUrl);
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// An address below it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_where_and_nothing_else() {
        for (text, read) in [
            ("https://access.example.com", Some("https://access.example.com")),
            ("http://127.0.0.1:7800/", Some("http://127.0.0.1:7800")),
            ("http://[::1]:7800", Some("http://[::1]:7800")),
            ("access.example.com", None),
            ("ftp://access.example.com", None),
            ("https://", None),
            ("https://access.example.com/base", None),
            ("https://user@access.example.com", None),
            ("https://access.example.com?x", None),
        ] {
            let parsed = PublicUrl::parse(text).ok();
            assert_eq!(parsed.as_ref().map(|url| url.0.as_str()), read, "{text}");
        }
    }
}
