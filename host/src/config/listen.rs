//! Where a host listens: addresses, in plain HTTP or over TLS, and Unix sockets.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserializer, Serialize as _, Serializer};

/// Where to listen, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listen {
    /// In plain HTTP.
    Plain(SocketAddr),
    /// Over TLS.
    Tls(SocketAddr),
    /// At a path, for those on this machine who may write to it.
    Unix(PathBuf),
}

impl Listen {
    /// Its address, where it has one.
    pub(crate) const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Plain(address) | Self::Tls(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether nobody from another machine reaches it.
    pub(crate) fn is_local(&self) -> bool {
        self.address().is_none_or(|address| address.ip().is_loopback())
    }

    /// Whether it speaks TLS.
    pub(crate) const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// What a URL of it begins with. Who comes by a socket calls the host what it likes.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Plain(address) => format!("http://{address}"),
            Self::Tls(address) => format!("https://{address}"),
            Self::Unix(_) => "http://localhost".to_owned(),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            // As in a URL, where an empty host comes first.
            let path = Path::new(path.strip_prefix("//").unwrap_or(path));
            let malformed = format!("`{text}` does not name a socket by its whole path, as in `unix:/run/access.sock`");
            return if path.is_absolute() { Ok(Self::Unix(path.to_owned())) } else { Err(malformed) };
        }
        let (address, listen): (_, fn(SocketAddr) -> Self) = match text.strip_prefix("https://") {
            Some(address) => (address, Self::Tls),
            None => (text.strip_prefix("http://").unwrap_or(text), Self::Plain),
        };
        let takes = "it takes an address with its port, `https://` and such an address, or `unix:/PATH`";
        address.parse().map(listen).map_err(|error| format!("{error}; {takes}"))
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(address) => write!(f, "{address}"),
            Self::Tls(address) => write!(f, "https://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Permissions of a socket, in the octal digits of `chmod`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode(pub(crate) u32);

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o777);
        bits.map(Self).ok_or_else(|| format!("`{text}` is not a mode in octal digits, as in `0660`"))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// One, or a list of them, as `listen` stands in a file.
pub(super) mod listed {
    use super::*;

    pub(in crate::config) fn serialize<S: Serializer>(
        all: &Option<Vec<Listen>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match all.as_deref() {
            None => serializer.serialize_none(),
            Some([only]) => serializer.collect_str(only),
            Some(all) => serializer.collect_seq(all.iter().map(ToString::to_string)),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<Listen>>, D::Error> {
        deserializer.deserialize_any(OneOrMany).map(Some)
    }

    pub(in crate::config) fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array", "null"], "items": { "type": "string" } })
    }

    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<Listen>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an address, or a list of them")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            text.parse().map(|one| vec![one]).map_err(E::custom)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(text) = list.next_element::<String>()? {
                all.push(text.parse().map_err(A::Error::custom)?);
            }
            if all.is_empty() { Err(A::Error::custom("an empty list would serve nobody")) } else { Ok(all) }
        }
    }
}

/// A mode as it stands in a file.
pub(super) mod octal {
    use super::*;

    pub(in crate::config) fn serialize<S: Serializer>(mode: &Option<Mode>, serializer: S) -> Result<S::Ok, S::Error> {
        mode.map(|mode| mode.to_string()).serialize(serializer)
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Mode>, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map(Some).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_listen_is_said_in_one_word() {
        for (text, shown) in [
            ("127.0.0.1:7800", "127.0.0.1:7800"),
            ("[::1]:0", "[::1]:0"),
            ("http://127.0.0.1:7800", "127.0.0.1:7800"),
            ("https://0.0.0.0:7843", "https://0.0.0.0:7843"),
            ("unix:/run/access.sock", "unix:/run/access.sock"),
            ("unix:///run/access.sock", "unix:/run/access.sock"),
        ] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), shown, "{text}");
        }
        for (text, says) in [
            ("nowhere", "invalid socket address"),
            ("https://access.example.com:443", "invalid socket address"),
            ("127.0.0.1", "invalid socket address"),
            ("", "invalid socket address"),
            ("unix:access.sock", "whole path"),
            ("unix:", "whole path"),
        ] {
            let error = text.parse::<Listen>().unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn whom_a_listener_is_for() {
        for (text, is_local, is_tls) in [
            ("127.0.0.1:1", true, false),
            ("[::1]:1", true, false),
            ("0.0.0.0:1", false, false),
            ("https://10.0.0.1:1", false, true),
            ("unix:/a", true, false),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!((listen.is_local(), listen.is_tls()), (is_local, is_tls), "{text}");
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!("0660".parse(), Ok(Mode(0o660)));
        assert_eq!(Mode(0o600).to_string(), "0600");
        for text in ["0888", "rw", "", "1777", "-1"] {
            assert!(text.parse::<Mode>().unwrap_err().contains("octal"), "{text}");
        }
    }
}
