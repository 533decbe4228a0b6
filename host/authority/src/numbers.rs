//! Metrics of decisions, and of what the store forgets. Handles are looked up once: a decision only adds.

use metrics::{Counter, counter, describe_counter, describe_gauge};

/// The counters, above all those that the hot path adds to.
#[derive(Clone)]
pub(crate) struct Numbers {
    pub(crate) allowed: Counter,
    pub(crate) cached: Counter,
    pub(crate) read: Counter,
    pub(crate) malformed: Counter,
    pub(crate) unknown: Counter,
    pub(crate) throttled: Counter,
    pub(crate) stale: Counter,
    pub(crate) forgotten: Counter,
    pub(crate) not_fresh: Counter,
}

impl std::fmt::Debug for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Numbers")
    }
}

impl Numbers {
    pub(crate) fn new() -> Self {
        describe_counter!("access_decisions_total", "Decisions, by decision and code of the first reason");
        describe_counter!("access_identifications_total", "Presented secrets, by how they were looked up");
        describe_counter!("access_records_forgotten_total", "Records past their time that were deleted from the store");
        describe_counter!("access_events_total", "Events that left the outbox, by kind");
        describe_counter!(
            "access_store_not_fresh_seconds_total",
            "Seconds in which this host could not believe what it remembers"
        );
        describe_counter!(
            "access_changes_awaited_total",
            "Changes that every host was waited for with, by what came of it"
        );
        describe_gauge!(
            "access_changes_lag_milliseconds",
            "Milliseconds from the last such change until every host had taken it in"
        );
        let identified = |by: &'static str| counter!("access_identifications_total", "by" => by);
        Self {
            allowed: counter!("access_decisions_total", "decision" => "allow", "code" => ""),
            cached: identified("cache"),
            read: identified("store"),
            malformed: identified("malformed"),
            unknown: identified("unknown"),
            throttled: identified("throttled"),
            stale: identified("stale"),
            forgotten: counter!("access_records_forgotten_total"),
            not_fresh: counter!("access_store_not_fresh_seconds_total"),
        }
    }

    /// Counts a denial. Codes come from the catalog's policies, so they are few.
    #[expect(clippy::unused_self, reason = "beside its sisters")]
    pub(crate) fn denied(&self, code: &str) {
        counter!("access_decisions_total", "decision" => "deny", "code" => code.to_owned()).increment(1);
    }
}
