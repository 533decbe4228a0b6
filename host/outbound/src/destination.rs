//! Which URLs may be called at all.

use std::net::IpAddr;

use url::{Host, Url};

/// Characters of a URL.
const LONGEST: usize = 2_048;

/// Where a request goes: a URL that keeps the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    url: Url,
    host: Host,
    port: u16,
}

/// Why a URL is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not one at all.
    #[error("must be a URL such as `https://example.com/hooks`; names beyond ASCII are written in punycode")]
    NotAUrl,
    /// Longer than anybody needs.
    #[error("may have {LONGEST} characters at most")]
    TooLong,
    /// `http` where that is not open, or another scheme.
    #[error("must begin with `https://`")]
    NotHttps,
    /// A user or a password.
    #[error("must not hold a user or a password; whoever receives it knows us by the signature")]
    UserInfo,
    /// What is never sent.
    #[error("must not have a fragment (`#…`), which is never sent")]
    Fragment,
    /// A port of another protocol.
    #[error("the port must be 80, 443, or 1024 and above: those below speak other protocols")]
    Port,
}

impl Destination {
    /// Reads a URL. `http` only where that is open.
    ///
    /// # Errors
    /// [`UrlError`].
    pub fn parse(text: &str, is_http_open: bool) -> Result<Self, UrlError> {
        if text.len() > LONGEST {
            return Err(UrlError::TooLong);
        }
        // A URL parser drops some of these without a word.
        if !text.is_ascii() || text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ' || byte == b'\\') {
            return Err(UrlError::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_| UrlError::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if is_http_open => {}
            _ => return Err(UrlError::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') && has_at_before_path(text) {
            return Err(UrlError::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(UrlError::Fragment);
        }
        let host = url.host().ok_or(UrlError::NotAUrl)?.to_owned();
        let port = url.port_or_known_default().ok_or(UrlError::NotAUrl)?;
        if !matches!(port, 80 | 443 | 1024..) {
            return Err(UrlError::Port);
        }
        Ok(Self { url, host, port })
    }

    /// Whether it is called over TLS.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its host as written, without the brackets of IPv6.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.trim_end_matches('.').to_owned(),
            Host::Ipv4(four) => four.to_string(),
            Host::Ipv6(six) => six.to_string(),
        }
    }

    /// The address, where it has one in place of a name.
    pub fn literal(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ipv4(four) => Some(four.into()),
            Host::Ipv6(six) => Some(six.into()),
            Host::Domain(_) => None,
        }
    }

    /// What the header `Host` says.
    pub(crate) fn authority(&self) -> String {
        self.url.port().map_or_else(|| self.host.to_string(), |port| format!("{}:{port}", self.host))
    }

    /// Path and query, as the request line has them.
    pub(crate) fn path_and_query(&self) -> String {
        self.url.query().map_or_else(|| self.url.path().to_owned(), |query| format!("{}?{query}", self.url.path()))
    }
}

/// An empty user (`https://@example.com`) leaves no trace in what is parsed.
fn has_at_before_path(text: &str) -> bool {
    let after = text.split_once("://").map_or(text, |(_, after)| after);
    after.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_with_a_host_and_nothing_that_hides_is_taken() {
        for url in [
            "https://example.com",
            "https://example.com:8443/hooks?a=b",
            "https://1.1.1.1/",
            "https://[2606:4700::1]/x",
        ] {
            assert!(Destination::parse(url, false).is_ok(), "{url}");
        }
        assert!(Destination::parse("http://example.com", true).is_ok());
    }

    #[test]
    fn the_rest_is_refused_with_a_reason() {
        for (url, expected) in [
            ("example.com", UrlError::NotAUrl),
            ("https://", UrlError::NotAUrl),
            ("https://exa mple.com", UrlError::NotAUrl),
            ("https://example.com\\@127.0.0.1/", UrlError::NotAUrl),
            ("https://ex\u{e4}mple.com", UrlError::NotAUrl),
            ("https://example.com/\r\nx: y", UrlError::NotAUrl),
            ("http://example.com", UrlError::NotHttps),
            ("ftp://example.com", UrlError::NotHttps),
            ("file:///etc/passwd", UrlError::NotHttps),
            ("gopher://example.com", UrlError::NotHttps),
            ("https://user@example.com", UrlError::UserInfo),
            ("https://:pass@example.com", UrlError::UserInfo),
            ("https://@example.com", UrlError::UserInfo),
            ("https://example.com/#x", UrlError::Fragment),
            ("https://example.com:25", UrlError::Port),
            ("https://example.com:0", UrlError::Port),
        ] {
            assert_eq!(Destination::parse(url, false), Err(expected), "{url}");
        }
        let long = format!("https://example.com/{}", "x".repeat(LONGEST));
        assert_eq!(Destination::parse(&long, false), Err(UrlError::TooLong));
    }

    #[test]
    fn addresses_are_seen_through_every_spelling() {
        for url in ["http://127.1/", "http://2130706433/", "http://0x7f.0.0.1/", "http://017700000001/"] {
            let destination = Destination::parse(url, true).unwrap();
            assert_eq!(destination.literal(), Some(IpAddr::from([127, 0, 0, 1])), "{url}");
        }
        let six = Destination::parse("http://[::ffff:127.0.0.1]:8080/a?b", true).unwrap();
        assert_eq!(six.literal(), "::ffff:127.0.0.1".parse().ok());
        assert_eq!((six.authority(), six.path_and_query()), ("[::ffff:7f00:1]:8080".to_owned(), "/a?b".to_owned()));
    }
}
