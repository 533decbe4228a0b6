//! Addresses and networks, in Kubernetes' spelling.
//!
//! An IPv4-mapped IPv6 address *is* its IPv4 address, and a network of mapped addresses is the IPv4 network. Otherwise
//! the families don't mix: `::/0` holds no IPv4 address.

use std::net::{IpAddr, Ipv4Addr};

use cel::common::types::{CelInt, CelString, LIST_TYPE, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env};
use ipnet::{IpNet, Ipv4Net};

use super::{Result, arg, error, for_each, plain_value, string, truth};

pub(super) fn declare(env: &mut Env) -> std::result::Result<(), DeclarationError> {
    let text = || STRING_TYPE;
    let list = || LIST_TYPE;
    let ip_type = || Ip::cel_type().to_owned();
    let cidr_type = || Cidr::cel_type().to_owned();
    env.add_type(ip_type())?;
    env.add_type(cidr_type())?;
    env.add_overload("ip", "string_to_ip", vec![text()], ip)?;
    env.add_overload("cidr", "string_to_cidr", vec![text()], cidr)?;
    env.add_overload("isIP", "is_ip", vec![text()], |args| Ok(truth(parse_ip(string(&args, 0)?).is_some())))?;
    env.add_overload("isCIDR", "is_cidr", vec![text()], |args| Ok(truth(parse_cidr(string(&args, 0)?).is_some())))?;
    for (target, name) in [(cidr_type(), "cidr"), (list(), "list")] {
        let id = |of: &str| format!("{name}_contains_{of}");
        env.add_member_overload("containsIP", &id("ip_string"), target.to_owned(), vec![text()], contains_ip)?;
        env.add_member_overload("containsIP", &id("ip_ip"), target.to_owned(), vec![ip_type()], contains_ip)?;
        env.add_member_overload("containsCIDR", &id("cidr_string"), target.to_owned(), vec![text()], contains_cidr)?;
        env.add_member_overload("containsCIDR", &id("cidr_cidr"), target, vec![cidr_type()], contains_cidr)?;
    }
    env.add_overload("string", "ip_to_string", vec![ip_type()], |args| {
        Ok(CowVal::owned(CelString::from(address(&args)?.to_string())))
    })?;
    env.add_overload("string", "cidr_to_string", vec![cidr_type()], |args| {
        Ok(CowVal::owned(CelString::from(network(&args)?.to_string())))
    })?;
    env.add_member_overload("family", "ip_family", ip_type(), vec![], |args| {
        Ok(CowVal::owned(CelInt::from(if address(&args)?.is_ipv4() { 4_i64 } else { 6 })))
    })?;
    env.add_member_overload("isUnspecified", "ip_is_unspecified", ip_type(), vec![], |args| {
        Ok(truth(address(&args)?.is_unspecified()))
    })?;
    env.add_member_overload("isLoopback", "ip_is_loopback", ip_type(), vec![], |args| {
        Ok(truth(address(&args)?.is_loopback()))
    })?;
    env.add_member_overload("isLinkLocalMulticast", "ip_is_llm", ip_type(), vec![], |args| {
        Ok(truth(is_link_local_multicast(address(&args)?)))
    })?;
    env.add_member_overload("isLinkLocalUnicast", "ip_is_llu", ip_type(), vec![], |args| {
        Ok(truth(is_link_local_unicast(address(&args)?)))
    })?;
    env.add_member_overload("isGlobalUnicast", "ip_is_global_unicast", ip_type(), vec![], |args| {
        Ok(truth(is_global_unicast(address(&args)?)))
    })?;
    env.add_member_overload("ip", "cidr_ip", cidr_type(), vec![], |args| {
        Ok(CowVal::owned(Ip(network(&args)?.addr())))
    })?;
    env.add_member_overload("masked", "cidr_masked", cidr_type(), vec![], |args| {
        Ok(CowVal::owned(Cidr(network(&args)?.trunc())))
    })?;
    env.add_member_overload("prefixLength", "cidr_prefix_length", cidr_type(), vec![], |args| {
        Ok(CowVal::owned(CelInt::from(i64::from(network(&args)?.prefix_len()))))
    })
}

fn ip<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>> {
    parse_ip(string(&args, 0)?).map(|ip| CowVal::owned(Ip(ip))).ok_or_else(|| error("ip", "not an address"))
}

fn cidr<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>> {
    parse_cidr(string(&args, 0)?).map(|net| CowVal::owned(Cidr(net))).ok_or_else(|| error("cidr", "not a network"))
}

