//! How far the store's wall clock is from this host's.

use std::collections::VecDeque;
use std::time::Duration;

/// Of so many measurements the best one counts.
const KEPT: usize = 16;

/// The latest measurements: how long the round trip took, and the skew in milliseconds that came of it.
///
/// The store's clock is read at some moment of the round trip, taken to be its middle. The shorter the trip, the nearer to the
/// truth that is.
#[derive(Debug, Default)]
pub(crate) struct Skew(VecDeque<(Duration, i64)>);

impl Skew {
    /// Takes one more measurement, and answers the best of the latest.
    pub(crate) fn measured(&mut self, round_trip: Duration, skew_millis: i64) -> i64 {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((round_trip, skew_millis));
        self.0.iter().min_by_key(|(round_trip, _)| *round_trip).map_or(skew_millis, |(_, skew)| *skew)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_round_trip_counts_until_it_is_old() {
        let mut skew = Skew::default();
        for (millis, measured, expected) in [(20, 50, 50), (3, 7, 7), (9, 30, 7), (2, 8, 8)] {
            assert_eq!(skew.measured(Duration::from_millis(millis), measured), expected);
        }
        for _ in 0..KEPT - 1 {
            assert_eq!(skew.measured(Duration::from_millis(5), -100), 8);
        }
        assert_eq!(skew.measured(Duration::from_millis(5), -100), -100);
    }
}
