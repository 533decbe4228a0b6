//! Meters: how much of a quota is used, over a sliding window, by several hosts.
//!
//! Time is cut into slots of a quarter of a second. A window of *w* slots is judged by the current slot and the *w* before
//! it, so that in no window of the stated length, wherever it begins, more than the limit is allowed; a client that stays
//! under the limit over window + one slot is never refused.
//!
//! A host does not ask the store for every request: it **leases** a block of permits and counts by itself. The store's
//! [`MeterRecord`] holds what was used, by slot, and the leases that are out. A lease that was lost with its host counts as
//! used at its end: never too little.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::Quota;
use crate::clock::Timestamp;

/// Milliseconds of a slot.
pub const SLOT_MILLIS: i64 = 250;
/// Slots that a lease lasts: five seconds.
const LEASE_SLOTS: i64 = 20;
/// A lease is this part of the limit.
const LEASES_PER_LIMIT: u32 = 20;

/// Number of a slot: Unix time cut into quarters of a second.
pub type Slot = i64;

/// The slot of an instant.
pub const fn slot_at(now: Timestamp) -> Slot {
    now.as_millis().div_euclid(SLOT_MILLIS)
}

/// Uses by slot, oldest first, in one sliding window.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Window {
    uses: VecDeque<(Slot, u32)>,
    #[serde(skip)]
    total: u32,
}

impl Window {
    /// Uses that count at `now` in a window of `quota`'s length.
    pub fn used(&mut self, quota: Quota, now: Slot) -> u32 {
        while let Some((slot, count)) = self.uses.front().copied() {
            if slot >= now - slots(quota) {
                break;
            }
            self.total = self.total.saturating_sub(count);
            self.uses.pop_front();
        }
        self.total
    }

    /// Counts uses. Slots may come in any order.
    pub fn add(&mut self, slot: Slot, count: u32) {
        if count == 0 {
            return;
        }
        self.total = self.total.saturating_add(count);
        let at = self.uses.iter().rposition(|(other, _)| *other <= slot);
        match at.and_then(|at| self.uses.get_mut(at)) {
            Some((other, uses)) if *other == slot => *uses = uses.saturating_add(count),
            _ => self.uses.insert(at.map_or(0, |at| at + 1), (slot, count)),
        }
    }

    /// The first slot in which the oldest use has left.
    fn frees_at(&self, quota: Quota) -> Option<Slot> {
        self.uses.front().map(|(slot, _)| slot + slots(quota) + 1)
    }

    fn restore_total(&mut self) {
        self.total = self.uses.iter().fold(0, |sum: u32, (_, count)| sum.saturating_add(*count));
    }
}

const fn slots(quota: Quota) -> i64 {
    quota.window_seconds as i64 * 1000 / SLOT_MILLIS
}

/// A block of permits that a host may hand out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Whose.
    pub host: String,
    /// How many.
    pub granted: u32,
    /// The last slot in which they may be used.
    pub until: Slot,
}

/// What the store keeps of a meter.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MeterRecord {
    window: Window,
    leases: Vec<Lease>,
}

impl MeterRecord {
    /// Reads a record.
    ///
    /// # Errors
    /// When the bytes are not one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let mut record: Self = serde_json::from_slice(bytes)?;
        record.window.restore_total();
        Ok(record)
    }

    /// Takes `host`'s old lease back, counts what it used, and grants it a new lease, perhaps of nothing.
    pub fn renew(&mut self, quota: Quota, host: &str, used: &[(Slot, u32)], now: Slot) -> Lease {
        self.take_back(host, used, now);
        let out = self.leases.iter().fold(0, |sum: u32, lease| sum.saturating_add(lease.granted));
        let free = quota.limit.saturating_sub(self.window.used(quota, now)).saturating_sub(out);
        let block = quota.limit.div_ceil(LEASES_PER_LIMIT);
        let lease = Lease { host: host.to_owned(), granted: free.min(block), until: now + LEASE_SLOTS };
        if lease.granted > 0 {
            self.leases.push(lease.clone());
        }
        lease
    }

    /// Takes `host`'s lease back and counts what it used.
    pub fn take_back(&mut self, host: &str, used: &[(Slot, u32)], now: Slot) {
        for lease in std::mem::take(&mut self.leases) {
            if lease.host == host {
                continue;
            }
            if lease.until < now {
                // INVARIANT: a lost lease may have been used up to its last slot, so it counts there, in full.
                self.window.add(lease.until, lease.granted);
            } else {
                self.leases.push(lease);
            }
        }
        for (slot, count) in used {
            self.window.add(*slot, *count);
        }
    }
}

