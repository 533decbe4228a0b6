//! Addresses and networks, exactly as the host reads them: an IPv4-mapped IPv6 address *is* its IPv4 address, a network of
//! mapped addresses is the IPv4 network, and apart from that the families don't mix: `::/0` holds no IPv4 address.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::fail::fail;

/// A network: `address/length`. As a setting it is read from text, and what is none is refused.
///
/// ```
/// use cronflow_policy::network::Network;
///
/// let office = Network::parse("203.0.113.0/24").unwrap();
/// assert!(office.contains("203.0.113.7"));
/// assert!(office.contains("::ffff:203.0.113.7"));
/// assert!(!office.contains("203.0.113.7:443"));
/// assert!(office.covers(&Network::parse("203.0.113.128/25").unwrap()));
/// assert_eq!(Network::parse("203.0.113.7"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// A network by its text.
    pub fn parse(text: &str) -> Option<Self> {
        let net: IpNet = text.parse().ok()?;
        let IpNet::V6(v6) = net else { return Some(Self(net)) };
        match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
            (Some(v4), Some(length)) => Ipv4Net::new(v4, length).ok().map(|v4| Self(IpNet::V4(v4))),
            _ => Some(Self(net)),
        }
    }

    /// Whether it holds an address. What is no address is in no network.
    pub fn contains(&self, address: &str) -> bool {
        parse_address(address).is_some_and(|address| self.0.contains(&address))
    }

    /// Whether it holds the whole of another network.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

/// An address without zone, port or brackets; a mapped one as IPv4.
///
/// ```
/// use cronflow_policy::network::parse_address;
///
/// assert_eq!(parse_address("::ffff:203.0.113.7"), parse_address("203.0.113.7"));
/// assert_eq!(parse_address("fe80::1%eth0"), None);
/// ```
pub fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Whether an address is in any of a list of networks, as the facts have them. What is no address, or absent, is in none. A
/// network that holds the address wins over an entry that is no network; where none holds it, such an entry ends the
/// evaluation, which denies.
///
/// ```
/// use cronflow_policy::network::is_in;
///
/// let networks = ["198.51.100.0/24".to_owned(), "203.0.113.0/24".to_owned()];
/// assert!(is_in(Some("203.0.113.7"), &networks));
/// assert!(!is_in(Some("192.0.2.1"), &networks));
/// assert!(!is_in(None, &networks));
/// ```
pub fn is_in(address: Option<&str>, networks: &[String]) -> bool {
    let Some(address) = address.and_then(parse_address) else { return false };
    let mut broken = None;
    for text in networks {
        match Network::parse(text) {
            Some(network) if network.0.contains(&address) => return true,
            Some(_) => {}
            None => broken = Some(text),
        }
    }
    match broken {
        None => false,
        Some(text) => fail(&no_network(text)),
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(no_network(&text)))
    }
}

fn no_network(text: &str) -> String {
    ["`", text, "` is no network; write `address/length`"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_network_is_refused_unless_another_holds_the_address() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(is_in(Some("10.1.1.1"), &list(&["everywhere", "10.0.0.0/8"])));
        let said = std::panic::catch_unwind(|| is_in(Some("10.1.1.1"), &list(&["everywhere"])));
        assert_eq!(said.unwrap_err().downcast_ref::<String>().unwrap(), &no_network("everywhere"));
        assert!(!is_in(Some("nowhere"), &list(&["everywhere"])));
        assert!(!is_in(Some("10.1.1.1"), &[]));
    }
}
