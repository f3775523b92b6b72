//! What one worker knows of one column, in a form that can be merged in any order.
//!
//! Counts of values are exact. Only where the merged rows have more distinct numbers than the bin limit do quantiles
//! stand in, taken from the rows with the smallest hashes: a sample that is the same for any split of the rows.

use serde::{Deserialize, Serialize};

use super::{FeatureBins, MAX_VOCABULARY};
use crate::columns::{FeatureColumn, Number};

/// Largest number of bins of a numeric feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinLimit(pub u16);

impl Default for BinLimit {
    /// 4,096: exact for whole minutes and miles.
    fn default() -> Self {
        Self(4096)
    }
}

/// Distinct values of one column with the number of rows of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnSummary {
    /// Ascending numbers.
    Numeric(Vec<(Number, u64)>),
    /// Ascending names.
    Categorical(Vec<(Box<str>, u64)>),
}

impl ColumnSummary {
    /// Summarises the rows that `keep` names.
    #[must_use]
    pub fn of(column: &FeatureColumn, keep: impl Fn(usize) -> bool) -> Self {
        match column {
            FeatureColumn::Numeric(column) => Self::Numeric(counted(column.values(), column.counts(keep))),
            FeatureColumn::Categorical(column) => Self::Categorical(counted(column.values(), column.counts(keep))),
        }
    }

    /// Adds the rows of `other`.
    ///
    /// # Panics
    /// When the two are of different kinds: they are not of one column then.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Numeric(a), Self::Numeric(b)) => Self::Numeric(merged(a, b)),
            (Self::Categorical(a), Self::Categorical(b)) => Self::Categorical(merged(a, b)),
            _ => unreachable!("summaries of one column are of one kind"),
        }
    }

    /// Whether there are more distinct numbers than bins, so that a [`QuantileSample`] must decide.
    #[must_use]
    pub fn is_crowded(&self, limit: BinLimit) -> bool {
        matches!(self, Self::Numeric(values) if values.len() > usize::from(limit.0))
    }

    /// A bin for each value.
    #[must_use]
    pub fn bins(&self) -> FeatureBins {
        match self {
            Self::Numeric(values) => FeatureBins::Numeric { cuts: cuts_between(values.iter().map(|value| value.0)) },
            Self::Categorical(values) => {
                let mut by_rows: Vec<&(Box<str>, u64)> = values.iter().collect();
                by_rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                by_rows.truncate(MAX_VOCABULARY);
                FeatureBins::Categorical { names: by_rows.into_iter().map(|(name, _)| name.clone()).collect() }
            }
        }
    }
}

fn counted<V: Clone + Ord>(values: &[V], counts: Vec<u64>) -> Vec<(V, u64)> {
    let present = values.iter().zip(counts).filter(|(_, count)| *count > 0);
    // A value may have several codes.
    merged(present.map(|(value, count)| (value.clone(), count)).collect(), Vec::new())
}

fn merged<V: Ord>(mut a: Vec<(V, u64)>, b: Vec<(V, u64)>) -> Vec<(V, u64)> {
    a.extend(b);
    a.sort_by(|x, y| x.0.cmp(&y.0));
    a.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    a
}

/// A cut between each two neighbours of ascending distinct values: their middle, rounded to stay below the upper one.
fn cuts_between(values: impl Iterator<Item = Number>) -> Vec<Number> {
    let mut cuts = Vec::new();
    let mut previous: Option<Number> = None;
    for value in values {
        if let Some(below) = previous {
            let middle = Number::new(below.get() / 2.0 + value.get() / 2.0).filter(|m| *m >= below && *m < value);
            cuts.push(middle.unwrap_or(below));
        }
        previous = Some(value);
    }
    cuts
}

/// The values of one numeric column in the rows with the smallest hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuantileSample {
    /// Hash and value, at most [`QuantileSample::ROWS`] of them, ascending.
    rows: Vec<(u64, Number)>,
}

impl QuantileSample {
    /// Rows in a full sample: 16 for each of 4,096 bins.
    pub const ROWS: usize = 65_536;

    /// The sample of some rows, given as hash and value.
    #[must_use]
    pub fn of(rows: impl Iterator<Item = (u64, Number)>) -> Self {
        let mut kept: Vec<(u64, Number)> = Vec::new();
        let mut most = u64::MAX;
        for row in rows {
            if row.0 > most {
                continue;
            }
            kept.push(row);
            if kept.len() == 2 * Self::ROWS {
                kept.select_nth_unstable(Self::ROWS);
                kept.truncate(Self::ROWS);
                // What can't be among the smallest any more need not be kept.
                most = kept.iter().map(|(hash, _)| *hash).max().unwrap_or(most);
            }
        }
        if kept.len() > Self::ROWS {
            kept.select_nth_unstable(Self::ROWS);
            kept.truncate(Self::ROWS);
        }
        kept.sort_unstable();
        Self { rows: kept }
    }