/// How much is left, for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Quota")]
pub struct QuotaView {
    /// Requests allowed in any window.
    pub limit: u32,
    /// Requests left now.
    pub remaining: u32,
    /// Seconds until more are left than now (when none are: until the next is allowed).
    pub reset_seconds: u64,
}

/// A host's side of one meter. Its owner guards it with a lock that is never held across an await.
#[derive(Debug)]
pub struct HostMeter {
    quota: Quota,
    attempts_limit: u32,
    // Everything known: what the store had at the last renewal, and what this host has used since.
    window: Window,
    // Used since the last renewal; not in the store yet.
    unreported: Vec<(Slot, u32)>,
    left: u32,
    until: Slot,
    // Other hosts' leases, as of the last renewal.
    elsewhere: u32,
    // Nothing can be free before this slot.
    blocked_before: Slot,
    attempts: Window,
    // Wall time may step back; slots never do.
    latest: Slot,
}

/// What a meter says to one use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Counted.
    Allowed(QuotaView),
    /// The quota is exhausted.
    Exhausted(QuotaView),
    /// A new lease is needed to tell.
    NeedsLease,
}

impl HostMeter {
    /// A meter of which nothing is known yet.
    pub fn new(quota: Quota, attempts_factor: u32) -> Self {
        Self {
            quota,
            attempts_limit: quota.limit.saturating_mul(attempts_factor.max(1)),
            window: Window::default(),
            unreported: Vec::new(),
            left: 0,
            until: Slot::MIN,
            elsewhere: 0,
            blocked_before: Slot::MIN,
            attempts: Window::default(),
            latest: Slot::MIN,
        }
    }

    fn tick(&mut self, now: Timestamp) -> Slot {
        self.latest = self.latest.max(slot_at(now));
        self.latest
    }

    /// Counts an attempt before anything is decided.
    ///
    /// # Errors
    /// The quota, when it is known to be exhausted or when there are too many attempts: then nothing need be decided.
    pub fn attempt(&mut self, now: Timestamp) -> Result<(), QuotaView> {
        let slot = self.tick(now);
        if self.attempts.used(self.quota, slot) >= self.attempts_limit {
            let free = self.attempts.frees_at(self.quota).unwrap_or(slot);
            return Err(QuotaView { limit: self.quota.limit, remaining: 0, reset_seconds: seconds_until(free, now) });
        }
        self.attempts.add(slot, 1);
        if slot < self.blocked_before && !self.may_use(slot) { Err(self.view(now)) } else { Ok(()) }
    }

    /// Counts a use of the quota.
    pub fn consume(&mut self, now: Timestamp) -> Use {
        let slot = self.tick(now);
        if self.may_use(slot) {
            self.left -= 1;
            self.count(slot);
            return Use::Allowed(self.view(now));
        }
        if slot < self.blocked_before { Use::Exhausted(self.view(now)) } else { Use::NeedsLease }
    }

    /// Counts a use without a lease, because the store can't be asked: against the whole limit, less what this host knows to
    /// be used. Several hosts that do so may together allow more than the limit.
    pub fn consume_alone(&mut self, now: Timestamp) -> Use {
        let slot = self.tick(now);
        if self.window.used(self.quota, slot) >= self.quota.limit {
            return Use::Exhausted(self.view(now));
        }
        // What has left the window need not be reported any more, however long the store stays away.
        let oldest = slot - slots(self.quota);
        self.unreported.retain(|(of, _)| *of >= oldest);
        self.count(slot);
        Use::Allowed(self.view(now))
    }

    fn count(&mut self, slot: Slot) {
        self.window.add(slot, 1);
        match self.unreported.last_mut() {
            Some((last, count)) if *last == slot => *count += 1,
            _ => self.unreported.push((slot, 1)),
        }
    }

    const fn may_use(&self, slot: Slot) -> bool {
        self.left > 0 && slot <= self.until
    }

    /// Whether the lease has ended with something to tell the store.
    pub fn has_ended(&mut self, now: Timestamp) -> bool {
        let slot = self.tick(now);
        slot > self.until && self.holds()
    }

    /// Whether it has something that the store ought to know.
    pub fn holds(&self) -> bool {
        self.left > 0 || !self.unreported.is_empty()
    }

