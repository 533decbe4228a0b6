//! Addresses and networks: allow-lists, and the client's address behind proxies.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// A list of networks that requests may come from. Never empty: no restriction is the absence of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllowList(Vec<IpNet>);

/// Why a list was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowListError {
    /// It would lock everybody out.
    #[error("an empty list would lock everybody out; use null to lift the restriction")]
    Empty,
    /// More than the catalog's limit.
    #[error("more than {0} networks; join neighbouring ones")]
    TooMany(usize),
    /// Not a network.
    #[error("`{0}` is not a network in CIDR form, such as `203.0.113.0/24` or `2001:db8::/32`")]
    NotANetwork(String),
    /// Bits are set beyond the prefix length: probably a slip.
    #[error("`{given}` has bits set beyond its prefix length; did you mean `{meant}`?")]
    HostBits {
        /// As it was given.
        given: String,
        /// The network that holds it.
        meant: String,
    },
    /// `/0`.
    #[error("`{0}` allows every address; use null to lift the restriction")]
    Everything(String),
}

impl AllowList {
    /// Reads a list. A bare address is a network of one; an IPv4-mapped IPv6 network is the IPv4 network.
    ///
    /// # Errors
    /// When it is empty, too long, or has an entry that is not a network or surely not meant.
    pub fn parse<S: AsRef<str>>(entries: &[S], most: usize) -> Result<Self, AllowListError> {
        if entries.is_empty() {
            return Err(AllowListError::Empty);
        }
        if entries.len() > most {
            return Err(AllowListError::TooMany(most));
        }
        let mut networks = Vec::with_capacity(entries.len());
        for entry in entries {
            let network = parse_network(entry.as_ref())?;
            if !networks.contains(&network) {
                networks.push(network);
            }
        }
        Ok(Self(networks))
    }

    /// Whether the address is in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The networks, written out.
    pub fn to_strings(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

fn parse_network(text: &str) -> Result<IpNet, AllowListError> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => text.parse::<IpAddr>().map(IpNet::from).map_err(|_| AllowListError::NotANetwork(text.to_owned()))?,
    };
    let network = unmap(network);
    if network.prefix_len() == 0 {
        return Err(AllowListError::Everything(text.to_owned()));
    }
    if network.trunc() != network {
        return Err(AllowListError::HostBits { given: text.to_owned(), meant: network.trunc().to_string() });
    }
    Ok(network)
}

fn unmap(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else { return network };
    let four = six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(96));
    four.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(network, IpNet::V4)
}

/// Reads an address as a person or a header writes it; an IPv4-mapped IPv6 address becomes IPv4. No port, no brackets, no
/// zone.
pub fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// An address as policies see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    ip: IpAddr,
    // INVARIANT: `ip` in its one spelling.
    text: String,
}

impl Address {
    /// Reads an address like [`parse_address`]. IPv4 has one spelling that is read, so that text is kept.
    pub fn parse(text: String) -> Option<Self> {
        match text.parse::<IpAddr>().ok()? {
            ip @ IpAddr::V4(_) => Some(Self { ip, text }),
            six @ IpAddr::V6(_) => Some(six.to_canonical().into()),
        }
    }

    /// The address.
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Its spelling.
    pub fn into_text(self) -> String {
        self.text
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        Self { ip, text: ip.to_string() }
    }
}

/// A hop of `X-Forwarded-For`: an address, perhaps with brackets and a port. A zone id makes it garbage.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches([' ', '\t']);
    if let Some(address) = parse_address(text) {
        return Some(address);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let wellformed = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
        return address.parse::<Ipv6Addr>().ok().filter(|_| wellformed).map(|six| IpAddr::V6(six).to_canonical());
    }
    let (address, port) = text.split_once(':')?;
    port.parse::<u16>().ok()?;
    address.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::V4)
}

/// The client's address: the peer, unless the peer is a trusted proxy; then the rightmost hop that is not one.
///
/// `forwarded_for` are the values of all `X-Forwarded-For` headers in their order; they are one list. A hop that can't be
/// read, or a chain of trusted proxies alone, gives no address: what a liar may have written is never believed.
pub fn client_address<'h>(
    peer: IpAddr,
    forwarded_for: impl DoubleEndedIterator<Item = &'h str>,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if is_trusted(&peer, trusted) { forwarded_client(forwarded_for, trusted) } else { Some(peer) }
}

/// The same of a peer that has no address and is trusted: whoever is on the same machine, and may write to the host's socket.
pub fn forwarded_client<'h>(
    forwarded_for: impl DoubleEndedIterator<Item = &'h str>,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    for hop in forwarded_for.rev().flat_map(|header| header.rsplit(',')) {
        let address = parse_hop(hop)?;
        if !is_trusted(&address, trusted) {
            return Some(address);
        }
    }
    None
}

fn is_trusted(address: &IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| unmap(*network).contains(address))
}

/// The last hop of one `X-Forwarded-For` header: the address that its sender saw by itself. What stands before it may be
/// anybody's invention.
pub fn last_hop(forwarded_for: &str) -> Option<IpAddr> {
    forwarded_for.rsplit(',').next().and_then(parse_hop)
}

