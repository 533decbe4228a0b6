//! What the profile adds to CEL: addresses and networks in Kubernetes' spelling, sets in cel-go's, and `join`.
//!
//! An IPv4-mapped IPv6 address *is* its IPv4 address, and a network of mapped addresses is the IPv4 network. Otherwise
//! the families don't mix: `::/0` holds no IPv4 address.

use std::any::Any;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use cel::common::types::{CelString, LIST_TYPE, STRING_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Context, DeclarationError, Env, ExecutionError};
use ipnet::{IpNet, Ipv4Net};

type Result<T> = std::result::Result<T, ExecutionError>;

/// The context that every evaluation's scope hangs from: functions, no variables.
pub(super) fn root() -> &'static Context<'static, 'static> {
    static ROOT: LazyLock<Context<'static, 'static>> = LazyLock::new(|| {
        let mut env = Env::stdlib();
        // A declaration that clashed would leave its function out, and evaluations that call it would err, which denies.
        // A test holds that none does.
        let _ = declare(&mut env);
        Context::with_env(Arc::new(env))
    });
    &ROOT
}

/// A function's name as called, and its number of arguments, the target not counted.
pub(super) type Signature = (&'static str, usize);

/// The functions that expressions may call as `f(x)`.
pub(super) const GLOBAL: [Signature; 8] =
    [("size", 1), ("string", 1), ("int", 1), ("double", 1), ("ip", 1), ("cidr", 1), ("isIP", 1), ("isCIDR", 1)];

/// The functions that expressions may call as `x.f(y)`.
pub(super) const MEMBER: [Signature; 7] = [
    ("size", 0),
    ("contains", 1),
    ("startsWith", 1),
    ("endsWith", 1),
    ("containsIP", 1),
    ("containsCIDR", 1),
    ("join", 1),
];

/// The functions of the namespace `sets`.
pub(super) const SETS: [(&str, &str); 3] =
    [("contains", "sets.contains"), ("equivalent", "sets.equivalent"), ("intersects", "sets.intersects")];

fn declare(env: &mut Env) -> std::result::Result<(), DeclarationError> {
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
    env.add_member_overload("join", "list_join", list(), vec![text()], join)?;
    env.add_overload("sets.contains", "list_sets_contains", vec![list(), list()], |args| {
        Ok(truth(holds_all(arg(&args, 0)?, arg(&args, 1)?)?))
    })?;
    env.add_overload("sets.equivalent", "list_sets_equivalent", vec![list(), list()], |args| {
        let (a, b) = (arg(&args, 0)?, arg(&args, 1)?);
        Ok(truth(holds_all(a, b)? && holds_all(b, a)?))
    })?;
    env.add_overload("sets.intersects", "list_sets_intersects", vec![list(), list()], |args| {
        let container = arg(&args, 1)?.as_container().ok_or_else(not_a_list)?;
        for_each(arg(&args, 0)?, |item| container.contains(item)).map(truth)
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

/// `list.join(separator)`, for messages.
fn join<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>> {
    let separator = string(&args, 1)?;
    let mut joined = String::new();
    let mut first = true;
    for_each(arg(&args, 0)?, |item| {
        let text = item.downcast_ref::<CelString>().ok_or_else(|| error("join", "not a list of strings"))?;
        if !std::mem::take(&mut first) {
            joined.push_str(separator);
        }
        joined.push_str(text.inner());
        Ok(false)
    })?;
    Ok(CowVal::owned(CelString::from(joined)))
}

fn holds_all(list: &dyn Val, wanted: &dyn Val) -> Result<bool> {
    let container = list.as_container().ok_or_else(not_a_list)?;
    for_each(wanted, |item| Ok(!container.contains(item)?)).map(|missing| !missing)
}

/// Visits a list's items until one answers true.
fn for_each(list: &dyn Val, mut visit: impl FnMut(&dyn Val) -> Result<bool>) -> Result<bool> {
    let mut items = list.as_iterable().ok_or_else(not_a_list)?.iter();
    while let Some(item) = items.next() {
        if visit(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn arg<'s, 'b, 'v>(args: &'s [CowVal<'b, 'v>], index: usize) -> Result<&'s (dyn Val + 'v)> {
    args.get(index).map(|arg| &**arg).ok_or(ExecutionError::MissingArgumentOrTarget)
}

fn string<'s>(args: &'s [CowVal<'_, '_>], index: usize) -> Result<&'s str> {
    let text = arg(args, index)?.downcast_ref::<CelString>().ok_or_else(|| error("string", "not a string"))?;
    Ok(text.inner())
}

fn truth<'b, 'v>(truth: bool) -> CowVal<'b, 'v> {
    CowVal::Borrowed(if truth { &super::values::TRUE } else { &super::values::FALSE })
}

/// Never says what the value was.
fn error(function: &str, message: &str) -> ExecutionError {
    ExecutionError::function_error(function, message)
}

fn not_a_list() -> ExecutionError {
    error("list", "not a list")
}

/// An address without zone, port or brackets; a mapped one as IPv4.
fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// A network, `address/length`; one of mapped addresses as IPv4.
fn parse_cidr(text: &str) -> Option<IpNet> {
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

macro_rules! plain_value {
    ($type:ident, $name:literal) => {
        impl Val for $type {
            fn get_type(&self) -> &Type {
                Self::cel_type()
            }

            fn cel_type() -> &'static Type {
                static TYPE: Type = Type::new_unspecified_type($name);
                &TYPE
            }

            fn equals(&self, other: &dyn Val) -> bool {
                other.downcast_ref::<Self>().is_some_and(|other| self == other)
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
                Box::new(*self)
            }

            fn as_any(&self) -> Option<&dyn Any> {
                Some(self)
            }
        }

        impl StaticVal for $type {}
    };
}

plain_value!(Ip, "net.IP");
plain_value!(Cidr, "net.CIDR");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_do_not_clash() {
        assert_eq!(declare(&mut Env::stdlib()), Ok(()));
    }

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