    /// Whether nothing would be lost by forgetting it.
    pub fn is_idle(&mut self, now: Timestamp) -> bool {
        let slot = self.tick(now);
        slot > self.until && !self.holds() && self.attempts.used(self.quota, slot) == 0
    }

    /// Gives the rest of the lease up and says what was used, by slot. Until [`Self::renewed`] or [`Self::not_renewed`],
    /// nothing is allowed.
    pub fn give_up(&mut self) -> Vec<(Slot, u32)> {
        self.left = 0;
        std::mem::take(&mut self.unreported)
    }

    /// The slot that it is for this meter. Wall time may step back; this never does, so leases are made out from here.
    pub fn slot(&mut self, now: Timestamp) -> Slot {
        self.tick(now)
    }

    /// The store took what [`Self::give_up`] said and granted `lease` (of nothing, when it was only settled).
    pub fn renewed(&mut self, mut record: MeterRecord, lease: Option<&Lease>, now: Timestamp) {
        let slot = self.tick(now);
        let host = lease.map(|lease| lease.host.as_str());
        let others = record.leases.iter().filter(|other| Some(other.host.as_str()) != host);
        self.elsewhere = others.fold(0, |sum: u32, lease| sum.saturating_add(lease.granted));
        // What comes back first: the oldest use leaves the window, or another host's lease ends.
        let lease_end = record.leases.iter().map(|lease| lease.until + 1).min();
        record.window.used(self.quota, slot);
        self.window = std::mem::take(&mut record.window);
        self.left = lease.map_or(0, |lease| lease.granted);
        self.until = lease.map_or(Slot::MIN, |lease| lease.until);
        if lease.is_some() && self.left == 0 {
            let freed = [self.window.frees_at(self.quota), lease_end].into_iter().flatten().min();
            self.blocked_before = freed.unwrap_or(slot + 1);
        }
    }

    /// The store did not take what [`Self::give_up`] said.
    pub fn not_renewed(&mut self, mut used: Vec<(Slot, u32)>) {
        used.append(&mut self.unreported);
        self.unreported = used;
    }

    fn view(&mut self, now: Timestamp) -> QuotaView {
        let used = self.window.used(self.quota, self.latest).saturating_add(self.elsewhere);
        let free = if self.latest < self.blocked_before && !self.may_use(self.latest) {
            Some(self.blocked_before)
        } else {
            self.window.frees_at(self.quota)
        };
        QuotaView {
            limit: self.quota.limit,
            remaining: self.quota.limit.saturating_sub(used),
            reset_seconds: free.map_or(0, |slot| seconds_until(slot, now)),
        }
    }
}