/// The network that failed identifications are counted by: IPv4 /24, IPv6 /64.
pub fn client_network(address: IpAddr) -> IpNet {
    let length = if address.is_ipv4() { 24 } else { 64 };
    IpNet::new(address, length).map_or_else(|_| IpNet::from(address), |network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_slips_refused() {
        let list =
            AllowList::parse(&["203.0.113.0/24", "198.51.100.7", "::ffff:10.0.0.0/104", "2001:db8::/32"], 9).unwrap();
        assert_eq!(list.to_strings(), ["203.0.113.0/24", "198.51.100.7/32", "10.0.0.0/8", "2001:db8::/32"]);
        let refused = |entry: &str| AllowList::parse(&[entry], 9).unwrap_err().to_string();
        assert!(refused("203.0.113.7/24").contains("did you mean `203.0.113.0/24`"));
        assert!(refused("0.0.0.0/0").contains("use null"));
        assert!(refused("::/0").contains("use null"));
        assert!(refused("::ffff:0.0.0.0/96").contains("use null"));
        for garbage in ["", "10.0.0.0/33", "10.0.0/8", "example.com", "10.0.0.1:80", "fe80::1%eth0", " 10.0.0.1"] {
            assert!(refused(garbage).contains("not a network"), "{garbage}");
        }
        assert_eq!(AllowList::parse::<&str>(&[], 9), Err(AllowListError::Empty));
        assert_eq!(AllowList::parse(&["10.0.0.1", "10.0.0.2"], 1), Err(AllowListError::TooMany(1)));
    }

    #[track_caller]
    fn client(peer: &str, headers: &[&str], expected: Option<&str>) {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "2001:db8:ffff::/48"].iter().map(|net| net.parse().unwrap()).collect();
        let found = client_address(peer.parse().unwrap(), headers.iter().copied(), &trusted);
        assert_eq!(found, expected.map(|address| address.parse().unwrap()), "{peer} {headers:?}");
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_client() {
        client("198.51.100.1", &["203.0.113.9"], Some("198.51.100.1"));
        client("10.0.0.1", &["203.0.113.9"], Some("203.0.113.9"));
        client("::ffff:10.0.0.1", &["203.0.113.9"], Some("203.0.113.9"));
        client("10.0.0.1", &["6.6.6.6, 203.0.113.9 ,10.0.0.2"], Some("203.0.113.9"));
        client("10.0.0.1", &["6.6.6.6", "203.0.113.9,\t10.0.0.2"], Some("203.0.113.9"));
        client("10.0.0.1", &["203.0.113.9:4711"], Some("203.0.113.9"));
        client("10.0.0.1", &["[2001:db8::9]:4711"], Some("2001:db8::9"));
        client("10.0.0.1", &["[2001:db8::9]"], Some("2001:db8::9"));
        client("10.0.0.1", &["::ffff:203.0.113.9"], Some("203.0.113.9"));
        client("2001:db8:ffff::1", &["203.0.113.9"], Some("203.0.113.9"));
    }

    #[test]
    fn a_peer_without_an_address_is_believed_and_stands_for_none() {
        let found = |headers: &[&str], trusted: &[IpNet]| {
            forwarded_client(headers.iter().copied(), trusted).map(|address| address.to_string())
        };
        assert_eq!(found(&["6.6.6.6, 203.0.113.9"], &[]).as_deref(), Some("203.0.113.9"));
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(found(&["203.0.113.9, 10.0.0.2"], &proxies).as_deref(), Some("203.0.113.9"));
        assert_eq!(found(&["10.0.0.2"], &proxies), None);
        assert_eq!(found(&[], &[]), None);
        assert_eq!(found(&["garbage"], &[]), None);
    }

    #[test]
    fn what_can_not_be_believed_gives_no_address() {
        client("10.0.0.1", &[], None);
        client("10.0.0.1", &["10.0.0.2, 10.0.0.3"], None);
        for garbage in
            ["unknown", "203.0.113.9, nonsense", "fe80::1%eth0", "", "203.0.113.9,", "1.2.3.4:99999", "[::1", "[::1]x"]
        {
            client("10.0.0.1", &[garbage], None);
        }
    }

    #[test]
    fn the_last_hop_counts_alone() {
        let check = |header: &str, expected: Option<&str>| {
            assert_eq!(last_hop(header), expected.map(|address| address.parse().unwrap()), "{header}");
        };
        check("203.0.113.9", Some("203.0.113.9"));
        check("nonsense, 6.6.6.6 ,203.0.113.9 ", Some("203.0.113.9"));
        check("203.0.113.9:4711", Some("203.0.113.9"));
        check("6.6.6.6,[2001:db8::9]:4711", Some("2001:db8::9"));
        check("::ffff:203.0.113.9", Some("203.0.113.9"));
        for garbage in ["", "203.0.113.9,", "203.0.113.9, unknown", "fe80::1%eth0", "203.0.113.9 6.6.6.6"] {
            check(garbage, None);
        }
    }

    #[test]
    fn an_address_has_one_spelling() {
        let text = |text: &str| Address::parse(text.to_owned()).map(Address::into_text);
        assert_eq!(text("203.0.113.7").as_deref(), Some("203.0.113.7"));
        assert_eq!(text("::ffff:203.0.113.7").as_deref(), Some("203.0.113.7"));
        assert_eq!(text("2001:DB8:0:0::1").as_deref(), Some("2001:db8::1"));
        for garbage in ["", "203.0.113.07", "203.0.113.7:80", "[::1]", "fe80::1%eth0", " 10.0.0.1", "1.2.3"] {
            assert_eq!(text(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn failures_are_counted_by_network() {
        assert_eq!(client_network("203.0.113.9".parse().unwrap()).to_string(), "203.0.113.0/24");
        assert_eq!(client_network("2001:db8:1:2:3::9".parse().unwrap()).to_string(), "2001:db8:1:2::/64");
    }
}
