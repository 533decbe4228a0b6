//! Points in time and durations, as cel-spec has them, in whole milliseconds. Time zones are fixed offsets only: a named
//! zone's rules change with the machine's data, and a decision must not.

use std::cmp::Ordering;

use cel::common::traits::{Adder, Comparer, Subtractor};
use cel::common::types::{CelInt, CelString, INT_TYPE, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::{Result, arg, error, plain_value, string};

/// 0001-01-01T00:00:00Z and 9999-12-30T22:00:00Z, Unix time in milliseconds: the range of timestamps, but for the last hours
/// of cel-spec's, which not every offset could show.
const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_207_200_000;

/// The longest duration, as in cel-spec: about 10,000 years.
const LONGEST: i64 = 315_576_000_000_000;

/// A point in time: Unix time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cel) struct Time(i64);

/// A length of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cel) struct Duration(i64);

type Getter = fn(DateTime) -> i64;

/// What a time is asked for: the function's name, and what it answers. Months and days of the month and year count from 0,
/// save `getDate`; Sunday is 0.
const GETTERS: [(&str, Getter); 9] = [
    ("getFullYear", |at| at.year().into()),
    ("getMonth", |at| i64::from(at.month()) - 1),
    ("getDate", |at| at.day().into()),
    ("getDayOfMonth", |at| i64::from(at.day()) - 1),
    ("getDayOfWeek", |at| at.weekday().to_sunday_zero_offset().into()),
    ("getDayOfYear", |at| i64::from(at.day_of_year()) - 1),
    ("getHours", |at| at.hour().into()),
    ("getMinutes", |at| at.minute().into()),
    ("getSeconds", |at| at.second().into()),
];

pub(super) fn declare(env: &mut Env) -> std::result::Result<(), DeclarationError> {
    let time_type = || Time::cel_type().to_owned();
    let duration_type = || Duration::cel_type().to_owned();
    env.add_type(time_type())?;
    env.add_type(duration_type())?;
    env.add_overload("timestamp", "string_to_timestamp", vec![STRING_TYPE], |args| {
        parse(string(&args, 0)?).map(CowVal::owned).ok_or_else(|| error("timestamp", "not a time"))
    })?;
    env.add_overload("timestamp", "int64_to_timestamp", vec![INT_TYPE], |args| {
        let seconds = arg(&args, 0)?.downcast_ref::<CelInt>().map(|seconds| *seconds.inner());
        let time = seconds.and_then(|seconds| seconds.checked_mul(1000)).and_then(Time::of);
        time.map(CowVal::owned).ok_or_else(|| error("timestamp", "out of range"))
    })?;
    env.add_overload("duration", "string_to_duration", vec![STRING_TYPE], |args| {
        parse_duration(string(&args, 0)?).map(CowVal::owned).ok_or_else(|| error("duration", "not a duration"))
    })?;
    env.add_overload("int", "timestamp_to_int64", vec![time_type()], |args| {
        Ok(CowVal::owned(CelInt::from(time(&args)?.0.div_euclid(1000))))
    })?;
    env.add_overload("string", "timestamp_to_string", vec![time_type()], |args| {
        let shown = jiff::Timestamp::from_millisecond(time(&args)?.0).map_err(|_| error("string", "out of range"))?;
        Ok(CowVal::owned(CelString::from(shown.to_string())))
    })?;
    env.add_overload("string", "duration_to_string", vec![duration_type()], |args| {
        Ok(CowVal::owned(CelString::from(duration(&args)?.shown())))
    })?;
    macro_rules! getters {
        ($($place:literal)*) => {$(
            if let Some((name, _)) = GETTERS.get($place) {
                env.add_member_overload(name, &format!("{name}_utc"), time_type(), vec![], |args| get::<$place>(&args))?;
                env.add_member_overload(name, &format!("{name}_at"), time_type(), vec![STRING_TYPE], |args| {
                    get::<$place>(&args)
                })?;
            }
        )*};
    }
    getters!(0 1 2 3 4 5 6 7 8);
    env.add_member_overload("getHours", "duration_hours", duration_type(), vec![], |args| whole(&args, 3_600_000))?;
    env.add_member_overload("getMinutes", "duration_minutes", duration_type(), vec![], |args| whole(&args, 60_000))?;
    env.add_member_overload("getSeconds", "duration_seconds", duration_type(), vec![], |args| whole(&args, 1000))
}

/// The getter at a place of [`GETTERS`], in UTC or at an offset.
fn get<'b, 'v, const PLACE: usize>(args: &[CowVal<'b, 'v>]) -> Result<CowVal<'b, 'v>> {
    let offset = match args.len() {
        1 => Offset::UTC,
        _ => parse_offset(string(args, 1)?).ok_or_else(|| error("time", "not an offset"))?,
    };
    let out_of_range = || error("time", "out of range");
    let instant = jiff::Timestamp::from_millisecond(time(args)?.0).map_err(|_| out_of_range())?;
    let (_, getter) = GETTERS.get(PLACE).ok_or_else(out_of_range)?;
    Ok(CowVal::owned(CelInt::from(getter(offset.to_datetime(instant)))))
}

/// A duration in whole units, towards zero.
fn whole<'b, 'v>(args: &[CowVal<'b, 'v>], unit: i64) -> Result<CowVal<'b, 'v>> {
    let whole = duration(args)?.0.checked_div(unit).unwrap_or_default();
    Ok(CowVal::owned(CelInt::from(whole)))
}

fn time(args: &[CowVal<'_, '_>]) -> Result<Time> {
    arg(args, 0)?.downcast_ref::<Time>().copied().ok_or_else(|| error("timestamp", "not a time"))
}

fn duration(args: &[CowVal<'_, '_>]) -> Result<Duration> {
    arg(args, 0)?.downcast_ref::<Duration>().copied().ok_or_else(|| error("duration", "not a duration"))
}

/// A time as in RFC 3339, with an offset.
pub(in crate::cel) fn parse(text: &str) -> Option<Time> {
    // the parser also takes other standards' notations
    let shape = text.len() >= 20 && text.is_ascii() && text.as_bytes().get(10) == Some(&b'T');
    let instant: jiff::Timestamp = text.parse().ok().filter(|_| shape && !text.contains('['))?;
    Time::of(instant.as_millisecond())
}

/// An offset from UTC: `UTC`, `Z`, `+02:00`, `-08:00`.
pub(in crate::cel) fn parse_offset(text: &str) -> Option<Offset> {
    if matches!(text, "UTC" | "Z") {
        return Some(Offset::UTC);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => (1, text),
    };
    let two =
        |text: &str| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<i32>().ok())?;
    let (hours, minutes) = digits.split_once(':')?;
    let (hours, minutes) = (two(hours).filter(|h| *h <= 23)?, two(minutes).filter(|m| *m <= 59)?);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// A duration as in `1h30m`, `-5m`, `1.5s`, `250ms`.
pub(in crate::cel) fn parse_duration(text: &str) -> Option<Duration> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(Duration(0));
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0i64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|end| *end > 0)?;
        let (number, tail) = rest.split_at_checked(end)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end)?;
        let unit = match unit {
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1000,
            "ms" => 1,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut part = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.checked_mul(unit)? };
        let mut scale = unit;
        for digit in fraction.bytes() {
            let digit = i64::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
            // finer than a millisecond is no duration here
            if scale % 10 != 0 && digit != 0 {
                return None;
            }
            scale /= 10;
            part = part.checked_add(digit * scale)?;
        }
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        total = total.checked_add(part)?;
        rest = tail;
    }
    Duration::of(sign * total)
}

