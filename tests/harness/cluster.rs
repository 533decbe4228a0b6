//! A Redis Cluster of one's own: primaries with replicas, which fail over within seconds, and slots that are moved at will.

use std::collections::BTreeMap;

use tempfile::TempDir;

use crate::asking::wait_until;
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

/// A cluster. Dropped, it is killed.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Redis>,
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
        let folder = temporary();
        let count = primaries * (1 + replicas);
        let node = |number: usize| {
            let bus = free_port().to_string();
            let options = [&SETTINGS[..], &["--cluster-port", &bus]].concat();
            let node = Redis::start_with(&folder.path().join(number.to_string()), &options);
            node.done(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
            (node, bus)
        };
        let made: Vec<_> = (0..count).map(node).collect();
        for (node, bus) in &made[1..] {
            let port = node.address().port().to_string();
            made[0].0.done(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
        }
        let nodes: Vec<_> = made.into_iter().map(|(node, _)| node).collect();
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
        let this = Self { nodes, _folder: folder };
        this.wait_until_whole(primaries, replicas);
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
        let seeds: Vec<_> = self.nodes.iter().take(4).map(|node| node.address().to_string()).collect();
        format!("redis-cluster://{}", seeds.join(","))
    }

    /// The server that holds a key, as the others see it.
    #[track_caller]
    pub fn holder_of(&self, key: &str) -> &Redis {
        let asked = self.living().next().expect("somebody lives");
        let slot = asked.command(&["CLUSTER", "KEYSLOT", key]).number().expect("a slot");
        let held = holders(asked);
        let (_, port) = held.range(..=slot).next_back().expect("somebody holds it");
        self.nodes.iter().find(|node| i64::from(node.address().port()) == *port).expect("it is one of them")
    }

    /// A primary that does not hold a key.
    #[track_caller]
    pub fn another_primary(&self, key: &str) -> &Redis {
        let holder = self.holder_of(key).address();
        let is_other = |node: &&Redis| node.address() != holder && node.says(&["INFO", "replication"], "role:master");
        self.living().find(is_other).expect("there is another primary")
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