    /// The sample of the rows of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self::of(self.rows.into_iter().chain(other.rows))
    }

    /// At most `limit` bins with about equally many sampled rows each.
    #[must_use]
    pub fn bins(&self, limit: BinLimit) -> FeatureBins {
        let values = self.values();
        if values.is_empty() {
            return FeatureBins::Numeric { cuts: Vec::new() };
        }
        let bins = usize::from(limit.0).max(1);
        let mut cuts: Vec<Number> =
            (1..bins).map(|b| values[(b * values.len() / bins).min(values.len() - 1)]).collect();
        cuts.dedup();
        // The largest value needs no cut above it.
        if cuts.last() == values.last() {
            cuts.pop();
        }
        FeatureBins::Numeric { cuts }
    }

    /// The sampled values with their rows.
    #[must_use]
    pub fn summary(&self) -> ColumnSummary {
        ColumnSummary::Numeric(merged(self.values().into_iter().map(|value| (value, 1)).collect(), Vec::new()))
    }

    fn values(&self) -> Vec<Number> {
        let mut values: Vec<Number> = self.rows.iter().map(|row| row.1).collect();
        values.sort_unstable();
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::CodedBuilder;
    use crate::space::numeric_bin;
    use proptest::prelude::*;

    fn column(values: &[f64]) -> FeatureColumn {
        let mut builder = CodedBuilder::default();
        values.iter().for_each(|value| builder.push_value(Number::new(*value).unwrap()));
        FeatureColumn::Numeric(builder.finish())
    }

    proptest! {
        #[test]
        fn merging_in_any_split_summarises_all_rows(values in prop::collection::vec(-9_i32..9, 1..80), cut in 0_usize..80) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let cut = cut.min(values.len());
            let split = ColumnSummary::of(&column(&values[..cut]), |_| true)
                .merge(ColumnSummary::of(&column(&values[cut..]), |_| true));
            prop_assert_eq!(split, ColumnSummary::of(&column(&values), |_| true));
        }

        #[test]
        fn exact_cuts_separate_all_distinct_values(mut values in prop::collection::vec(any::<f64>(), 1..50)) {
            values.retain(|value| value.is_finite());
            prop_assume!(!values.is_empty());
            let bins = ColumnSummary::of(&column(&values), |_| true).bins();
            let FeatureBins::Numeric { cuts } = bins else { panic!("a numeric column has cuts") };
            let mut sorted: Vec<Number> = values.iter().map(|value| Number::new(*value).unwrap()).collect();
            sorted.sort_unstable();
            sorted.dedup();
            for (rank, value) in sorted.iter().enumerate() {
                prop_assert_eq!(usize::from(numeric_bin(&cuts, *value)), rank);
            }
        }

        #[test]
        fn quantile_bins_keep_the_limit_and_share_rows_evenly(limit in 2_u16..40) {
            let rows = (0..4000_u64).map(|row| (row.wrapping_mul(0x9E37_79B9_7F4A_7C15), Number::from(row as i32)));
            let FeatureBins::Numeric { cuts } = QuantileSample::of(rows).bins(BinLimit(limit)) else { unreachable!() };
            prop_assert!(cuts.len() < usize::from(limit));
            let mut sizes = vec![0_usize; cuts.len() + 1];
            (0..4000).for_each(|value| sizes[usize::from(numeric_bin(&cuts, Number::from(value)))] += 1);
            let even = 4000 / usize::from(limit);
            prop_assert!(sizes.iter().all(|size| size.abs_diff(even) <= even / 2 + 2), "{:?}", sizes);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_sample_is_the_rows_with_the_smallest_hashes_in_any_order(
            rows in 1_usize..6, spread in 1_u64..200_000, turn in any::<u64>(),
        ) {
            // Up to five times a full sample; with few hashes apart, many rows share one.
            let hash = |row: u64| (row ^ turn).wrapping_mul(0x9E37_79B9_7F4A_7C15) % spread;
            let rows: Vec<(u64, Number)> =
                (0..(rows * QuantileSample::ROWS) as u64).map(|row| (hash(row), Number::from(row as i32 % 1000))).collect();
            let mut sorted = rows.clone();
            sorted.sort_unstable();
            sorted.truncate(QuantileSample::ROWS);
            prop_assert_eq!(QuantileSample::of(rows.into_iter()).rows, sorted);
        }
    }
}
