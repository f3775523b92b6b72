//! The other grower: whole trees by `linfa-trees`, a share of them on each worker.
//!
//! Exact splits on a matrix of bin numbers, for small data and as the baseline that the histogram grower must beat.
//! Every worker gets all rows. The library knows no categories (their bins, most frequent first, are taken as
//! numbers), draws no features per node (all compete everywhere), and prunes siblings that predict one class. Its ties
//! follow the order of a hash map, so this grower stands *outside* the invariant that equal rows give equal models.
//! Class counts are ours, counted anew from the rows.

use std::rc::Rc;

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_trees::{DecisionTree, SplitQuality, TreeNode};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::vec::Broadcast;
use timely::progress::Timestamp;

use crate::flow::{VecStream, fold_at_end, join_at_end};
use crate::forest::{
    BinSet, ClassCounts, Forest, ForestParams, Impurity, Node, NodeIndex, Rule, Split, Tree, TreeIndex,
};
use crate::grow::{GrowInput, Layout, bagging_weight, gain};
use crate::identity::RowKey;
use crate::space::{Bin, FeatureIndex};
use crate::table::Class;

/// The library refused the data: it is given only valid ones, so this is a bug worth reading about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("linfa-trees could not grow tree {tree}: {reason}")]
pub struct LinfaError {
    tree: u32,
    reason: String,
}

/// A row as it travels to all workers.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct WholeRow {
    key: RowKey,
    class: Class,
    bins: Vec<Bin>,
}

type GrownTree = Result<(TreeIndex, Tree), LinfaError>;

/// Grows a forest with `linfa-trees`; every worker gets all of it.
///
/// `input` carries one element per worker; `on_trees` hears of every tree grown here.
pub fn grow_with_linfa<'scope, T: Timestamp>(
    input: VecStream<'scope, T, GrowInput>,
    params: Rc<ForestParams>,
    on_trees: impl Fn(u64) + 'static,
) -> VecStream<'scope, T, Result<Rc<Forest>, LinfaError>> {
    let (worker, peers) = (input.scope().index() as u32, input.scope().peers());
    let rows = fold_at_end(input.clone(), Pipeline, "ShareRows", Vec::new(), Vec::push, |inputs: Vec<GrowInput>| {
        inputs.iter().flat_map(whole_rows).collect()
    });
    let grower = Rc::clone(&params);
    let trees =
        join_at_end(input.clone(), Pipeline, rows.broadcast(), Pipeline, "GrowTrees", move |inputs, mut rows| {
            // The order in which rows come from other workers is chance.
            rows.sort_unstable_by_key(|row| row.key);
            let mine = (worker..grower.trees).step_by(peers).map(TreeIndex);
            let grown: Vec<GrownTree> = match inputs.first() {
                None => Vec::new(),
                Some(input) => mine
                    .map(|tree| {
                        let grown = grow_tree(tree, &rows, &input.layout, &grower).map(|grown| (tree, grown));
                        on_trees(1);
                        grown
                    })
                    .collect(),
            };
            grown
        });
    join_at_end(input, Pipeline, trees.broadcast(), Pipeline, "CollectTrees", |inputs, trees: Vec<GrownTree>| {
        let collected: Result<Vec<(TreeIndex, Tree)>, LinfaError> = trees.into_iter().collect();
        let forest = |input: GrowInput| {
            collected.clone().map(|mut trees| {
                trees.sort_unstable_by_key(|(index, _)| *index);
                let trees = trees.into_iter().map(|(_, tree)| tree).collect();
                Rc::new(Forest { classes: input.layout.classes() as u8, trees })
            })
        };
        inputs.into_iter().map(forest).collect()
    })
}

fn whole_rows(input: &GrowInput) -> Vec<WholeRow> {
    let data = &input.rows;
    let row = |row: usize| WholeRow {
        key: data.keys[row],
        class: data.classes[row],
        bins: data.columns.iter().map(|column| column.get(row)).collect(),
    };
    (0..data.len()).map(row).collect()
}

/// Rows of a tree's bag with their weights.
type Bag<'a> = Vec<(&'a WholeRow, u64)>;