impl Time {
    fn of(milliseconds: i64) -> Option<Self> {
        RANGE.contains(&milliseconds).then_some(Self(milliseconds))
    }
}

impl Duration {
    fn of(milliseconds: i64) -> Option<Self> {
        (-LONGEST..=LONGEST).contains(&milliseconds).then_some(Self(milliseconds))
    }

    /// In seconds, as in `5400s` and `0.25s`.
    fn shown(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (seconds, rest) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        match rest {
            0 => format!("{sign}{seconds}s"),
            rest => format!("{sign}{seconds}.{}s", format!("{rest:03}").trim_end_matches('0')),
        }
    }
}

fn overflow() -> ExecutionError {
    error("time", "out of range")
}

fn sum<'b, 'v, T: Val + 'v>(a: i64, b: Option<i64>, of: fn(i64) -> Option<T>) -> Result<CowVal<'b, 'v>> {
    b.and_then(|b| a.checked_add(b)).and_then(of).map(CowVal::owned).ok_or_else(overflow)
}

impl Comparer for Time {
    fn compare(&self, rhs: &dyn Val) -> Result<Ordering> {
        rhs.downcast_ref::<Self>().map(|rhs| self.0.cmp(&rhs.0)).ok_or_else(overflow)
    }
}

impl Comparer for Duration {
    fn compare(&self, rhs: &dyn Val) -> Result<Ordering> {
        rhs.downcast_ref::<Self>().map(|rhs| self.0.cmp(&rhs.0)).ok_or_else(overflow)
    }
}

