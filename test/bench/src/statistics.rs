//! Order statistics.

use serde::Serialize;

/// A distribution of times, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Distribution {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Distribution {
    /// By nearest rank; all zero if there are no values.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            p50: rank(&values, 50),
            p90: rank(&values, 90),
            p99: rank(&values, 99),
            max: values.last().copied().unwrap_or(0.0),
        }
    }
}

fn rank(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0.0)
}

/// What several runs say of one quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// The median of an even number of values is the mean of the middle two.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
        let median =
            if values.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) };
        Self { median, least: at(0), most: values.last().copied().unwrap_or(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let distribution = Distribution::of((1..=200).rev().map(f64::from).collect());
        assert_eq!(
            [distribution.p50, distribution.p90, distribution.p99, distribution.max],
            [100.0, 180.0, 198.0, 200.0]
        );
        assert_eq!(Distribution::of(vec![7.0]).p50, 7.0);
        assert_eq!(Distribution::of(Vec::new()).max, 0.0);
    }

    #[test]
    fn runs_are_summed_up_by_their_median_and_range() {
        assert_eq!(Spread::of([3.0, 1.0, 9.0]), Spread { median: 3.0, least: 1.0, most: 9.0 });
        assert_eq!(Spread::of([4.0, 1.0]), Spread { median: 2.5, least: 1.0, most: 4.0 });
    }
}
