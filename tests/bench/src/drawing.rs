//! Panels of lines side by side, as an SVG that can be read in the light and in the dark. What goes to the right is logarithmic;
//! what goes up begins at 0.
//!
//! Nobody runs the tests of the bench, so the end-to-end tests include this file for those below.

/// What is measured over what.
pub(crate) struct Panel {
    pub(crate) title: String,
    /// What goes to the right.
    pub(crate) across: String,
    /// What goes up.
    pub(crate) up: String,
    pub(crate) lines: Vec<Line>,
}

/// One line of a panel.
pub(crate) struct Line {
    pub(crate) name: String,
    /// How far to the right, above 0, and how far up.
    pub(crate) points: Vec<(f64, f64)>,
}

/// A panel is so wide and so high.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 270.0;
/// Where in it the axes are, and where the first and the last point may lie between them.
const LEFT: f64 = 54.0;
const RIGHT: f64 = 326.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 216.0;
const INSET: f64 = 18.0;
/// How far a name in the legend is from the one before it.
const NAME: f64 = 138.0;
/// At most so many steps go up.
const STEPS: f64 = 5.0;

const STYLE: &str = "\
.paper { fill: #ffffff } text { fill: #1f2328 } .axis { stroke: #1f2328 } .grid { stroke: #1f2328; stroke-opacity: 0.15 }
.line { fill: none; stroke-width: 2 } .of1 { stroke-dasharray: 6 3 }
.line.of0 { stroke: #0969da } circle.of0 { fill: #0969da } .line.of1 { stroke: #bc4c00 } circle.of1 { fill: #bc4c00 }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } text { fill: #e6edf3 } .axis, .grid { stroke: #e6edf3 }
.line.of0 { stroke: #58a6ff } circle.of0 { fill: #58a6ff } .line.of1 { stroke: #f0883e } circle.of1 { fill: #f0883e }
}
";

/// Draws panels, from left to right. Two lines of a panel can be told apart.
pub(crate) fn svg(panels: &[Panel]) -> String {
    let width = WIDTH * panels.len() as f64;
    let titles: Vec<&str> = panels.iter().map(|panel| panel.title.as_str()).collect();
    let mut drawn = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" height=\"{HEIGHT}\" \
         role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"11\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{HEIGHT}\"/>\n",
        escaped(&titles.join("; "))
    );
    for (place, panel) in panels.iter().enumerate() {
        drawn += &format!("<g transform=\"translate({} 0)\">\n", WIDTH * place as f64);
        drawn += &panel.drawn();
        drawn += "</g>\n";
    }
    drawn + "</svg>\n"
}

impl Panel {
    fn drawn(&self) -> String {
        let scale = Scale::of(self);
        let middle = (TOP + BOTTOM) / 2.0;
        let mut drawn = format!("<text x=\"{LEFT}\" y=\"22\" font-size=\"14\">{}</text>\n", escaped(&self.title));
        drawn += &format!(
            "<text x=\"{RIGHT}\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
            BOTTOM + 38.0,
            escaped(&self.across)
        );
        drawn += &format!(
            "<text x=\"14\" y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {middle})\">{}</text>\n",
            escaped(&self.up)
        );
        for (at, label) in scale.upwards() {
            drawn += &format!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>\n");
            drawn += &format!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n", LEFT - 6.0, at + 4.0);
        }
        for across in self.all_across() {
            let at = scale.across(across);
            drawn += &format!("<path class=\"axis\" d=\"M{at:.1} {BOTTOM}v4\"/>\n");
            let label = shown(across, 0);
            drawn += &format!("<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>\n", BOTTOM + 18.0);
        }
        drawn += &format!("<path class=\"axis\" d=\"M{LEFT} {BOTTOM}H{RIGHT}\"/>\n");
        for (number, line) in self.lines.iter().enumerate() {
            drawn += &line.drawn(number, &scale);
        }
        drawn
    }

    /// Everything that goes to the right, each once, in order.
    fn all_across(&self) -> Vec<f64> {
        let mut all: Vec<f64> = self.points().map(|(across, _)| across).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.lines.iter().flat_map(|line| line.points.iter().copied())
    }
}

impl Line {
    fn drawn(&self, number: usize, scale: &Scale) -> String {
        let class = format!("of{}", number % 2);
        let from = LEFT + NAME * number as f64;
        let mut drawn = format!("<path class=\"line {class}\" d=\"M{from} 42h22\"/>\n");
        drawn += &format!("<text x=\"{}\" y=\"46\">{}</text>\n", from + 28.0, escaped(&self.name));
        let places: Vec<_> = self.points.iter().map(|(across, up)| (scale.across(*across), scale.up(*up))).collect();
        let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        drawn += &format!("<polyline class=\"line {class}\" points=\"{}\"/>\n", path.join(" "));
        for ((x, y), (across, up)) in places.iter().zip(&self.points) {
            let told = format!("{}: {}", shown(*across, 0), shown(*up, 2));
            drawn += &format!(
                "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"><title>{told}</title></circle>\n"
            );
        }
        drawn
    }
}

