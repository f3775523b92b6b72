//! Whether the parts of a model fit together, so that no answer of it can go out of bounds.
//!
//! Asked of every new model and of every one that is read: a file may be whole and yet say nonsense.

use std::collections::HashSet;

use flightline_operators::evaluate::{CALIBRATION_BINS, Tally};
use flightline_operators::forest::{Forest, ForestParams, Node, NodeIndex, Rule, Tree};
use flightline_operators::space::{FeatureBins, FeatureSpace, MAX_VOCABULARY};

use super::metrics::Metrics;
use super::schema::Schema;
use crate::flight::features::{Feature, FeatureKind};

/// Checks everything that answers depend on.
///
/// # Errors
/// The first thing that does not fit.
pub(super) fn check(
    schema: &Schema,
    space: &FeatureSpace,
    params: &ForestParams,
    forest: &Forest,
    metrics: &Metrics,
) -> Result<(), String> {
    check_schema(schema, space)?;
    if let Err(wrong) = params.check() {
        return Err(wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    }
    let classes = schema.classes();
    if schema.label.names.len() != classes || usize::from(forest.classes) != classes {
        return Err(format!(
            "the label has {classes} classes, {} names, and the forest {} classes",
            schema.label.names.len(),
            forest.classes
        ));
    }
    if forest.trees.is_empty() {
        return Err("the forest has no tree".to_owned());
    }
    for (number, tree) in forest.trees.iter().enumerate() {
        check_tree(tree, classes, space).map_err(|wrong| format!("tree {number}: {wrong}"))?;
    }
    let tallies = [&metrics.train, &metrics.held_out, &metrics.companion];
    match tallies.into_iter().flatten().all(|tally| is_tally(tally, classes)) {
        true => Ok(()),
        false => Err(format!("a tally is not one of {classes} classes")),
    }
}

fn check_schema(schema: &Schema, space: &FeatureSpace) -> Result<(), String> {
    if schema.features.is_empty() || schema.features.len() != space.features.len() {
        return Err(format!("{} features have {} lists of bins", schema.features.len(), space.features.len()));
    }
    let distinct: HashSet<Feature> = schema.features.iter().copied().collect();
    if distinct.len() != schema.features.len() {
        return Err("a feature is there twice".to_owned());
    }
    for (feature, bins) in schema.features.iter().zip(&space.features) {
        let fits = match (feature.kind(), bins) {
            (FeatureKind::Numeric, FeatureBins::Numeric { cuts }) => {
                cuts.len() <= MAX_VOCABULARY && cuts.is_sorted_by(|a, b| a < b)
            }
            (FeatureKind::Categorical, FeatureBins::Categorical { names }) => {
                names.len() <= MAX_VOCABULARY && names.iter().collect::<HashSet<_>>().len() == names.len()
            }
            _ => false,
        };
        if !fits {
            return Err(format!("the bins of {feature} are not ascending, not distinct, too many or of another kind"));
        }
    }
    Ok(())
}

fn check_tree(tree: &Tree, classes: usize, space: &FeatureSpace) -> Result<(), String> {
    // In heap order the children of a level follow in the order of their parents.
    let mut awaited = Vec::with_capacity(tree.nodes.len());
    awaited.push(NodeIndex::ROOT);
    for (place, node) in tree.nodes.iter().enumerate() {
        if awaited.get(place) != Some(&node.index) {
            return Err(format!("node {} stands where another belongs", node.index.0));
        }
        check_node(node, classes, space).map_err(|wrong| format!("node {}: {wrong}", node.index.0))?;
        if node.split.is_some() {
            awaited.extend([node.index.left(), node.index.right()]);
        }
    }
    match awaited.len() == tree.nodes.len() {
        true => Ok(()),
        false => Err(format!("{} nodes are missing", awaited.len() - tree.nodes.len())),
    }
}

fn check_node(node: &Node, classes: usize, space: &FeatureSpace) -> Result<(), String> {
    if node.counts.0.len() != classes {
        return Err(format!("it counts {} classes", node.counts.0.len()));
    }
    let rows = node.counts.0.iter().try_fold(0_u64, |sum, rows| sum.checked_add(*rows));
    if rows.is_none() {
        return Err("it counts more rows than there are numbers".to_owned());
    }
    let Some(split) = &node.split else { return Ok(()) };
    if node.index.depth() >= ForestParams::MAX_DEPTH {
        return Err("it is too deep to be split".to_owned());
    }
    let Some(bins) = space.features.get(split.feature.index()) else {
        return Err(format!("it asks feature {}, which is not there", split.feature.0));
    };
    let fits = match &split.rule {
        Rule::AtMost(last) => usize::from(*last) < bins.len(),
        Rule::In(set) => {
            let beyond = set.0.last().map_or(0, |word| word.checked_shr((bins.len() % 64) as u32).unwrap_or(0));
            let full = bins.len().is_multiple_of(64);
            bins.is_categorical() && set.0.len() == bins.len().div_ceil(64) && (full || beyond == 0)
        }
    };
    if !fits || !split.gain.is_finite() {
        return Err("its rule does not fit the bins of its feature".to_owned());
    }
    Ok(())
}

fn is_tally(tally: &Tally, classes: usize) -> bool {
    usize::from(tally.classes) == classes
        && tally.confusion.len() == classes * classes
        && tally.calibration.len() == classes * CALIBRATION_BINS
}
