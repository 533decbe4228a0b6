//! What was measured: a table for each curve, all of it as CSV, and a drawing of what a decision costs.

use std::fs;
use std::path::Path;

use crate::drawing::{self, Line, Panel};
use crate::load::Slice;
use crate::spread::Spread;

/// What is drawn.
const COST: &str = "CPU µs a decision";

/// What there is more and more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    Keys,
    Policies,
    Replicas,
}

/// A place on a curve: whom it is about, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) curve: Curve,
    pub(crate) line: &'static str,
    pub(crate) at: usize,
}

#[derive(Debug)]
struct Figure {
    place: Place,
    /// Without a comma, as the name of a line: neither is quoted in CSV.
    name: &'static str,
    spread: Spread,
}

/// Everything that was measured so far.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Curve {
    const ALL: [Self; 3] = [Self::Keys, Self::Policies, Self::Replicas];

    const fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Policies => "policies",
            Self::Replicas => "replicas",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Keys => "Keys in the store",
            Self::Policies => "Tenants, each with a policy (CEL)",
            Self::Replicas => "Hosts on one Redis",
        }
    }
}

impl Figures {
    /// Adds a figure: what some rounds came to, one at least.
    pub(crate) fn add(&mut self, place: Place, name: &'static str, rounds: Vec<f64>) {
        self.0.push(Figure { place, name, spread: Spread::of(rounds) });
    }

    /// Adds what rounds of asking came to, each beside the yardstick's.
    pub(crate) fn add_rounds(&mut self, place: Place, rounds: &[(Slice, Slice)]) {
        let all = |of: fn(&Slice, &Slice) -> f64| rounds.iter().map(|(ours, echo)| of(ours, echo)).collect();
        self.add(place, COST, all(|ours, _| ours.cpu));
        self.add(place, "cost ratio", all(|ours, echo| echo.cpu / ours.cpu));
        self.add(place, "decisions a second", all(|ours, _| ours.a_second));
        self.add(place, "p99 µs", all(|ours, _| ours.p99));
    }

    /// A table of one curve, in Markdown.
    pub(crate) fn table(&self, curve: Curve) -> String {
        let of_curve = || self.0.iter().filter(move |figure| figure.place.curve == curve);
        let names = distinct(of_curve().map(|figure| figure.name));
        let dashes = "---|".repeat(names.len() + 2);
        let mut table = format!("| {} | of | {} |\n|{dashes}\n", curve.name(), names.join(" | "));
        for place in distinct(of_curve().map(|figure| figure.place)) {
            let cell = |name: &&str| {
                let found = of_curve().find(|figure| figure.place == place && figure.name == *name);
                found.map(Figure::shown).unwrap_or_default()
            };
            let cells: Vec<_> = names.iter().map(cell).collect();
            table += &format!("| {} | {} | {} |\n", place.at, place.line, cells.join(" | "));
        }
        table
    }

    /// Writes `curves.csv` and `curves.svg`.
    pub(crate) fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("curves.csv"), self.csv()).unwrap();
        fs::write(folder.join("curves.svg"), drawing::svg(&Curve::ALL.map(|curve| self.panel(curve)))).unwrap();
    }

    fn csv(&self) -> String {
        let mut csv = "curve,at,of,figure,median,least,most\n".to_owned();
        for Figure { place: Place { curve, line, at }, name, spread: Spread { median, least, most } } in &self.0 {
            csv += &format!("{},{at},{line},{name},{median:.3},{least:.3},{most:.3}\n", curve.name());
        }
        csv
    }

    fn panel(&self, curve: Curve) -> Panel {
        let of_curve = || self.0.iter().filter(move |figure| figure.place.curve == curve && figure.name == COST);
        let line = |name: &'static str| {
            let of_line = of_curve().filter(|figure| figure.place.line == name);
            let points = of_line.map(|figure| (figure.place.at as f64, figure.spread.median)).collect();
            Line { name: name.to_owned(), points }
        };
        Panel {
            title: curve.title().to_owned(),
            across: curve.name().to_owned(),
            up: COST.to_owned(),
            lines: distinct(of_curve().map(|figure| figure.place.line)).into_iter().map(line).collect(),
        }
    }
}

impl Figure {
    fn shown(&self) -> String {
        let Spread { median, least, most } = self.spread;
        let decimals = match median {
            100.0.. => 0,
            10.0.. => 1,
            _ => 2,
        };
        if least < most { format!("{:.decimals$}", self.spread) } else { format!("{median:.decimals$}") }
    }
}

/// Each once, in the order of their first.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for it in all {
        if !distinct.contains(&it) {
            distinct.push(it);
        }
    }
    distinct
}