/// Seconds until a slot begins, rounded up; at least one.
fn seconds_until(slot: Slot, now: Timestamp) -> u64 {
    let millis = slot.saturating_mul(SLOT_MILLIS).saturating_sub(now.as_millis());
    u64::try_from(millis).unwrap_or_default().div_ceil(1000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { limit: 100, window_seconds: 60 };

    /// A store and its hosts, in a few lines: what `authority/decide/meter.rs` does with I/O in between.
    struct Bench {
        record: MeterRecord,
        hosts: Vec<HostMeter>,
        now: i64,
    }

    impl Bench {
        fn new(hosts: usize) -> Self {
            let hosts = (0..hosts).map(|_| HostMeter::new(QUOTA, 5)).collect();
            Self { record: MeterRecord::default(), hosts, now: 1_767_225_600_000 }
        }

        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.now)
        }

        fn renew(&mut self, host: usize) {
            let used = self.hosts[host].give_up();
            let lease = self.record.renew(QUOTA, &host.to_string(), &used, slot_at(self.now()));
            let (record, now) = (self.record.clone(), self.now());
            self.hosts[host].renewed(record, Some(&lease), now);
        }

        fn consume(&mut self, host: usize) -> Use {
            let now = self.now();
            match self.hosts[host].consume(now) {
                Use::NeedsLease => {
                    self.renew(host);
                    match self.hosts[host].consume(now) {
                        Use::NeedsLease => unreachable!("a renewal tells"),
                        told => told,
                    }
                }
                told => told,
            }
        }

        fn is_allowed(&mut self, host: usize) -> bool {
            matches!(self.consume(host), Use::Allowed(_))
        }
    }

    #[test]
    fn one_host_allows_exactly_the_limit_in_a_window() {
        let mut bench = Bench::new(1);
        let allowed = (0..250).filter(|_| bench.is_allowed(0)).count();
        assert_eq!(allowed, 100);
        let Use::Exhausted(view) = bench.consume(0) else { panic!("exhausted") };
        assert_eq!((view.limit, view.remaining), (100, 0));
        assert!((60..=61).contains(&view.reset_seconds), "{view:?}");
        bench.now += i64::try_from(view.reset_seconds).unwrap() * 1000;
        assert!(bench.is_allowed(0), "after what the view said");
    }

    #[test]
    fn the_view_counts_down() {
        let mut bench = Bench::new(1);
        let Use::Allowed(view) = bench.consume(0) else { panic!("allowed") };
        assert_eq!((view.limit, view.remaining), (100, 99));
        let Use::Allowed(view) = bench.consume(0) else { panic!("allowed") };
        assert_eq!(view.remaining, 98);
    }

    /// No window of 60 seconds, wherever it begins, holds more than the limit; and a client under the limit over window +
    /// one slot is never refused.
    #[test]
    fn the_window_slides() {
        let mut bench = Bench::new(1);
        let mut allowed: Vec<i64> = Vec::new();
        let mut seed = 7_u64;
        for _ in 0..6_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bench.now += i64::try_from(seed >> 33).unwrap() % 700;
            let recent = allowed.iter().filter(|at| **at > bench.now - 60_000 - SLOT_MILLIS).count();
            let is_allowed = bench.is_allowed(0);
            assert!(is_allowed || recent >= 100, "refused with {recent} in the window");
            if is_allowed {
                allowed.push(bench.now);
            }
        }
        for from in &allowed {
            assert!(allowed.iter().filter(|at| (*from..*from + 60_000).contains(at)).count() <= 100);
        }
    }

    #[test]
    fn several_hosts_share_one_limit_and_can_use_most_of_it() {
        let mut bench = Bench::new(3);
        let allowed = (0..900).filter(|at| bench.is_allowed(at % 3)).count();
        assert!((97..=100).contains(&allowed), "{allowed}");
    }

    #[test]
    fn a_lost_lease_stays_debited_and_comes_back() {
        let mut bench = Bench::new(1);
        let used = (0..3).filter(|_| bench.is_allowed(0)).count();
        bench.hosts.push(HostMeter::new(QUOTA, 5));
        let after = (0..200).filter(|_| bench.is_allowed(1)).count();
        assert!(used + after <= 100 && after == 95, "{used} + {after}");
        bench.now += 61_000 + 5_250;
        assert_eq!((0..200).filter(|_| bench.is_allowed(1)).count(), 100, "all of it, a window after the lease's end");
    }

    #[test]
    fn an_ended_lease_goes_back() {
        let mut bench = Bench::new(2);
        assert!(bench.is_allowed(0));
        bench.now += 6_000;
        let now = bench.now();
        assert!(bench.hosts[0].has_ended(now) && !bench.hosts[0].is_idle(now));
        let used = bench.hosts[0].give_up();
        bench.record.take_back("0", &used, slot_at(now));
        let record = bench.record.clone();
        bench.hosts[0].renewed(record, None, now);
        assert_eq!((0..200).filter(|_| bench.is_allowed(1)).count(), 99);
        bench.now += 61_000;
        let now = bench.now();
        assert!(bench.hosts[0].is_idle(now));
    }

    #[test]
    fn attempts_have_a_limit_of_their_own() {
        let mut bench = Bench::new(1);
        let now = bench.now();
        assert_eq!((0..1_000).filter(|_| bench.hosts[0].attempt(now).is_ok()).count(), 500);
    }

    #[test]
    fn a_failed_renewal_forgets_nothing() {
        let mut bench = Bench::new(1);
        assert!(bench.is_allowed(0));
        let used = bench.hosts[0].give_up();
        bench.hosts[0].not_renewed(used);
        assert_eq!((0..200).filter(|_| bench.is_allowed(0)).count(), 99);
    }

    #[test]
    fn a_record_reads_what_it_writes() {
        let mut bench = Bench::new(1);
        assert!(bench.is_allowed(0));
        bench.renew(0);
        let json = serde_json::to_vec(&bench.record).unwrap();
        let mut read = MeterRecord::from_json(&json).unwrap();
        assert_eq!(read.window.used(QUOTA, slot_at(bench.now())), 1);
        assert_eq!(read.leases, bench.record.leases);
    }
}