fn grow_tree(tree: TreeIndex, rows: &[WholeRow], layout: &Layout, params: &ForestParams) -> Result<Tree, LinfaError> {
    let weight = |row: &WholeRow| match params.bagging {
        true => u64::from(bagging_weight(params.seed, tree, row.key)),
        false => 1,
    };
    let bag: Bag<'_> = rows.iter().map(|row| (row, weight(row))).filter(|(_, weight)| *weight > 0).collect();
    let mut nodes = Vec::new();
    if bag.is_empty() {
        nodes.push(Node { index: NodeIndex::ROOT, counts: counts(&bag, layout), split: None });
        return Ok(Tree { nodes });
    }
    let fitted = fit(&bag, layout, params).map_err(|error| LinfaError { tree: tree.0, reason: error.to_string() })?;
    copy_node(fitted.root_node(), NodeIndex::ROOT, bag, layout, params, &mut nodes);
    nodes.sort_unstable_by_key(|node| node.index);
    Ok(Tree { nodes })
}

fn fit(bag: &Bag<'_>, layout: &Layout, params: &ForestParams) -> Result<DecisionTree<f32, usize>, linfa::Error> {
    let features = usize::from(layout.features());
    let matrix = Array2::from_shape_fn((bag.len(), features), |(row, feature)| f32::from(bag[row].0.bins[feature]));
    let classes: Array1<usize> = bag.iter().map(|(row, _)| row.class.index()).collect();
    let weights: Array1<f32> = bag.iter().map(|(_, weight)| *weight as f32).collect();
    let dataset = DatasetBase::new(matrix, classes).with_weights(weights);
    let quality = match params.impurity {
        Impurity::Gini => SplitQuality::Gini,
        Impurity::Entropy => SplitQuality::Entropy,
    };
    DecisionTree::params()
        .split_quality(quality)
        .max_depth(Some(usize::from(params.depth)))
        .min_weight_split(2.0 * params.min_rows as f32)
        .min_weight_leaf(params.min_rows as f32)
        .fit(&dataset)
}

/// Copies a node of the library's tree into ours, with the class counts of the rows that reach it.
fn copy_node(
    theirs: &TreeNode<f32, usize>,
    index: NodeIndex,
    bag: Bag<'_>,
    layout: &Layout,
    params: &ForestParams,
    nodes: &mut Vec<Node>,
) {
    let counts = counts(&bag, layout);
    let children = theirs.children();
    let (Some(left), Some(right)) = (children[0].as_deref(), children[1].as_deref()) else {
        nodes.push(Node { index, counts, split: None });
        return;
    };
    let (feature, value, _) = theirs.split();
    // Rows with `bin <= value` went left while fitting.
    let last = value.floor() as Bin;
    let (goes_left, goes_right): (Bag<'_>, Bag<'_>) = bag.into_iter().partition(|(row, _)| row.bins[feature] <= last);
    let (left_counts, right_counts) = (self::counts(&goes_left, layout), self::counts(&goes_right, layout));
    let parent = gain::weighted_impurity(params.impurity, &counts.to_numbers());
    let gain = gain::gain(params.impurity, parent, &left_counts.to_numbers(), &right_counts.to_numbers());
    let feature = FeatureIndex(feature as u16);
    let rule = match layout.unseen(feature) {
        None => Rule::AtMost(last),
        Some(unseen) => {
            let with_unseen = (left_counts.total() >= right_counts.total()).then_some(unseen);
            Rule::In(BinSet::of((0..=last.min(unseen - 1)).chain(with_unseen), usize::from(unseen) + 1))
        }
    };
    copy_node(left, index.left(), goes_left, layout, params, nodes);
    copy_node(right, index.right(), goes_right, layout, params, nodes);
    nodes.push(Node { index, counts, split: Some(Box::new(Split { feature, rule, gain })) });
}

