//! Failures of the store, told once a second: while it is out of reach every request fails in the same way, and a log line
//! for each would fill the disk.

use std::sync::Mutex;

use crate::authority::lock;

static FAILURES: Mutex<Option<Failures>> = Mutex::new(None);

struct Failures {
    count: u64,
    last: String,
}

/// Remembers a failure until [`flush`].
pub(crate) fn store_failed(cause: String) {
    metrics::counter!("access_store_failures_total").increment(1);
    let mut failures = lock(&FAILURES);
    let count = failures.as_ref().map_or(0, |failures| failures.count) + 1;
    *failures = Some(Failures { count, last: cause });
}

/// Logs what has failed since the last time.
pub(crate) fn flush() {
    if let Some(Failures { count, last }) = lock(&FAILURES).take() {
        tracing::error!(count, last, "the store is out of reach");
    }
}
