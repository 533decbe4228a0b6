//! The throttle of failed identifications, per gateway and client network.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use access_model::Id;
use access_model::network::client_network;
use ipnet::IpNet;
use quick_cache::sync::Cache;

/// Networks at most that are counted at a time.
const CAPACITY: usize = 65_536;
/// Length of the window.
const WINDOW_SECONDS: u64 = 60;

/// Counts failures in fixed windows of a minute of monotonic time. What it turns away is only looking things up in the
/// store; credentials that are cached go on working for their whole network.
#[derive(Debug)]
pub(crate) struct Throttle {
    limit: u64,
    // The window's number in the upper half, the count in the lower.
    failures: Cache<Source, Arc<AtomicU64>>,
}

/// Where a secret comes from: the gateway that presents it (none: we were asked directly) and the client's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    gateway: Option<Id>,
    network: Option<IpNet>,
}

impl Source {
    pub(crate) fn new(gateway: Option<Id>, client: Option<IpAddr>) -> Self {
        Self { gateway, network: client.map(client_network) }
    }
}

impl Throttle {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit: u64::from(limit), failures: Cache::new(CAPACITY) }
    }

    /// Seconds to wait, when there were too many failures.
    pub(crate) fn is_shut(&self, source: &Source, monotonic: Duration) -> Option<u64> {
        let failures = self.failures.get(source)?.load(Ordering::Relaxed);
        let window = monotonic.as_secs() / WINDOW_SECONDS;
        let shut = failures >> 32 == window && failures & u64::from(u32::MAX) >= self.limit;
        shut.then(|| WINDOW_SECONDS - monotonic.as_secs() % WINDOW_SECONDS)
    }

    /// Counts a failure.
    pub(crate) fn count(&self, source: Source, monotonic: Duration) {
        let window = monotonic.as_secs() / WINDOW_SECONDS;
        let failures = self.failures.get(&source).unwrap_or_else(|| {
            let fresh = Arc::new(AtomicU64::new(0));
            self.failures.insert(source, Arc::clone(&fresh));
            fresh
        });
        let next = |seen: u64| Some(if seen >> 32 == window { seen.saturating_add(1) } else { (window << 32) | 1 });
        // The closure always has an answer.
        let _ = failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shuts_for_one_network_and_opens_with_the_next_window() {
        let throttle = Throttle::new(3);
        let source = |ip: &str| Source::new(None, Some(ip.parse().unwrap()));
        let at = Duration::from_secs;
        for _ in 0..3 {
            assert_eq!(throttle.is_shut(&source("203.0.113.1"), at(70)), None);
            throttle.count(source("203.0.113.9"), at(70));
        }
        assert_eq!(throttle.is_shut(&source("203.0.113.1"), at(70)), Some(50));
        assert_eq!(throttle.is_shut(&source("203.0.114.1"), at(70)), None, "another network");
        assert_eq!(throttle.is_shut(&source("203.0.113.1"), at(120)), None, "the next window");
    }
}
