//! What the training rows said of a feature, so that a service can tell when its requests say something else.

use flightline_operators::columns::Number;
use flightline_operators::space::ColumnSummary;
use serde::{Deserialize, Serialize};

/// Most frequent categories that a contract names.
pub const MOST_FREQUENT: usize = 10;

/// The values of one feature in the training rows. Not part of the model's id: no answer depends on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureContract {
    /// Input rows without a value.
    pub nulls: u64,
    /// Distinct values.
    pub values: u64,
    /// How the values are distributed; `None` without rows.
    pub distribution: Option<Distribution>,
}

/// How values are distributed over rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Distribution {
    /// Of numbers: each quantile is the smallest value that is not below its share of the rows.
    Numeric {
        /// The smallest value.
        min: Number,
        /// A quarter of the rows is at most this.
        lower_quartile: Number,
        /// Half of the rows is at most this.
        median: Number,
        /// Three quarters of the rows are at most this.
        upper_quartile: Number,
        /// The largest value.
        max: Number,
    },
    /// Of names.
    Categorical {
        /// At most [`MOST_FREQUENT`], the most frequent first, ties by name.
        most_frequent: Vec<CategoryShare>,
    },
}

/// How much of the rows a category has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryShare {
    /// The category.
    pub name: Box<str>,
    /// Share of the rows, above 0 and up to 1.
    pub share: f64,
}

impl FeatureContract {
    /// The contract of a column with these values over all workers.
    #[must_use]
    pub fn of(summary: &ColumnSummary, nulls: u64) -> Self {
        let (values, distribution) = match summary {
            ColumnSummary::Numeric(values) => (values.len(), numeric(values)),
            ColumnSummary::Categorical(values) => (values.len(), categorical(values)),
        };
        Self { nulls, values: values as u64, distribution }
    }
}

fn numeric(values: &[(Number, u64)]) -> Option<Distribution> {
    let rows: u64 = values.iter().map(|(_, rows)| rows).sum();
    let quantile = |quarters: u64| {
        let rank = (u128::from(rows) * u128::from(quarters)).div_ceil(4).max(1);
        let mut below = 0_u128;
        values.iter().find_map(|(value, rows)| {
            below += u128::from(*rows);
            (below >= rank).then_some(*value)
        })
    };
    Some(Distribution::Numeric {
        min: quantile(0)?,
        lower_quartile: quantile(1)?,
        median: quantile(2)?,
        upper_quartile: quantile(3)?,
        max: quantile(4)?,
    })
}

fn categorical(values: &[(Box<str>, u64)]) -> Option<Distribution> {
    let rows: u64 = values.iter().map(|(_, rows)| rows).sum();
    let mut by_rows: Vec<&(Box<str>, u64)> = values.iter().collect();
    by_rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let share = |(name, of): &(Box<str>, u64)| CategoryShare { name: name.clone(), share: *of as f64 / rows as f64 };
    let most_frequent = by_rows.into_iter().take(MOST_FREQUENT).map(share).collect();
    (rows > 0).then_some(Distribution::Categorical { most_frequent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_of_the_rows() {
        let values: Vec<(Number, u64)> = [(-5, 1), (0, 4), (10, 2), (99, 1)].map(|(v, n)| (Number::from(v), n)).into();
        let contract = FeatureContract::of(&ColumnSummary::Numeric(values), 7);
        let [min, lower_quartile, median, upper_quartile, max] = [-5, 0, 0, 10, 99].map(Number::from);
        let expected = Distribution::Numeric { min, lower_quartile, median, upper_quartile, max };
        assert_eq!(contract, FeatureContract { nulls: 7, values: 4, distribution: Some(expected) });
        assert_eq!(FeatureContract::of(&ColumnSummary::Numeric(vec![]), 0).distribution, None);
    }

    #[test]
    fn the_most_frequent_categories_come_first() {
        let values = (0..20_u64).map(|n| (format!("C{n:02}").into_boxed_str(), 1 + n % 3)).collect();
        let contract = FeatureContract::of(&ColumnSummary::Categorical(values), 0);
        let Some(Distribution::Categorical { most_frequent }) = contract.distribution else { panic!("no names") };
        let names: Vec<&str> = most_frequent.iter().map(|of| &*of.name).collect();
        assert_eq!(names, ["C02", "C05", "C08", "C11", "C14", "C17", "C01", "C04", "C07", "C10"]);
        assert_eq!(most_frequent[0].share, 3.0 / 39.0);
    }
}
