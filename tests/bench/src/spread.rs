//! What the rounds of one figure came to.

use std::fmt;

/// The median of some rounds, the least and the most. Shown with as many decimals as it is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of rounds, one at least.
    pub(crate) fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        Self { median: rounds[rounds.len() / 2], least: rounds[0], most: rounds[rounds.len() - 1] }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, least, most } = self;
        let decimals = f.precision().unwrap_or(2);
        write!(f, "{median:.decimals$} [{least:.decimals$}–{most:.decimals$}]")
    }
}