/// Where points lie.
struct Scale {
    least: f64,
    most: f64,
    step: f64,
    steps: f64,
}

impl Scale {
    fn of(panel: &Panel) -> Self {
        let across = panel.all_across();
        let (least, most) = across.first().zip(across.last()).map_or((1.0, 1.0), |(least, most)| (*least, *most));
        let highest = panel.points().map(|(_, up)| up).fold(0.0, f64::max);
        let step = step(highest);
        Self { least, most, step, steps: (highest / step).ceil().max(1.0) }
    }

    fn across(&self, across: f64) -> f64 {
        let (first, last) = (LEFT + INSET, RIGHT - INSET);
        if self.most <= self.least {
            return (first + last) / 2.0;
        }
        first + (last - first) * (across / self.least).ln() / (self.most / self.least).ln()
    }

    fn up(&self, up: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * up / (self.step * self.steps)
    }

    /// Where lines go from left to right, and what stands before them.
    fn upwards(&self) -> impl Iterator<Item = (f64, String)> {
        let decimals = if self.step >= 1.0 { 0 } else { 2 };
        (0..=self.steps as u32).map(move |number| {
            let up = self.step * f64::from(number);
            (self.up(up), shown(up, decimals))
        })
    }
}

/// A round step, so few of which reach what is highest as there may be.
fn step(highest: f64) -> f64 {
    let rough = highest / STEPS;
    if !rough.is_normal() || rough < 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0].map(|digit| digit * power);
    round.into_iter().find(|step| *step >= rough).unwrap_or(10.0 * power)
}

/// A number as people read it, with commas between thousands.
fn shown(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut shown = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown + rest
}

/// Text as it may stand between tags and in attributes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(points: &[(f64, f64)]) -> Panel {
        let line = |name: &str| Line { name: name.to_owned(), points: points.to_vec() };
        let lines = vec![line("a & b"), line("c\u{7}")];
        Panel { title: "<keys>".to_owned(), across: "\"keys\"".to_owned(), up: "it's µs".to_owned(), lines }
    }

    /// Checks that tags are closed in the order that they were opened in, and that text between them is nothing but text.
    #[track_caller]
    fn check_is_well_formed(drawn: &str) {
        let (mut open, mut rest) = (Vec::new(), drawn);
        while let Some((text, after)) = rest.split_once('<') {
            for after in text.split('&').skip(1) {
                assert!(["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|it| after.starts_with(it)), "`{text}`");
            }
            assert!(!text.contains(|letter: char| letter == '>' || letter.is_control() && letter != '\n'), "`{text}`");
            let (tag, after) = after.split_once('>').expect("a tag ends");
            assert!(tag.matches('"').count().is_multiple_of(2) && !tag.contains('&'), "<{tag}>");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().expect("a name"));
            }
            rest = after;
        }
        assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    }

    #[test]
    fn what_is_drawn_is_well_formed_whatever_it_is_called() {
        let drawn = svg(&[panel(&[(10.0, 1.0), (1_000.0, 2.5)]), panel(&[(1.0, 0.0)]), panel(&[])]);
        check_is_well_formed(&drawn);
        for text in [">&lt;keys&gt;<", ">&quot;keys&quot;<", ">it&#39;s µs<", ">a &amp; b<", ">c <"] {
            assert!(drawn.contains(text), "no `{text}` in {drawn}");
        }
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }

    #[test]
    fn a_point_lies_where_its_numbers_say() {
        let drawn = svg(&[panel(&[(10.0, 0.0), (100.0, 50.0), (1_000.0, 100.0)])]);
        let (left, middle, right) = (LEFT + INSET, (LEFT + RIGHT) / 2.0, RIGHT - INSET);
        for (x, y) in [(left, BOTTOM), (middle, (TOP + BOTTOM) / 2.0), (right, TOP)] {
            let point = format!("cx=\"{x:.1}\" cy=\"{y:.1}\"");
            assert_eq!(drawn.matches(&point).count(), 2, "no `{point}` in {drawn}");
        }
    }

    #[test]
    fn steps_are_round_and_few() {
        for (highest, expected) in [(100.0, 20.0), (101.0, 50.0), (13.2, 5.0), (0.4, 0.1), (0.0, 1.0)] {
            assert!((step(highest) - expected).abs() < 1e-9, "{highest}: {}", step(highest));
        }
        assert_eq!([shown(1_000_000.0, 0), shown(999.0, 0), shown(12_345.678, 2)], ["1,000,000", "999", "12,345.68"]);
    }
}
