//! Which hop of `X-Forwarded-For` is believed.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use crate::error::BuildError;

/// Networks of proxies that write `X-Forwarded-For` truthfully.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Nobody.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Networks, such as `10.0.0.0/8`, and single addresses.
    ///
    /// # Errors
    /// When one is neither.
    pub fn new<S: AsRef<str>>(networks: impl IntoIterator<Item = S>) -> Result<Self, BuildError> {
        let read = |text: &str| {
            let address = || text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
            text.parse().or_else(|_| address()).map_err(|_| BuildError::Network(text.to_owned()))
        };
        networks.into_iter().map(|network| read(network.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// The client's address: the peer's unless that is trusted, then that of the rightmost hop that is not. Nobody knows it
    /// when that hop can't be read, or all of them are trusted.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let is_trusted = |address: IpAddr| self.0.iter().any(|network| network.contains(&address));
        let peer = peer.to_canonical();
        if !is_trusted(peer) {
            return Some(peer);
        }
        // All of these headers are one list. What is not text is a hop that can't be read.
        let values: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or("?")).collect();
        for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
            let address = read_hop(hop)?;
            if !is_trusted(address) {
                return Some(address);
            }
        }
        None
    }
}

/// An address, with or without a port. A zone id says something about another machine, so such a hop says nothing.
fn read_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim_matches([' ', '\t']);
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6),
        None => hop
            .parse()
            .ok()
            .or_else(|| hop.parse::<SocketAddr>().ok().filter(|_| !hop.contains('%')).map(|address| address.ip())),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, values: &[&str], expected: Option<&str>) {
        let proxies = TrustedProxies::new(["10.0.0.0/8", "2001:db8:ffff::/48", "192.0.2.1"]).unwrap();
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let found = proxies.client(peer.parse().unwrap(), &headers);
        assert_eq!(found, expected.map(|address| address.parse().unwrap()), "{peer} {values:?}");
    }

    #[test]
    fn a_peer_that_nobody_trusts_is_the_client_whatever_it_says() {
        check("198.51.100.1", &["203.0.113.9"], Some("198.51.100.1"));
        check("::ffff:198.51.100.1", &[], Some("198.51.100.1"));
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_client() {
        for hop in
            ["203.0.113.9", "203.0.113.9:4711", "::ffff:203.0.113.9", " 203.0.113.9\t", "6.6.6.6, 203.0.113.9,10.0.0.2"]
        {
            check("10.0.0.1", &[hop], Some("203.0.113.9"));
            check("::ffff:10.0.0.1", &[hop], Some("203.0.113.9"));
            check("192.0.2.1", &["1.1.1.1", hop], Some("203.0.113.9"));
        }
        check("2001:db8:ffff::1", &["[2001:db8::9]:4711"], Some("2001:db8::9"));
        check("10.0.0.1", &["[2001:db8::9]", "10.0.0.3"], Some("2001:db8::9"));
    }

    #[test]
    fn what_cant_be_read_is_nobody() {
        check("10.0.0.1", &[], None);
        for garbage in [
            "",
            "unknown",
            "203.0.113.9, garbage",
            "10.0.0.2",
            "203.0.113.9,",
            "[203.0.113.9]",
            "fe80::1%eth0",
            "[fe80::1%1]:80",
            "203.0.113.9, \u{e4}",
        ] {
            check("10.0.0.1", &[garbage], None);
        }
    }

    #[test]
    fn networks_are_read_and_slips_refused() {
        assert!(TrustedProxies::new(["10.0.0.0/8", "::1"]).is_ok());
        for slip in ["", "10.0.0.0/33", "proxy"] {
            assert!(TrustedProxies::new([slip]).is_err());
        }
    }
}