fn counts(bag: &Bag<'_>, layout: &Layout) -> ClassCounts {
    let mut counts = ClassCounts::zero(layout.classes());
    bag.iter().for_each(|(row, weight)| counts.0[row.class.index()] += weight);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forest::{FeatureSubset, Smoothing};
    use crate::grow::{Crew, LocalGrower};
    use crate::identity::Seed;
    use crate::space::{BinLimit, FeatureBins, FeatureSpace};
    use crate::table::{BinColumn, BinnedRows};
    use proptest::prelude::*;

    const ROWS: usize = 120;

    /// Each feature a permutation of the rows, so no two values are equal.
    fn rows(seed: u64) -> Vec<WholeRow> {
        let permutation = |feature: u64| {
            let mut order: Vec<usize> = (0..ROWS).collect();
            order.sort_by_key(|row| Seed(seed).draw(crate::identity::Purpose::Golden, [feature, *row as u64]));
            order
        };
        let columns: Vec<Vec<usize>> = (0..3).map(permutation).collect();
        let row = |row: usize| WholeRow {
            key: RowKey(row as u64),
            class: Class(((columns[0][row] * 3 + columns[1][row] + row % 40) / 170) as u8),
            bins: columns.iter().map(|column| column[row] as Bin).collect(),
        };
        (0..ROWS).map(row).collect()
    }

    fn params(depth: u8) -> ForestParams {
        ForestParams {
            trees: 1,
            depth,
            features_per_node: FeatureSubset::All,
            impurity: Impurity::Gini,
            min_rows: 1,
            bagging: false,
            smoothing: Smoothing(0.0),
            bins: BinLimit::default(),
            seed: Seed(1),
        }
    }

    proptest! {
        /// Both exact on numbers without ties: wherever the library splits (it prunes what changes no prediction), the
        /// decrease of impurity is ours.
        #[test]
        fn a_single_tree_has_the_same_decreases_of_impurity(seed in 0_u64..500) {
            let (rows, params) = (rows(seed), params(4));
            let cuts = (1..ROWS as i32).map(crate::columns::Number::from).collect();
            let space = FeatureSpace { features: vec![FeatureBins::Numeric { cuts }; 3] };
            let layout = Rc::new(Layout::new(&space, 4));
            let bag: Bag<'_> = rows.iter().map(|row| (row, 1)).collect();
            let theirs = fit(&bag, &layout, &params).unwrap();
            let data = BinnedRows {
                columns: (0..3).map(|f| BinColumn::Wide(rows.iter().map(|row| row.bins[f]).collect())).collect(),
                classes: rows.iter().map(|row| row.class).collect(),
                keys: rows.iter().map(|row| row.key).collect(),
            };
            let (crew, params) = (Crew { worker: 0, workers: 1, rows: ROWS as u64 }, Rc::new(params));
            let grower = LocalGrower::new(Rc::new(data), Rc::clone(&layout), Rc::clone(&params), crew);
            let (ours, _) = crate::grow::grow_alone(grower, &layout, &params);
            let mut places = vec![(theirs.root_node(), NodeIndex::ROOT)];
            while let Some((their_node, index)) = places.pop() {
                let our_node = ours.trees[0].nodes.iter().find(|node| node.index == index);
                let our_split = our_node.and_then(|node| Some((node.counts.total(), node.split.as_deref()?)));
                if their_node.is_leaf() {
                    continue;
                }
                let (feature, value, decrease) = their_node.split();
                prop_assert!(our_split.is_some(), "they split node {} by feature {}", index.0, feature);
                let (rows, split) = our_split.unwrap();
                prop_assert!((split.gain / rows as f64 - f64::from(decrease)).abs() < 1e-4, "node {}", index.0);
                // Two features may gain the same: then the trees part here, rightly.
                if split.feature.index() == feature && split.rule == Rule::AtMost(value.floor() as Bin) {
                    let children = their_node.children();
                    places.extend(children[0].as_deref().map(|left| (left, index.left())));
                    places.extend(children[1].as_deref().map(|right| (right, index.right())));
                }
            }
        }
    }

    #[test]
    fn a_copied_tree_counts_its_rows_and_sends_them_where_the_library_did() {
        let (rows, params) = (rows(3), params(4));
        let cuts = (1..ROWS as i32).map(crate::columns::Number::from).collect();
        let space = FeatureSpace { features: vec![FeatureBins::Numeric { cuts }; 3] };
        let layout = Layout::new(&space, 4);
        let tree = grow_tree(TreeIndex(0), &rows, &layout, &params).unwrap();
        assert!(tree.nodes.len() > 3, "the classes can be told apart");
        assert_eq!(tree.nodes[0].counts.total(), ROWS as u64);
        let children = tree.left_children();
        for (node, left) in tree.nodes.iter().zip(children).filter(|(node, _)| node.split.is_some()) {
            let mut sum = tree.nodes[left as usize].counts.clone();
            sum.add(&tree.nodes[left as usize + 1].counts);
            assert_eq!(sum, node.counts);
        }
    }
}
