//! Charts as inline SVG. They are pictures of a table that stands behind them, and hidden from those who can't see them.

use std::fmt;

use super::{Escaped, grouped};

const WIDTH: u64 = 960;
const HEIGHT: u64 = 190;
const TOP: u64 = 12;
const FOOT: u64 = 20;
const MARGIN: u64 = 44;

/// Requests of one stretch of time.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Which: `31 Jan`, `14:00`.
    pub(crate) label: String,
    /// Allowed.
    pub(crate) allowed: u64,
    /// Denied.
    pub(crate) denied: u64,
    /// Over a limit.
    pub(crate) limited: u64,
}

impl Column {
    /// All of them.
    pub(crate) const fn sum(&self) -> u64 {
        self.allowed.saturating_add(self.denied).saturating_add(self.limited)
    }
}

/// Requests over time, stacked.
#[derive(Debug, Clone)]
pub(crate) struct Columns(pub(crate) Vec<Column>);

impl Columns {
    /// Whether there is nothing to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|column| column.sum() == 0)
    }
}

/// The next number of people's scale: 1, 2 or 5 and zeros.
fn scale(most: u64) -> u64 {
    let mut unit: u64 = 1;
    loop {
        for step in [1, 2, 4, 10] {
            if unit.saturating_mul(step) >= most {
                return unit.saturating_mul(step).max(4);
            }
        }
        unit = unit.saturating_mul(10);
        if unit == u64::MAX {
            return unit;
        }
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = scale(self.0.iter().map(Column::sum).max().unwrap_or(0));
        let room = HEIGHT - TOP - FOOT;
        let height = |number: u64| number.saturating_mul(room * 10) / most / 10;
        write!(f, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-hidden=\"true\" focusable=\"false\">")?;
        for quarter in 0..=4 {
            let y = TOP + room - room * quarter / 4;
            let number = most / 4 * quarter;
            write!(f, "<line class=\"grid\" x1=\"{MARGIN}\" x2=\"{WIDTH}\" y1=\"{y}\" y2=\"{y}\"/>")?;
            write!(f, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", MARGIN - 8, y + 4, short(number))?;
        }
        let count = u64::try_from(self.0.len()).unwrap_or(1).max(1);
        let step = (WIDTH - MARGIN) * 100 / count;
        let wide = (step * 7 / 10).min(4_800);
        let every = count.div_ceil(10);
        for (at, column) in (0..).zip(&self.0) {
            let left = MARGIN * 100 + at * step + (step - wide) / 2;
            let (x, w) = (hundredths(left), hundredths(wide));
            let mut y = TOP + room;
            for (class, number) in [("allow", column.allowed), ("limit", column.limited), ("deny", column.denied)] {
                // What is there is seen, however little.
                let tall = if number == 0 { 0 } else { height(number).max(2) }.min(y - TOP.min(y));
                y -= tall;
                if tall > 0 {
                    write!(
                        f,
                        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{tall}\" rx=\"2\"/>"
                    )?;
                }
            }
            if at % every == 0 {
                let middle = hundredths(left + wide / 2);
                let label = Escaped(&column.label);
                write!(f, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", HEIGHT - 3)?;
            }
        }
        f.write_str("</svg>")
    }
}

impl askama::filters::HtmlSafe for Columns {}

fn hundredths(number: u64) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

fn short(number: u64) -> String {
    match number {
        1_000_000.. => format!("{}M", number / 1_000_000),
        10_000.. => format!("{}k", number / 1_000),
        _ => grouped(number),
    }
}

/// Numbers of one sort, the largest first, each with its part of the whole.
#[derive(Debug, Clone)]
pub(crate) struct Bars(pub(crate) Vec<(String, u64)>);

impl Bars {
    /// Whether there is nothing to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.0.iter().map(|(_, number)| *number).max().unwrap_or(1).max(1);
        f.write_str("<ul class=\"bars chart\">")?;
        for (what, number) in &self.0 {
            let part = (number.saturating_mul(100) / most).clamp(1, 100);
            write!(
                f,
                "<li><span class=\"what\"><code>{}</code><b>{}</b></span>\
                 <svg viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\">\
                 <rect class=\"track\" width=\"100\" height=\"4\"/><rect class=\"deny\" width=\"{part}\" height=\"4\"/></svg></li>",
                Escaped(what),
                grouped(*number),
            )?;
        }
        f.write_str("</ul>")
    }
}

impl askama::filters::HtmlSafe for Bars {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_a_number_that_people_count_by() {
        assert_eq!([0, 3, 4, 7, 11, 30, 99, 101, 39_000].map(scale), [4, 4, 4, 10, 20, 40, 100, 200, 40_000]);
        assert_eq!(scale(u64::MAX), u64::MAX);
    }

    #[test]
    fn the_largest_numbers_are_drawn_as_well() {
        let column = Column { label: "<b>".to_owned(), allowed: u64::MAX, denied: u64::MAX, limited: 1 };
        let drawn = Columns(vec![column; 3]).to_string();
        assert!(drawn.contains("&lt;b&gt;") && !drawn.contains("<b>"));
        Bars(vec![("a".to_owned(), u64::MAX), ("b".to_owned(), 0)]).to_string();
    }
}
