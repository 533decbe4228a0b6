//! A Redis Cluster of one's own: primaries with replicas, which fail over within seconds, and slots that are moved at will.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use tempfile::TempDir;

use crate::asking::wait_until;
use crate::proxy::Proxy;
use crate::redis::{Redis, Reply, free_port, temporary};

/// How each of its servers is set: as operators are told to, and quick to notice that another is gone. A primary that is lost takes
/// nobody else down.
const SETTINGS: [&str; 12] = [
    "--cluster-enabled",
    "yes",
    "--cluster-node-timeout",
    "4000",
    "--cluster-require-full-coverage",
    "no",
    "--min-replicas-to-write",
    "1",
    "--min-replicas-max-lag",
    "3",
    "--repl-diskless-sync-delay",
    "0",
];
const SLOTS: usize = 16_384;
/// So many servers are named in its URL.
const SEEDS: usize = 4;

/// What a server announces in place of itself: clients and replicas come by the one, other servers of the cluster by the other.
#[derive(Debug)]
struct Gate {
    clients: Proxy,
    bus: Proxy,
}

/// A cluster. Dropped, it is killed.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Redis>,
    /// Of each, if it has one.
    gates: Vec<Option<Gate>>,
    /// Goes with it.
    _folder: TempDir,
}

impl Cluster {
    /// Three primaries with two replicas each.
    #[track_caller]
    pub fn start() -> Self {
        Self::of(3, 2)
    }

    /// So many primaries with so many replicas each; waits until all of them are in order.
    #[track_caller]
    pub fn of(primaries: usize, replicas: usize) -> Self {
        Self::made(primaries, replicas, false)
    }

    /// Three primaries with two replicas each, for [`Self::cut_off`].
    #[track_caller]
    pub fn with_gates() -> Self {
        Self::made(3, 2, true)
    }

