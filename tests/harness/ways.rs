//! A host's own ways to the servers of a cluster: it can be cut off from any of them, or hear nothing that they announce, while
//! other hosts go on.

use std::net::SocketAddr;

use crate::cluster::Cluster;
use crate::proxy::Proxy;
use crate::redis::Redis;

/// A proxy before each server, of which the host hears in place of the servers. Dropped, they close everything.
#[derive(Debug)]
pub struct Ways {
    servers: Vec<SocketAddr>,
    proxies: Vec<Proxy>,
}

impl Ways {
    /// Ways to all servers of a cluster, which let everything pass.
    pub fn of(cluster: &Cluster) -> Self {
        let servers: Vec<_> = cluster.known().map(|(node, known)| (node.address(), known.port())).collect();
        let proxies = Proxy::before_each(&servers);
        Self { servers: servers.into_iter().map(|(address, _)| address).collect(), proxies }
    }

    /// The cluster's URL, with a few of them.
    pub fn url(&self) -> String {
        crate::cluster::url_of(self.proxies.iter().map(Proxy::address))
    }

    /// All of them.
    pub fn all(&self) -> &[Proxy] {
        &self.proxies
    }

    /// The one to this server.
    #[track_caller]
    pub fn to(&self, node: &Redis) -> &Proxy {
        let mut ways = self.servers.iter().zip(&self.proxies);
        ways.find(|(server, _)| **server == node.address()).map(|(_, way)| way).expect("it is one of the cluster's")
    }
}
