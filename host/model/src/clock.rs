//! Wall time, which the dev clock can move, and monotonic time, which it can't.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant of wall time: Unix time in milliseconds. Written as RFC 3339 in UTC (`2026-01-01T00:00:00.000Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From Unix time in milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Unix time in milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads a date as HTTP writes it (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let instant = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Self(instant.as_millisecond()))
    }

    /// This instant moved forward, saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        Ok(Self(instant.as_millisecond()))
    }
}

/// Not an RFC 3339 date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date and time in RFC 3339 form, such as `2026-01-31T12:00:00Z`, up to the year 9998")]
pub struct TimestampError;

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "An instant in RFC 3339 form, to the millisecond.",
            "examples": ["2026-01-31T12:00:00.000Z"],
        })
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The seam through which all time comes.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Wall time, the dev offset included.
    fn now(&self) -> Timestamp;

    /// Wall time as the machine tells it, without the dev offset: what is compared with another machine's clock.
    fn machine_now(&self) -> Timestamp;

    /// Time since some fixed start. Never moved by the dev clock: freshness, leases and time-outs run on it.
    fn monotonic(&self) -> Duration;

    /// Processor time that the calling thread has taken so far: what somebody's work is charged by, since what a busy machine
    /// adds to it is nobody's fault.
    fn thread_time(&self) -> Duration;

    /// Sets how far wall time runs ahead of the machine's. It never comes nearer again. Only a dev host calls it.
    fn set_offset(&self, offset: Duration);
}

/// The machine's clock plus an offset, which is zero unless a dev host moves it.
#[derive(Debug)]
pub struct SystemClock {
    offset_millis: AtomicI64,
    start: std::time::Instant,
}

impl SystemClock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, clippy::new_without_default, reason = "this is the one door to ambient time")]
    pub fn new() -> Self {
        Self { offset_millis: AtomicI64::new(0), start: std::time::Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.machine_now().0.saturating_add(self.offset_millis.load(Ordering::Relaxed)))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one door to ambient time")]
    fn machine_now(&self) -> Timestamp {
        Timestamp(0).plus(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn thread_time(&self) -> Duration {
        let taken = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(taken).unwrap_or_default()
    }

    fn set_offset(&self, offset: Duration) {
        self.offset_millis.fetch_max(Timestamp(0).plus(offset).0, Ordering::Relaxed);
    }
}

/// A clock that stands still until it is told to move; for tests.
#[derive(Debug)]
pub struct ManualClock {
    start: Timestamp,
    elapsed_millis: AtomicI64,
    stepped_back_millis: AtomicI64,
    offset_millis: AtomicI64,
}

impl ManualClock {
    /// A clock standing at `start`.
    pub const fn new(start: Timestamp) -> Self {
        Self {
            start,
            elapsed_millis: AtomicI64::new(0),
            stepped_back_millis: AtomicI64::new(0),
            offset_millis: AtomicI64::new(0),
        }
    }

    /// Moves wall time back, as a correction of the machine's clock does; monotonic time stands.
    pub fn step_back(&self, by: Duration) {
        self.stepped_back_millis.fetch_add(Timestamp(0).plus(by).0, Ordering::SeqCst);
    }

    /// Moves wall and monotonic time forward.
    pub fn advance(&self, by: Duration) {
        self.elapsed_millis.fetch_add(Timestamp(0).plus(by).0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.machine_now().0 + self.offset_millis.load(Ordering::SeqCst))
    }

    fn machine_now(&self) -> Timestamp {
        let elapsed = self.elapsed_millis.load(Ordering::SeqCst) - self.stepped_back_millis.load(Ordering::SeqCst);
        Timestamp(self.start.0 + elapsed)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.elapsed_millis.load(Ordering::SeqCst)).unwrap_or_default())
    }

    fn thread_time(&self) -> Duration {
        self.monotonic()
    }

    fn set_offset(&self, offset: Duration) {
        self.offset_millis.fetch_max(Timestamp(0).plus(offset).0, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_what_it_writes() {
        let instant = Timestamp::from_millis(1_767_225_600_123);
        assert_eq!(instant.to_string(), "2026-01-01T00:00:00.123Z");
        assert_eq!(instant.to_string().parse(), Ok(instant));
        assert_eq!("2026-01-01".parse::<Timestamp>(), Err(TimestampError));
    }

    #[test]
    fn a_thread_is_charged_for_what_it_does_and_not_for_waiting() {
        let clock = SystemClock::new();
        let (began, asked) = (clock.thread_time(), clock.monotonic());
        std::thread::spawn(|| while SystemClock::new().thread_time() < Duration::from_millis(20) {}).join().unwrap();
        assert!(clock.monotonic() - asked >= Duration::from_millis(20));
        assert!(clock.thread_time() - began < Duration::from_millis(20), "the other thread's work");
    }

    #[test]
    fn the_dev_offset_moves_wall_time_alone() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        clock.set_offset(Duration::from_secs(90));
        assert_eq!(clock.now(), Timestamp::from_millis(91_000));
        assert_eq!(clock.machine_now(), Timestamp::from_millis(1_000));
        assert_eq!(clock.monotonic(), Duration::ZERO);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.monotonic(), Duration::from_secs(1));
    }
}
