//! Folds and searches as they are written: `5`, `forward:4`, `depth=8,12,16`.

use std::fmt;
use std::str::FromStr;

use flightline_operators::folds::{FoldCount, FoldKind, FoldRule};
use flightline_operators::forest::{FeatureSubset, ForestParams, Smoothing};
use flightline_operators::holdout::HoldOut;
use flightline_operators::search::{Grid, SearchPlan};

/// The most combinations that a search may have: more is a mistake in a list.
const MOST_COMBINATIONS: usize = 100_000;

/// Folds of a search that names none.
const USUAL_FOLDS: FoldsFlag = FoldsFlag { kind: None, folds: FoldCount::FIVE };

/// Folds as they are written: a number, with or without how rows are dealt to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldsFlag {
    kind: Option<FoldKind>,
    folds: FoldCount,
}

impl FoldsFlag {
    /// The folds; those of no kind are of the hold-out's.
    #[must_use]
    pub fn rule(self, hold_out: HoldOut) -> FoldRule {
        let of_hold_out = match hold_out {
            HoldOut::None | HoldOut::Random(_) => FoldKind::Random,
            HoldOut::Days(_) => FoldKind::Days,
            HoldOut::Last(_) => FoldKind::Forward,
        };
        FoldRule { kind: self.kind.unwrap_or(of_hold_out), folds: self.folds }
    }
}

impl FromStr for FoldsFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} are no folds: write K, random:K, days:K or forward:K, with K from 2 to 50");
        let (kind, folds) = match text.split_once(':') {
            None => (None, text),
            Some(("random", folds)) => (Some(FoldKind::Random), folds),
            Some(("days", folds)) => (Some(FoldKind::Days), folds),
            Some(("forward", folds)) => (Some(FoldKind::Forward), folds),
            Some(_) => return Err(wrong()),
        };
        let folds = folds.parse().ok().and_then(FoldCount::new).ok_or_else(wrong)?;
        Ok(Self { kind, folds })
    }
}

/// A parameter with the values that a search tries, as it is written: `depth=8,12,16`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried(Grid);

impl FromStr for Tried {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut grid = Grid::default();
        match text.split_once('=') {
            Some(("trees", values)) => grid.trees = list(values, "a whole number")?,
            Some(("depth", values)) => grid.depth = list(values, "a number of at most 48")?,
            Some(("features-per-node", values)) => grid.features_per_node = subsets(values)?,
            Some(("min-rows", values)) => grid.min_rows = list(values, "a whole number")?,
            Some(("smoothing", values)) => {
                grid.smoothing = list(values, "a number")?.into_iter().map(Smoothing).collect();
            }
            _ => {
                let known = "trees, depth, features-per-node, min-rows and smoothing";
                return Err(format!("{text:?} is not KEY=VALUE,VALUE,... with a KEY of {known}"));
            }
        }
        Ok(Self(grid))
    }
}

fn list<V: FromStr>(values: &str, what: &str) -> Result<Vec<V>, String> {
    let value = |value: &str| value.trim().parse().map_err(|_| format!("{value:?} is not {what}"));
    values.split(',').map(value).collect()
}

fn subsets(values: &str) -> Result<Vec<FeatureSubset>, String> {
    values.split(',').map(|value| feature_subset(value.trim())).collect()
}

/// Features that compete at a node: `sqrt`, `all` or a number.
///
/// # Errors
/// Any other text.
pub fn feature_subset(text: &str) -> Result<FeatureSubset, String> {
    match text {
        "sqrt" => Ok(FeatureSubset::Sqrt),
        "all" => Ok(FeatureSubset::All),
        _ => text.parse().map(FeatureSubset::Count).map_err(|_| format!("{text:?} is not sqrt, all or a number")),
    }
}