/// `cidr(c).containsIP(ip)`, and `list.containsIP(ip)`: whether any network of a list of networks holds it, the same as
/// `list.exists(c, cidr(c).containsIP(ip))` without a scope per network. As there, a network that holds the address
/// wins over one that is none; where none holds it, one that is none is an error.
fn contains_ip<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>> {
    let given = arg(&args, 1)?;
    let ip = match given.downcast_ref::<Ip>() {
        Some(Ip(ip)) => *ip,
        None => parse_ip(string(&args, 1)?).ok_or_else(|| error("containsIP", "not an address"))?,
    };
    any_network(arg(&args, 0)?, "containsIP", |net| net.contains(&ip))
}

/// `cidr(c).containsCIDR(net)`, and `list.containsCIDR(net)`: whether one network of a list holds the whole of another. What
/// only several of them hold together is not held.
fn contains_cidr<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>> {
    let given = arg(&args, 1)?;
    let inner = match given.downcast_ref::<Cidr>() {
        Some(Cidr(net)) => *net,
        None => parse_cidr(string(&args, 1)?).ok_or_else(|| error("containsCIDR", "not a network"))?,
    };
    any_network(arg(&args, 0)?, "containsCIDR", |net| net.contains(&inner))
}

/// Whether `holds` is true of a network, or of any of a list.
fn any_network<'b, 'v>(target: &dyn Val, function: &str, holds: impl Fn(IpNet) -> bool) -> Result<CowVal<'b, 'v>> {
    if let Some(Cidr(net)) = target.downcast_ref::<Cidr>() {
        return Ok(truth(holds(*net)));
    }
    let mut broken = false;
    let found = for_each(target, |item| {
        let net = item.downcast_ref::<CelString>().and_then(|text| parse_cidr(text.inner()));
        broken |= net.is_none();
        Ok(net.is_some_and(&holds))
    })?;
    if broken && !found { Err(error(function, "not a network")) } else { Ok(truth(found)) }
}

fn address(args: &[CowVal<'_, '_>]) -> Result<IpAddr> {
    arg(args, 0)?.downcast_ref::<Ip>().map(|Ip(ip)| *ip).ok_or_else(|| error("ip", "not an address"))
}

fn network(args: &[CowVal<'_, '_>]) -> Result<IpNet> {
    arg(args, 0)?.downcast_ref::<Cidr>().map(|Cidr(net)| *net).ok_or_else(|| error("cidr", "not a network"))
}

/// `224.0.0.0/24` or `ff02::/16`.
fn is_link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => matches!(v4.octets(), [224, 0, 0, _]),
        IpAddr::V6(v6) => v6.segments().first().is_some_and(|first| first & 0xff0f == 0xff02),
    }
}

/// `169.254.0.0/16` or `fe80::/10`.
fn is_link_local_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// As Kubernetes (and Go) mean it: private networks count.
fn is_global_unicast(ip: IpAddr) -> bool {
    !(ip == IpAddr::V4(Ipv4Addr::BROADCAST)
        || ip.is_unspecified()
        || ip.is_loopback()
        || ip.is_multicast()
        || is_link_local_unicast(ip))
}

/// An address without zone, port or brackets; a mapped one as IPv4.
pub(in crate::cel) fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// A network, `address/length`; one of mapped addresses as IPv4.
pub(in crate::cel) fn parse_cidr(text: &str) -> Option<IpNet> {
    let net: IpNet = text.parse().ok()?;
    match net {
        IpNet::V6(v6) => match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
            (Some(v4), Some(length)) => Ipv4Net::new(v4, length).ok().map(IpNet::V4),
            _ => Some(net),
        },
        IpNet::V4(_) => Some(net),
    }
}

/// An address.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ip(IpAddr);

/// A network.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cidr(IpNet);

plain_value!(Ip, "net.IP");
plain_value!(Cidr, "net.CIDR");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_and_networks_are_ipv4() {
        assert_eq!(parse_ip("::ffff:203.0.113.7"), parse_ip("203.0.113.7"));
        assert_eq!(parse_cidr("::ffff:10.0.0.0/104"), parse_cidr("10.0.0.0/8"));
        for none in ["", " 10.0.0.1", "10.0.0.1/8", "010.0.0.1", "fe80::1%eth0", "[::1]", "10.0.0.1:80", "1.2.3"] {
            assert_eq!(parse_ip(none), None, "{none}");
        }
        for none in ["", "10.0.0.1", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/08x", "any"] {
            assert_eq!(parse_cidr(none), None, "{none}");
        }
    }
}
