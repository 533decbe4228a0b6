//! Waiting until every host on one Redis has taken in what was changed through any of them.

use std::collections::BTreeMap;

use crate::flood::stopwatch;
use crate::http::Client;
use crate::node::Node;
use crate::process::PATIENCE;
use crate::setup::Setup;

/// Homes in a store.
const SHARDS: usize = 16;
/// The number of the last commit of a shard that a host has taken in.
const APPLIED: &str = "access_store_applied";

/// The hosts on one Redis.
#[derive(Debug)]
pub struct Together {
    setup: Setup,
    scrapers: Vec<Client>,
}

impl Together {
    pub(crate) fn of(nodes: &[Node], setup: &Setup) -> Self {
        let scraper = |node: &Node| Client::new(node.metrics(), setup.metrics_token());
        Self { setup: setup.clone(), scrapers: nodes.iter().map(scraper).collect() }
    }

    /// Waits until all have taken in what was announced until now. Whoever is gone is not waited for, and nobody is while
    /// Redis is down.
    #[track_caller]
    pub fn wait(&self) {
        let Some(announced) = self.announced() else { return };
        let watch = stopwatch();
        for scraper in &self.scrapers {
            while let Some(applied) = applied(scraper) {
                let behind: Vec<_> = (0..SHARDS).filter(|&shard| applied.get(&shard) < announced.get(&shard)).collect();
                if behind.is_empty() {
                    break;
                }
                assert!(watch() < PATIENCE, "shards {behind:?} were waited for in vain; {announced:?}, {applied:?}");
                std::thread::yield_now();
            }
        }
    }

    /// By shard, the number of the last commit that was announced.
    fn announced(&self) -> Option<BTreeMap<usize, i64>> {
        let keys: Vec<_> = (0..SHARDS).map(|shard| format!("access:{{s{shard:02}}}:state")).collect();
        let commands: Vec<_> = keys.iter().map(|key| ["HGET", key, "announced"]).collect();
        let commands: Vec<&[&str]> = commands.iter().map(|words| words.as_slice()).collect();
        let replies = self.setup.redis().commands(&commands).ok()?;
        Some((0..).zip(&replies).filter_map(|(shard, reply)| Some((shard, reply.number()?))).collect())
    }
}

/// By shard, what a host has taken in. None: it does not answer.
fn applied(scraper: &Client) -> Option<BTreeMap<usize, i64>> {
    let scraped = scraper.try_send(&crate::http::Request::new("GET", "/metrics")).ok()?;
    assert_eq!(scraped.status, 200, "{scraped:?}");
    let of_shard = |line: &str| {
        let (shard, value) = line.strip_prefix(APPLIED)?.strip_prefix("{shard=\"")?.split_once("\"} ")?;
        Some((shard.parse().ok()?, value.parse::<f64>().ok()? as i64))
    };
    Some(scraped.body.lines().filter_map(of_shard).collect())
}
