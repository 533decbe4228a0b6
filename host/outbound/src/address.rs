//! Which addresses may be connected to: those of the public internet, and what the operator opened besides.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use access_model::AllowList;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Networks of IPv4 that are not the public internet's (RFC 6890 and its registry), with what they are.
const SPECIAL_V4: [(Ipv4Net, &str); 15] = [
    (v4([0, 0, 0, 0], 8), "this network"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared by a carrier"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "reserved for protocols"),
    (v4([192, 0, 2, 0], 24), "for documentation"),
    (v4([192, 88, 99, 0], 24), "of relays"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "for benchmarks"),
    (v4([198, 51, 100, 0], 24), "for documentation"),
    (v4([203, 0, 113, 0], 24), "for documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
];

/// All of IPv6 that is given out; the rest is reserved, local or translated.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Networks within that which are not the public internet's either.
const SPECIAL_V6: [(Ipv6Net, &str); 4] = [
    // Teredo, benchmarks and overlays among them.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "reserved for protocols"),
    (v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32), "for documentation"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "translated"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "for documentation"),
];

/// Where clouds answer with credentials to whoever asks from inside. No setting opens these. Link-local is among them whole,
/// since new ones are put there.
const NEVER: [IpNet; 9] = [
    IpNet::V4(v4([169, 254, 0, 0], 16)),
    IpNet::V6(v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10)),
    // AWS
    IpNet::V6(v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0], 32)),
    // Google
    IpNet::V6(v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128)),
    // Scaleway
    IpNet::V6(v6([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042], 128)),
    // Alibaba, in the carriers' network
    IpNet::V4(v4([100, 100, 100, 200], 32)),
    // Azure's, which looks like a public address
    IpNet::V4(v4([168, 63, 129, 16], 32)),
    // Oracle
    IpNet::V4(v4([192, 0, 0, 192], 32)),
    // Nobody: systems take it for loopback.
    IpNet::V4(v4([0, 0, 0, 0], 8)),
];

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

/// Where AWS tells machines and containers their own credentials.
const OWN_CREDENTIALS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
];

/// Networks beyond the public internet that the operator opened.
#[derive(Debug, Clone, Default)]
pub struct Private {
    networks: Vec<IpNet>,
    /// Whether metadata services are asked for this process's own credentials, too. No setting says so.
    has_own_credentials: bool,
}

/// Why an operator's network was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPrivate {
    /// `/0`, which nobody means.
    #[error("`{0}` is everything; name the networks of your own receivers")]
    Everything(IpNet),
    /// Metadata services are in it, and nothing else.
    #[error("`{0}` is where metadata services answer, which stays closed")]
    Never(IpNet),
}

/// Why an address is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not the public internet's: what it is instead.
    NotPublic(&'static str),
    /// It is outside the networks that the workspace may call.
    NotAllowed,
}

impl Private {
    /// Reads what the operator stated.
    ///
    /// # Errors
    /// For networks that are everything, or hold metadata services alone.
    pub fn new(networks: Vec<IpNet>) -> Result<Self, NotPrivate> {
        for network in &networks {
            if network.prefix_len() == 0 {
                return Err(NotPrivate::Everything(*network));
            }
            if NEVER.iter().any(|never| never.contains(network)) {
                return Err(NotPrivate::Never(*network));
            }
        }
        Ok(Self { networks, has_own_credentials: false })
    }

    /// Every network: for what the operator named itself, such as a secret manager. Metadata services stay closed.
    pub(crate) fn every() -> Self {
        let networks = vec![
            v4([0, 0, 0, 0], 1).into(),
            v4([128, 0, 0, 0], 1).into(),
            v6([0; 8], 1).into(),
            v6([0x8000, 0, 0, 0, 0, 0, 0, 0], 1).into(),
        ];
        Self { networks, has_own_credentials: false }
    }

    /// Where this process is told its own credentials: nobody names it, and nothing else is asked there. On loopback, too,
    /// where whoever tries it out has put one.
    pub(crate) fn own_credentials() -> Self {
        Self { networks: vec![v4([127, 0, 0, 0], 8).into()], has_own_credentials: true }
    }

    fn is_own_credentials(&self, address: IpAddr) -> bool {
        self.has_own_credentials && OWN_CREDENTIALS.contains(&address)
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address)) || self.is_own_credentials(address)
    }
}

/// Whether `address` may be connected to: it is public or the operator's, and so is what it is translated to; and it is in
/// the workspace's list, where there is one.
///
/// # Errors
/// Why not.
pub fn judge(address: IpAddr, private: &Private, allowed: Option<&AllowList>) -> Result<(), Refusal> {
    let translated = embedded(address);
    for one in [Some(address), translated].into_iter().flatten() {
        if NEVER.iter().any(|never| never.contains(&one)) && !private.is_own_credentials(one) {
            return Err(Refusal::NotPublic("of metadata services"));
        }
        if let Some(what) = special(one)
            && (!private.contains(one) || is_ipv4_in_disguise(one))
        {
            return Err(Refusal::NotPublic(what));
        }
    }
    let reached = translated.unwrap_or(address);
    if allowed.is_some_and(|list| !list.contains(reached)) { Err(Refusal::NotAllowed) } else { Ok(()) }
}

