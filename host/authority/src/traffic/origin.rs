//! Where requests came from, as it is counted.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use access_model::network::client_network;
use ipnet::IpNet;

/// Where requests came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Origin {
    /// The question did not say.
    Unstated,
    /// An address, as a network of one; or the network that it is in, where more addresses came than are kept apart.
    Network(IpNet),
    /// More networks came than are kept apart.
    Elsewhere,
}

impl Origin {
    /// Of a request that stated this address, or none.
    pub(crate) fn of(client: Option<IpAddr>) -> Self {
        client.map_or(Self::Unstated, |address| Self::Network(IpNet::from(address.to_canonical())))
    }

    /// Whether it is an address and no wider network.
    pub(crate) fn is_address(&self) -> bool {
        matches!(self, Self::Network(network) if network.prefix_len() == network.max_prefix_len())
    }

    /// The network that an address is in: IPv4 /24, IPv6 /64.
    pub(crate) fn widened(self) -> Self {
        match self {
            Self::Network(network) => Self::Network(client_network(network.addr())),
            Self::Unstated | Self::Elsewhere => self,
        }
    }

    /// Its place among others that are kept apart: itself while there are fewer than `addresses`, its network while there are
    /// fewer than `networks`.
    pub(crate) fn among(self, known: impl Fn(&Self) -> bool, count: usize, addresses: usize, networks: usize) -> Self {
        let is_sum = |origin: &Self| matches!(origin, Self::Unstated | Self::Elsewhere);
        if is_sum(&self) || known(&self) || count < addresses {
            return self;
        }
        let widened = self.widened();
        if known(&widened) || count < networks { widened } else { Self::Elsewhere }
    }
}

/// As it stands in the name of a counter.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unstated => f.write_str("unstated"),
            Self::Network(network) => network.fmt(f),
            Self::Elsewhere => f.write_str("elsewhere"),
        }
    }
}

impl FromStr for Origin {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "unstated" => Ok(Self::Unstated),
            "elsewhere" => Ok(Self::Elsewhere),
            network => network.parse().map(Self::Network),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in ["unstated", "elsewhere", "203.0.113.7/32", "203.0.113.0/24", "2001:db8::7/128", "2001:db8::/64"] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), text);
        }
        assert!("".parse::<Origin>().is_err() && "203.0.113.7".parse::<Origin>().is_err());
    }

    #[test]
    fn addresses_are_kept_apart_then_networks_then_nothing() {
        let of = |text: &str| Origin::of(text.parse().ok());
        let seven = of("203.0.113.7");
        let place = |known: &[Origin], count| seven.among(|origin| known.contains(origin), count, 2, 3).to_string();
        assert_eq!(place(&[], 0), "203.0.113.7/32");
        assert_eq!(place(&[], 2), "203.0.113.0/24");
        assert_eq!(place(&[], 3), "elsewhere");
        assert_eq!(place(&[seven], 9), "203.0.113.7/32");
        assert_eq!(place(&[seven.widened()], 9), "203.0.113.0/24");
        assert_eq!(of("::ffff:203.0.113.7"), seven);
        assert_eq!(of("2001:db8:1:2:3::9").widened().to_string(), "2001:db8:1:2::/64");
        assert!(seven.is_address() && !seven.widened().is_address() && !Origin::Unstated.is_address());
    }
}
