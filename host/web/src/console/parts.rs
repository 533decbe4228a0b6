//! What pages are made of: small values that write themselves as HTML. Each escapes what it is given, so templates take them as
//! they are.

mod badge;
mod chart;
mod field;
mod icon;
mod secret;
mod when;

use std::fmt;

pub(crate) use self::badge::{Badge, Tone};
pub(crate) use self::chart::{Bars, Column, Columns};
pub(crate) use self::field::{Choice, Field};
pub(crate) use self::icon::{Icon, icon};
pub(crate) use self::secret::ShownOnce;
pub(crate) use self::when::When;

/// Text that is escaped where it is written, for element content and attributes in double quotes.
pub(crate) struct Escaped<'t>(pub(crate) &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => fmt::Write::write_char(f, other)?,
            }
        }
        Ok(())
    }
}

/// A number as people read it: `12 345`, with a space that does not break.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 key`, `2 keys`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A stretch of time as people say it: `24 hours`.
pub(crate) fn stretch(seconds: u64) -> String {
    let (number, one, many) = match seconds {
        0 => return "none".to_owned(),
        s if s.is_multiple_of(86_400) => (s / 86_400, "day", "days"),
        s if s.is_multiple_of(3_600) => (s / 3_600, "hour", "hours"),
        s if s.is_multiple_of(60) => (s / 60, "minute", "minutes"),
        s => (s, "second", "seconds"),
    };
    counted(number, one, many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_escaped_is_markup() {
        assert_eq!(Escaped("<b a=\"'&").to_string(), "&lt;b a=&quot;&#39;&amp;");
    }

    #[test]
    fn numbers_are_read_by_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!([0, 1, 60, 7_200, 86_400].map(stretch), ["none", "1 second", "1 minute", "2 hours", "1 day"]);
    }
}