/// What an address is, where it is not one of the public internet.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(four) => SPECIAL_V4.iter().find(|(network, _)| network.contains(&four)).map(|(_, what)| *what),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Some("loopback"),
        IpAddr::V6(_) if is_ipv4_in_disguise(address) => Some("mapped"),
        IpAddr::V6(six) if !GLOBAL_V6.contains(&six) => Some("not given out"),
        IpAddr::V6(six) => SPECIAL_V6.iter().find(|(network, _)| network.contains(&six)).map(|(_, what)| *what),
    }
}

/// IPv4-mapped and IPv4-compatible addresses: who means the IPv4 address writes that.
fn is_ipv4_in_disguise(address: IpAddr) -> bool {
    let IpAddr::V6(six) = address else { return false };
    let [a, b, c, d, e, f, ..] = six.segments();
    [a, b, c, d, e] == [0; 5] && (f == 0 || f == 0xffff) && !six.is_loopback()
}

/// The IPv4 address that a network on the way makes of it: NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380).
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(six) = address else { return None };
    let of = |high: u16, low: u16| Some(IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))));
    match six.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] if !six.is_loopback() => of(high, low),
        [0x64, 0xff9b, 0 | 1, _, _, _, high, low] => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        [0x2001, 0, _, _, _, _, high, low] => of(!high, !low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, opened: &[&str], allowed: Option<&[&str]>, expected: Result<(), Refusal>) {
        let private = Private::new(opened.iter().map(|network| network.parse().unwrap()).collect()).unwrap();
        let allowed = allowed.map(|list| AllowList::parse(list, 9).unwrap());
        assert_eq!(judge(address.parse().unwrap(), &private, allowed.as_ref()), expected, "{address} {opened:?}");
    }

    #[test]
    fn the_public_internet_alone_is_connected_to() {
        for address in ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"] {
            check(address, &[], None, Ok(()));
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.1.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "100.100.100.200",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "::1.1.1.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::1.1.1.1",
            "64:ff9b:1::10.0.0.1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:0101:0101::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            let private = Private::default();
            let judged = judge(address.parse().unwrap(), &private, None);
            assert!(matches!(judged, Err(Refusal::NotPublic(_))), "{address}: {judged:?}");
        }
    }

    #[test]
    fn what_the_operator_opens_is_open_in_its_own_spelling_alone() {
        check("127.0.0.1", &["127.0.0.0/8"], None, Ok(()));
        check("::1", &["::1/128"], None, Ok(()));
        check("10.1.2.3", &["10.1.0.0/16"], None, Ok(()));
        check("10.2.2.3", &["10.1.0.0/16"], None, Err(Refusal::NotPublic("private")));
        check("::ffff:127.0.0.1", &["127.0.0.0/8", "::/8"], None, Err(Refusal::NotPublic("mapped")));
        // A network that translates, opened on purpose, leads where one may go without it.
        check("64:ff9b::1.1.1.1", &["64:ff9b::/96"], None, Ok(()));
        check("64:ff9b::10.0.0.1", &["64:ff9b::/96"], None, Err(Refusal::NotPublic("private")));
        check("2002:0a00:0001::1", &["2002::/16"], None, Err(Refusal::NotPublic("private")));
    }

    #[test]
    fn metadata_stays_closed_whatever_is_opened() {
        for (address, opened) in [
            ("169.254.169.254", "168.0.0.0/5"),
            ("100.100.100.200", "100.64.0.0/10"),
            ("168.63.129.16", "168.0.0.0/8"),
            ("fd00:ec2::254", "fd00::/8"),
            ("fd20:ce::254", "fd00::/8"),
            ("64:ff9b::a9fe:a9fe", "64:ff9b::/96"),
        ] {
            check(address, &[opened], None, Err(Refusal::NotPublic("of metadata services")));
        }
        let new = |network: &str| Private::new(vec![network.parse().unwrap()]).map(|_| ());
        assert!(matches!(new("169.254.169.254/32"), Err(NotPrivate::Never(_))));
        assert!(matches!(new("0.0.0.0/0"), Err(NotPrivate::Everything(_))));
        assert!(new("10.0.0.0/8").is_ok());
        let judged = |address: &str| judge(address.parse().unwrap(), &Private::every(), None);
        for named in ["10.0.0.1", "127.0.0.1", "::1", "fd12::1", "93.184.216.34"] {
            assert_eq!(judged(named), Ok(()), "{named}");
        }
        assert!(judged("169.254.169.254").is_err() && judged("fd00:ec2::254").is_err());
        let judged = |address: &str| judge(address.parse().unwrap(), &Private::own_credentials(), None);
        assert!(judged("169.254.169.254").is_ok() && judged("169.254.170.2").is_ok());
        assert!(judged("169.254.169.253").is_err() && judged("10.0.0.1").is_err() && judged("168.63.129.16").is_err());
    }

    #[test]
    fn a_workspaces_list_narrows_and_opens_nothing() {
        check("93.184.216.34", &[], Some(&["93.184.216.0/24"]), Ok(()));
        check("1.1.1.1", &[], Some(&["93.184.216.0/24"]), Err(Refusal::NotAllowed));
        check("10.0.0.1", &[], Some(&["10.0.0.0/8"]), Err(Refusal::NotPublic("private")));
        check("127.0.0.2", &["127.0.0.0/8"], Some(&["127.0.0.1"]), Err(Refusal::NotAllowed));
        check("64:ff9b::1.1.1.1", &["64:ff9b::/96"], Some(&["1.1.1.0/24"]), Ok(()));
    }
}