/// All of what is tried together; of a parameter that is named twice, all its values.
fn grid(tried: &[Tried]) -> Grid {
    let mut grid = Grid::default();
    for Tried(of_one) in tried {
        grid.trees.extend(&of_one.trees);
        grid.depth.extend(&of_one.depth);
        grid.features_per_node.extend(&of_one.features_per_node);
        grid.min_rows.extend(&of_one.min_rows);
        grid.smoothing.extend(&of_one.smoothing);
    }
    grid
}

/// What a run judges by folds before it grows its forest.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchRule {
    /// The parameters to choose from; one when nothing is searched.
    pub candidates: Vec<ForestParams>,
    /// What judges them.
    pub folds: FoldRule,
}

/// A search that nobody could wait for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--search has {0} combinations, and may have {MOST_COMBINATIONS}: give fewer values")]
pub struct TooManyCombinations(usize);

/// What is asked for about folds and candidates.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The folds.
    pub folds: Option<FoldsFlag>,
    /// What is tried.
    pub tried: &'a [Tried],
    /// The most candidates to try; drawn by chance when there are more.
    pub most: Option<usize>,
}

impl SearchRule {
    /// What is asked for, around these parameters; `None` when neither folds nor candidates are.
    ///
    /// # Errors
    /// More combinations than anybody could wait for.
    pub fn of(asked: Asked<'_>, base: &ForestParams, hold_out: HoldOut) -> Result<Option<Self>, TooManyCombinations> {
        if asked.folds.is_none() && asked.tried.is_empty() {
            return Ok(None);
        }
        let grid = grid(asked.tried);
        if grid.len() > MOST_COMBINATIONS {
            return Err(TooManyCombinations(grid.len()));
        }
        let candidates = match asked.most {
            Some(most) => grid.draw(base, most, base.seed),
            None => grid.candidates(base),
        };
        Ok(Some(Self { candidates, folds: asked.folds.unwrap_or(USUAL_FOLDS).rule(hold_out) }))
    }

    /// What to grow and to judge.
    #[must_use]
    pub fn plan(&self) -> SearchPlan {
        SearchPlan::new(self.candidates.clone(), self.folds)
    }

    /// The folds as they are written.
    #[must_use]
    pub fn folds(&self) -> String {
        Folds(self.folds).to_string()
    }
}

struct Folds(FoldRule);

impl fmt::Display for Folds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0.kind {
            FoldKind::Random => "random",
            FoldKind::Days => "days",
            FoldKind::Forward => "forward",
        };
        write!(f, "{kind}:{}", self.0.folds.get())
    }
}

#[cfg(test)]
mod tests {
    use flightline_operators::identity::Share;

    use super::*;

    #[test]
    fn folds_are_of_the_kind_that_is_named_or_else_of_the_hold_outs() {
        let share = Share::new(0.2).unwrap();
        let written = |text: &str, hold_out| Folds(text.parse::<FoldsFlag>().unwrap().rule(hold_out)).to_string();
        assert_eq!(written("5", HoldOut::Last(share)), "forward:5");
        assert_eq!(written("5", HoldOut::Random(share)), "random:5");
        assert_eq!(written("5", HoldOut::Days(share)), "days:5");
        assert_eq!(written("3", HoldOut::None), "random:3");
        assert_eq!(written("forward:4", HoldOut::Random(share)), "forward:4");
        for text in ["", "1", "51", "-2", "forward", "last:3", "forward:", "days:x"] {
            assert!(text.parse::<FoldsFlag>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_tried_adds_up_and_nonsense_is_refused() {
        let tried = ["depth=8,12", "trees=20", "depth=16", "features-per-node=sqrt,all,3", "smoothing=0,2.5"];
        let grid = grid(&tried.map(|text| text.parse().unwrap()));
        assert_eq!(grid.depth, [8, 12, 16]);
        assert_eq!(grid.len(), 3 * 3 * 2);
        for text in ["", "depth", "depth=", "depth=8,", "depth=300", "deep=3", "features-per-node=some", "trees=-1"] {
            assert!(text.parse::<Tried>().is_err(), "{text}");
        }
    }
}
