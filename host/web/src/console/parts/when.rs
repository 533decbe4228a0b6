//! Instants, as people read them and exactly: in UTC, with the zone said, and the instant itself for machines.

use std::fmt;

use access_model::Timestamp;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// An instant, seen from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When {
    at: Timestamp,
    now: Timestamp,
}

impl When {
    /// An instant as it is seen at `now`.
    pub(crate) const fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { at, now }
    }

    /// How far it is: `in 6 days`, `3 hours ago`, `just now`.
    pub(crate) fn distance(&self) -> String {
        let away = self.at.as_millis().saturating_sub(self.now.as_millis());
        let (number, unit) = match away.saturating_abs() {
            ..MINUTE => return "just now".to_owned(),
            far @ ..HOUR => (far / MINUTE, "minute"),
            far @ ..DAY => (far / HOUR, "hour"),
            far => (far / DAY, "day"),
        };
        let plural = if number == 1 { "" } else { "s" };
        if away > 0 { format!("in {number} {unit}{plural}") } else { format!("{number} {unit}{plural} ago") }
    }

    /// Its day: `31 Jan`.
    pub(crate) fn day(&self) -> String {
        self.exactly().split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// To the second, with its zone: `31 Jan 2026, 12:00:05 UTC`.
    pub(crate) fn exactly(&self) -> String {
        let text = self.at.to_string();
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let month = part(5, 7).parse::<usize>().ok().and_then(|number| MONTHS.get(number.wrapping_sub(1)));
        match month {
            Some(month) => {
                format!("{} {month} {}, {} UTC", part(8, 10).trim_start_matches('0'), part(0, 4), part(11, 19))
            }
            None => text,
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time datetime=\"{}\">{}</time>", self.at, self.exactly())
    }
}

impl askama::filters::HtmlSafe for When {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, distance: &str) {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let at = Timestamp::from_millis(now.as_millis() + seconds * 1_000);
        assert_eq!(When::new(at, now).distance(), distance);
    }

    #[test]
    fn instants_are_read_by_people_and_machines() {
        let at: Timestamp = "2026-01-05T09:08:07.654Z".parse().unwrap();
        let shown = When::new(at, at).to_string();
        assert_eq!(shown, "<time datetime=\"2026-01-05T09:08:07.654Z\">5 Jan 2026, 09:08:07 UTC</time>");
        check(0, "just now");
        check(-61, "1 minute ago");
        check(2 * 3_600, "in 2 hours");
        check(-3 * 86_400, "3 days ago");
    }
}