impl Adder for Time {
    fn add<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>>
    where
        Self: 'v,
    {
        sum(self.0, rhs.downcast_ref::<Duration>().map(|rhs| rhs.0), Self::of)
    }
}

impl Adder for Duration {
    fn add<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>>
    where
        Self: 'v,
    {
        match rhs.downcast_ref::<Time>() {
            Some(time) => sum(self.0, Some(time.0), Time::of),
            None => sum(self.0, rhs.downcast_ref::<Self>().map(|rhs| rhs.0), Self::of),
        }
    }
}

impl Subtractor for Time {
    fn sub<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>>
    where
        Self: 'v,
    {
        match rhs.downcast_ref::<Self>() {
            Some(time) => sum(self.0, Some(-time.0), Duration::of),
            None => sum(self.0, rhs.downcast_ref::<Duration>().map(|rhs| -rhs.0), Self::of),
        }
    }
}

impl Subtractor for Duration {
    fn sub<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>>
    where
        Self: 'v,
    {
        sum(self.0, rhs.downcast_ref::<Self>().map(|rhs| -rhs.0), Self::of)
    }
}

plain_value!(Time, "google.protobuf.Timestamp", comparer adder subtractor);
plain_value!(Duration, "google.protobuf.Duration", comparer adder subtractor);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_they_are_written() {
        let table = [
            ("0", Some(0)),
            ("1h30m", Some(5_400_000)),
            ("-1.5s", Some(-1500)),
            ("250ms", Some(250)),
            (".5s", Some(500)),
            ("0.0001s", None),
            ("1.5ms", None),
            ("", None),
            ("-", None),
            ("5", None),
            ("1d", None),
            (".s", None),
            ("1h1", None),
            ("1..5s", None),
            ("99999999999999999999h", None),
            ("9999999999h", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_duration(text).map(|duration| duration.0), expected, "{text}");
        }
        assert_eq!(Duration(-1500).shown(), "-1.5s");
        assert_eq!(Duration(5_400_000).shown(), "5400s");
    }

    #[test]
    fn times_are_rfc_3339_and_offsets_are_fixed() {
        assert_eq!(parse("1970-01-01T00:00:01Z").map(|time| time.0), Some(1000));
        assert_eq!(parse("1970-01-01T02:00:00.5+02:00").map(|time| time.0), Some(500));
        for none in
            ["", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "1970-01-01T00:00:00Z[UTC]", "now"]
        {
            assert_eq!(parse(none), None, "{none}");
        }
        assert_eq!(parse_offset("-08:30").map(|offset| offset.seconds()), Some(-30_600));
        for none in ["", "+", "+2", "+24:00", "+02:60", "Europe/Berlin", "+02", "+0200", "ü1:00"] {
            assert_eq!(parse_offset(none), None, "{none}");
        }
    }
}
