//! Where Redis is: one server, the primary that sentinels name, or a cluster. The one place that reads its URL.

use std::fmt;
use std::path::PathBuf;

use redis::{
    Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo, RedisError, RedisResult,
    TlsCertificates,
};

use crate::error::OpenError;
use crate::options::Options;

/// Where sentinels listen when the URL doesn't say.
const SENTINEL_PORT: u16 = 26_379;
/// Where servers do.
const PORT: u16 = 6_379;

/// Where Redis is, and as whom to come there.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    /// Whom to ask first: the server itself, sentinels, or any nodes of the cluster.
    pub(crate) seeds: Vec<Address>,
    redis: RedisConnectionInfo,
    /// What is believed of servers' certificates. None: plain connections.
    tls: Option<TlsCertificates>,
}

/// What holds the store together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One server.
    Alone,
    /// Sentinels, who know the primary by this name.
    Sentinel {
        /// The primary's name.
        master: String,
    },
    /// A cluster.
    Cluster,
}

/// Where one server listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Address {
    /// Host and port.
    Tcp(String, u16),
    /// Path of a socket.
    Unix(PathBuf),
}

impl Place {
    /// Reads the URL of `options`, and the file of certificates that they name. Nobody is asked.
    pub(crate) fn of(options: &Options) -> Result<Self, OpenError> {
        let root_cert =
            match &options.ca_file {
                Some(path) => Some(std::fs::read(path).map_err(|error| OpenError::CaFile {
                    path: path.display().to_string(),
                    detail: error.to_string(),
                })?),
                None => None,
            };
        let place = Self::parse(options.url.expose(), TlsCertificates { client_tls: None, root_cert })?;
        match (&options.ca_file, &place.tls) {
            (Some(_), None) => {
                return Err(OpenError::Url("a file of certificates is named, and it speaks no TLS".into()));
            }
            (Some(path), Some(_)) => {
                // Certificates are read when a client is made.
                let made = place.seeds.iter().try_for_each(|seed| place.client(seed).map(drop));
                made.map_err(|error| OpenError::CaFile {
                    path: path.display().to_string(),
                    detail: error.to_string(),
                })?;
            }
            (None, _) => {}
        }
        Ok(place)
    }

    fn parse(url: &str, certificates: TlsCertificates) -> Result<Self, OpenError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (kind, is_tls) = match scheme {
            "redis-sentinel" => (Kind::Sentinel { master: String::new() }, false),
            "rediss-sentinel" => (Kind::Sentinel { master: String::new() }, true),
            "redis-cluster" => (Kind::Cluster, false),
            "rediss-cluster" => (Kind::Cluster, true),
            _ => return Self::alone(url, certificates),
        };
        let tls = is_tls.then_some(certificates);
        if rest.contains(['?', '#']) {
            return Err(unusable("it takes neither `?` nor `#`"));
        }
        // A password may hold an `@`, but no `/` that isn't written as `%2F`.
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        let (kind, database, port) = match (kind, path.trim_end_matches('/')) {
            (Kind::Cluster, "" | "0") => (Kind::Cluster, "", PORT),
            (Kind::Cluster, _) => return Err(unusable("a cluster has no databases but 0")),
            (_, path) => {
                let (master, database) = path.split_once('/').unwrap_or((path, ""));
                if master.is_empty() {
                    return Err(unusable("it does not say by which name sentinels know the primary"));
                }
                (Kind::Sentinel { master: master.to_owned() }, database, SENTINEL_PORT)
            }
        };
        let mut seeds = Vec::new();
        let mut redis = None;
        for host in hosts.split(',') {
            let port = if has_port(host) { String::new() } else { format!(":{port}") };
            let at = if user.is_empty() { "" } else { "@" };
            // Each as if it stood alone, so that names, addresses and passwords are read in one way.
            let info = format!("redis://{user}{at}{host}{port}/{database}").into_connection_info().map_err(fixed)?;
            seeds.push(Address::of(info.addr())?);
            redis.get_or_insert_with(|| info.redis_settings().clone());
        }
        let redis = redis.unwrap_or_default().set_protocol(ProtocolVersion::RESP3);
        Ok(Self { kind, seeds, redis, tls })
    }

    fn alone(url: &str, certificates: TlsCertificates) -> Result<Self, OpenError> {
        let info = url.into_connection_info().map_err(fixed)?;
        let tls = match info.addr() {
            ConnectionAddr::TcpTls { insecure: true, .. } => {
                return Err(unusable("a certificate that nobody looks at proves nothing; leave `#insecure` out"));
            }
            ConnectionAddr::TcpTls { .. } => Some(certificates),
            _ => None,
        };
        let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Ok(Self { kind: Kind::Alone, seeds: vec![Address::of(info.addr())?], redis, tls })
    }

    /// A client of the server there, that has not connected yet.
    pub(crate) fn client(&self, address: &Address) -> RedisResult<Client> {
        self.client_as(address, self.redis.clone())
    }

    /// The same, of a sentinel that asks nobody who they are, or of one that does.
    pub(crate) fn client_of_sentinel(&self, address: &Address, is_named: bool) -> RedisResult<Client> {
        let named = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        // It has no databases.
        self.client_as(address, if is_named { self.redis.clone().set_db(0) } else { named })
    }

    /// Whether there is a password.
    pub(crate) fn has_password(&self) -> bool {
        self.redis.password().is_some()
    }

    fn client_as(&self, address: &Address, redis: RedisConnectionInfo) -> RedisResult<Client> {
        let at = match address {
            Address::Tcp(host, port) if self.tls.is_some() => {
                ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
            }
            Address::Tcp(host, port) => ConnectionAddr::Tcp(host.clone(), *port),
            Address::Unix(path) => ConnectionAddr::Unix(path.clone()),
        };
        let info = at.into_connection_info()?;
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let info = info.set_redis_settings(redis).set_tcp_settings(tcp);
        match &self.tls {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }
}

impl Address {
    fn of(address: &ConnectionAddr) -> Result<Self, OpenError> {
        match address {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Ok(Self::Tcp(host.clone(), *port))
            }
            ConnectionAddr::Unix(path) => Ok(Self::Unix(path.clone())),
            _ => Err(unusable("it names no server")),
        }
    }

    /// As Redis writes it in its answers, `HOST:PORT`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        Some(Self::Tcp(host.to_owned(), port.parse().ok()?))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// As an operator would say it: `HOST:PORT`, `the primary NAME of the sentinels at …` or `the cluster at …`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Alone => {}
            Kind::Sentinel { master } => write!(f, "the primary `{master}` of the sentinels at ")?,
            Kind::Cluster => write!(f, "the cluster at ")?,
        }
        for (place, seed) in self.seeds.iter().enumerate() {
            write!(f, "{}{seed}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It knows the password.
        f.debug_struct("Place").field("kind", &self.kind).field("seeds", &self.seeds).finish_non_exhaustive()
    }
}

/// Colons within brackets are an address's own.
fn has_port(host: &str) -> bool {
    host.rsplit_once(']').map_or(host, |(_, rest)| rest).contains(':')
}

fn unusable(why: &str) -> OpenError {
    OpenError::Url(why.to_owned())
}

/// What these errors say is fixed text; the URL is not in it.
fn fixed(error: RedisError) -> OpenError {
    OpenError::Url(error.to_string())
}

#[cfg(test)]
mod tests;