    #[track_caller]
    fn made(primaries: usize, replicas: usize, has_gates: bool) -> Self {
        let folder = temporary();
        let count = primaries * (1 + replicas);
        let node = |number: usize| {
            let bus = free_port();
            let at = bus.to_string();
            let options = [&SETTINGS[..], &["--cluster-port", &at]].concat();
            let node = Redis::start_with(&folder.path().join(number.to_string()), &options);
            node.done(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
            let gate = (has_gates && number < primaries).then(|| Gate::before(&node, bus));
            (node, bus, gate)
        };
        let made: Vec<_> = (0..count).map(node).collect();
        for (node, bus, gate) in &made[1..] {
            let ports = gate.as_ref().map_or([node.address().port(), *bus], Gate::ports);
            let [port, bus] = ports.map(|port| port.to_string());
            made[0].0.done(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let (nodes, gates): (Vec<_>, Vec<_>) = made.into_iter().map(|(node, _, gate)| (node, gate)).unzip();
        for (number, node) in nodes[..primaries].iter().enumerate() {
            let (first, next) = (number * SLOTS / primaries, (number + 1) * SLOTS / primaries);
            node.done(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(next - 1).to_string()]);
        }
        let known = format!("cluster_known_nodes:{count}\r\n");
        wait_until("all nodes know each other", || nodes.iter().all(|node| node.says(&["CLUSTER", "INFO"], &known)));
        for (number, replica) in nodes[primaries..].iter().enumerate() {
            let primary = id(&nodes[number % primaries]);
            wait_until("a replica knows its primary", || {
                replica.command(&["CLUSTER", "REPLICATE", &primary]) == Reply::Text("OK".to_owned())
            });
        }
        let this = Self { nodes, gates, _folder: folder };
        this.wait_until_whole(primaries, replicas);
        // A replica counts as good a second before it is sent anything: who dies within that second takes everything along.
        let count = replicas.to_string();
        let all_have = Reply::Number(i64::try_from(replicas).expect("a few"));
        for primary in &this.nodes[..primaries] {
            wait_until("replicas are sent what is written", || {
                let replies = primary.commands(&[&["FUNCTION", "FLUSH"], &["WAIT", &count, "1000"]]);
                replies.is_ok_and(|replies| replies.last() == Some(&all_have))
            });
        }
        this
    }

    /// Waits until so many primaries have so many replicas each, and all agree.
    #[track_caller]
    pub fn wait_until_whole(&self, primaries: usize, replicas: usize) {
        let all = "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\n";
        wait_until("the cluster is whole", || {
            let living: Vec<_> = self.living().collect();
            let good = format!("min_slaves_good_slaves:{replicas}");
            let in_order = |node: &&&Redis| {
                node.says(&["INFO", "replication"], "role:master") && node.says(&["INFO", "replication"], &good)
            };
            living.iter().all(|node| node.says(&["CLUSTER", "INFO"], all))
                && living.iter().filter(in_order).count() == primaries
                && living.windows(2).all(|pair| holders(pair[0]) == holders(pair[1]))
        });
    }

    /// All its servers, living or not.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Its servers that answer.
    pub fn living(&self) -> impl Iterator<Item = &Redis> {
        self.nodes.iter().filter(|node| node.commands(&[&["PING"]]).is_ok())
    }

    /// Its URL, with a few of its servers.
    pub fn url(&self) -> String {
        url_of(self.known().map(|(_, known)| known))
    }

    /// All its servers, each with where others know it to be.
    pub(crate) fn known(&self) -> impl Iterator<Item = (&Redis, SocketAddr)> {
        self.nodes
            .iter()
            .zip(&self.gates)
            .map(|(node, gate)| (node, gate.as_ref().map_or(node.address(), |gate| gate.clients.address())))
    }

    /// The server that holds a key, as the others see it.
    #[track_caller]
    pub fn holder_of(&self, key: &str) -> &Redis {
        let asked = self.living().next().expect("somebody lives");
        let slot = asked.command(&["CLUSTER", "KEYSLOT", key]).number().expect("a slot");
        let held = holders(asked);
        let (_, port) = held.range(..=slot).next_back().expect("somebody holds it");
        let mut known = self.known();
        known.find(|(_, known)| i64::from(known.port()) == *port).map(|(node, _)| node).expect("it is one of them")
    }

    /// A primary that does not hold a key.
    #[track_caller]
    pub fn another_primary(&self, key: &str) -> &Redis {
        let holder = self.holder_of(key).address();
        let is_other = |node: &&Redis| node.address() != holder && node.says(&["INFO", "replication"], "role:master");
        self.living().find(is_other).expect("there is another primary")
    }

    /// Cuts a primary off from all other servers, and from whoever comes by what it announces, in a cluster [`Self::with_gates`]. It
    /// has forgotten the others, so that it never finds out that it is in a minority: all that it can go by is that no replica
    /// answers any more.
    #[track_caller]
    pub fn cut_off(&self, primary: &Redis) {
        for other in self.nodes.iter().filter(|node| node.address() != primary.address()) {
            primary.done(&["CLUSTER", "FORGET", &id(other)]);
        }
        let number = self.nodes.iter().position(|node| node.address() == primary.address());
        let gate = number.and_then(|number| self.gates[number].as_ref()).expect("it has a gate");
        gate.clients.black_hole();
        gate.bus.black_hole();
    }

    /// Moves the slot of a key to another server, as `redis-cli --cluster reshard` does.
    #[track_caller]
    pub fn move_slot(&self, key: &str, to: &Redis) {
        let from = self.holder_of(key);
        let slot = from.command(&["CLUSTER", "KEYSLOT", key]).number().expect("a slot").to_string();
        let (from_id, to_id, port) = (id(from), id(to), to.address().port().to_string());
        to.done(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
        from.done(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
        loop {
            let Reply::List(keys) = from.command(&["CLUSTER", "GETKEYSINSLOT", &slot, "10"]) else { panic!("keys") };
            let keys = keys.iter().map(|key| if let Reply::Text(key) = key { key } else { panic!("a key") });
            let keys: Vec<&str> = keys.map(String::as_str).collect();
            if keys.is_empty() {
                break;
            }
            let migrate = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            // A key may be gone by itself.
            let moved = from.command(&[&migrate, &keys[..]].concat());
            assert!(matches!(&moved, Reply::Text(text) if text == "OK" || text == "NOKEY"), "{moved:?}");
        }
        for node in [to, from] {
            node.done(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
        }
        wait_until("everybody knows where the slot is", || {
            let port = i64::from(to.address().port());
            let number: i64 = slot.parse().expect("a number");
            self.living().all(|node| holders(node).range(..=number).next_back().is_some_and(|(_, at)| *at == port))
        });
    }
}

impl Gate {
    /// Has a server announce it. The server listens to others of its cluster at the port `bus`.
    #[track_caller]
    fn before(node: &Redis, bus: u16) -> Self {
        let bus = Proxy::before(SocketAddr::from((Ipv4Addr::LOCALHOST, bus)));
        let this = Self { clients: Proxy::before(node.address()), bus };
        let [clients, bus] = this.ports().map(|port| port.to_string());
        node.done(&["CONFIG", "SET", "cluster-announce-port", &clients, "cluster-announce-bus-port", &bus]);
        this
    }

    fn ports(&self) -> [u16; 2] {
        [&self.clients, &self.bus].map(|proxy| proxy.address().port())
    }
}

/// The URL of the cluster whose servers are found there.
pub(crate) fn url_of(servers: impl Iterator<Item = SocketAddr>) -> String {
    let seeds: Vec<_> = servers.take(SEEDS).map(|server| server.to_string()).collect();
    format!("redis-cluster://{}", seeds.join(","))
}

/// A server's id in its cluster.
#[track_caller]
fn id(node: &Redis) -> String {
    match node.command(&["CLUSTER", "MYID"]) {
        Reply::Text(id) => id,
        other => panic!("{other:?}"),
    }
}

/// By first slot, the port of the primary, as a server sees it.
fn holders(node: &Redis) -> BTreeMap<i64, i64> {
    let Ok(replies) = node.commands(&[&["CLUSTER", "SLOTS"]]) else { return BTreeMap::new() };
    let Some(Reply::List(ranges)) = replies.into_iter().next() else { return BTreeMap::new() };
    let holder = |range: Reply| {
        let Reply::List(parts) = range else { return None };
        let Reply::List(primary) = parts.get(2)? else { return None };
        Some((parts.first()?.number()?, primary.get(1)?.number()?))
    };
    ranges.into_iter().filter_map(holder).collect()
}
