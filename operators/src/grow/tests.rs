//! The grown forest against a naive one: plain loops over all rows of a node, the same hash weights, gain formula and
//! tie rules, no histograms, no workers. And the same forest from any number of workers.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use timely::dataflow::operators::{Inspect, ToStream};
use timely::{CommunicationConfig, WorkerConfig};

use super::*;
use crate::forest::{
    BinSet, ClassCounts, FeatureSubset, Forest, ForestParams, Impurity, Node, NodeIndex, Rule, Smoothing, Split, Tree,
    TreeIndex,
};
use crate::identity::{RowKey, Seed};
use crate::space::{Bin, BinLimit, FeatureBins, FeatureSpace};
use crate::table::{BinColumn, BinnedRows, Class};

/// Rows by row: one bin per feature.
#[derive(Clone, Debug)]
struct Case {
    rows: Vec<(Vec<Bin>, u8)>,
    space: FeatureSpace,
    params: ForestParams,
}

const CLASSES: usize = 3;
const BINS: Bin = 5;

fn case() -> impl Strategy<Value = Case> {
    let row = (prop::collection::vec(0..BINS, 4), 0..CLASSES as u8);
    let params = (1_u32..4, 0_u8..5, 1_u32..4, any::<bool>(), any::<bool>(), 1_u16..5, any::<u64>());
    (prop::collection::vec(row, 0..80), params).prop_map(|(rows, params)| {
        let (trees, depth, min_rows, bagging, gini, competing, seed) = params;
        let numeric = FeatureBins::Numeric { cuts: (1..BINS).map(|cut| i32::from(cut).into()).collect() };
        // Not in alphabetical order, so that ties by name differ from ties by bin.
        let names = ["d", "a", "c", "b", "e"].map(Box::from).into();
        let categorical = FeatureBins::Categorical { names };
        let space = FeatureSpace { features: vec![numeric.clone(), categorical.clone(), numeric, categorical] };
        let params = ForestParams {
            trees,
            depth,
            features_per_node: FeatureSubset::Count(competing),
            impurity: if gini { Impurity::Gini } else { Impurity::Entropy },
            min_rows,
            bagging,
            smoothing: Smoothing(0.0),
            bins: BinLimit::default(),
            seed: Seed(seed),
        };
        Case { rows, space, params }
    })
}

fn key(row: usize) -> RowKey {
    RowKey((row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

// ---- the oracle ----

fn naive_forest(case: &Case) -> Forest {
    let tree = |tree| {
        let weight = |row: usize| {
            if case.params.bagging { bagging_weight(case.params.seed, TreeIndex(tree), key(row)).into() } else { 1 }
        };
        let bag: Vec<(usize, u64)> =
            (0..case.rows.len()).map(|row| (row, weight(row))).filter(|row| row.1 > 0).collect();
        let mut nodes = Vec::new();
        naive_node(case, TreeIndex(tree), NodeIndex::ROOT, &bag, &mut nodes);
        nodes.sort_by_key(|node: &Node| node.index);
        Tree { nodes }
    };
    Forest { classes: CLASSES as u8, trees: (0..case.params.trees).map(tree).collect() }
}

fn naive_node(case: &Case, tree: TreeIndex, index: NodeIndex, bag: &[(usize, u64)], nodes: &mut Vec<Node>) {
    let counts = naive_counts(case, bag);
    let split = naive_split(case, tree, index, bag, &counts);
    if let Some(split) = &split {
        let goes_left = |row: usize| split.rule.goes_left(case.rows[row].0[split.feature.index()]);
        let (left, right): (Vec<_>, Vec<_>) = bag.iter().partition(|(row, _)| goes_left(*row));
        naive_node(case, tree, index.left(), &left, nodes);
        naive_node(case, tree, index.right(), &right, nodes);
    }
    nodes.push(Node { index, counts, split: split.map(Box::new) });
}

fn naive_counts(case: &Case, bag: &[(usize, u64)]) -> ClassCounts {
    let mut counts = ClassCounts::zero(CLASSES);
    bag.iter().for_each(|(row, weight)| counts.0[usize::from(case.rows[*row].1)] += weight);
    counts
}

fn numbers(counts: &ClassCounts) -> [f64; CLASSES] {
    counts.to_numbers().try_into().unwrap()
}

fn naive_split(
    case: &Case,
    tree: TreeIndex,
    index: NodeIndex,
    bag: &[(usize, u64)],
    counts: &ClassCounts,
) -> Option<Split> {
    let params = &case.params;
    if index.depth() == params.depth || counts.is_pure() {
        return None;
    }
    let parent = gain::weighted_impurity(params.impurity, &counts.to_numbers());
    let mut best = (counts.total() as f64 * gain::LEAST_RELATIVE_GAIN, None);
    for feature in FeatureDealer::new(params, 4).deal(tree, index).to_vec() {
        let of_bin = |bin: Bin| -> Vec<(usize, u64)> {
            bag.iter().copied().filter(|(row, _)| case.rows[*row].0[feature.index()] == bin).collect()
        };
        let mut order: Vec<Bin> = (0..BINS).filter(|bin| !of_bin(*bin).is_empty()).collect();
        let names = match &case.space.features[feature.index()] {
            FeatureBins::Numeric { .. } => None,
            FeatureBins::Categorical { names } => Some(names),
        };
        if let Some(names) = names {
            let of_bins: Vec<ClassCounts> = order.iter().map(|bin| naive_counts(case, &of_bin(*bin))).collect();
            let by_class: Vec<[f64; CLASSES]> = of_bins.iter().map(numbers).collect();
            let mut placed: Vec<(f64, &str, Bin)> = principal_places(&by_class, &numbers(counts))
                .into_iter()
                .zip(&order)
                .map(|(place, bin)| (place, names[usize::from(*bin)].as_ref(), *bin))
                .collect();
            placed.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
            order = placed.into_iter().map(|(_, _, bin)| bin).collect();
        }
        for cut in 1..order.len() {
            let left: Vec<(usize, u64)> = order[..cut].iter().flat_map(|bin| of_bin(*bin)).collect();
            let left = naive_counts(case, &left);
            let right = counts.without(&left);
            if left.total().min(right.total()) < u64::from(params.min_rows) {
                continue;
            }
            let gain = gain::gain(params.impurity, parent, &left.to_numbers(), &right.to_numbers());
            if gain > best.0 {
                let mut chosen = order[..cut].to_vec();
                if names.is_some() && left.total() >= right.total() {
                    chosen.extend((0..=BINS).filter(|bin| !order.contains(bin)));
                }
                let rule = match names {
                    None => Rule::AtMost(order[cut - 1]),
                    Some(names) => Rule::In(BinSet::of(chosen, names.len() + 1)),
                };
                best = (gain, Some(Split { feature, rule, gain }));
            }
        }
    }
    best.1
}

// ---- the dataflow ----

/// How the workers of one process talk: by handing over what they have, or in bytes, as if they were processes.
type Talk = fn(usize) -> CommunicationConfig;

/// Grows the case on `workers` workers, row `i` on worker `hash(i)`, or all rows on the first.
fn dataflow_forest(case: &Case, limits: GrowLimits, workers: usize, talk: Talk) -> Vec<Option<Forest>> {
    let case = Arc::new(case.clone());
    let shared = Arc::clone(&case);
    let config = timely::Config { communication: talk(workers), worker: WorkerConfig::default() };
    let forests = timely::execute(config, move |worker| {
        let mine = |row: &usize| key(*row).0 as usize % workers == worker.index();
        let rows: Vec<usize> = (0..shared.rows.len()).filter(mine).collect();
        let bins = |feature: usize| -> Vec<Bin> { rows.iter().map(|row| shared.rows[*row].0[feature]).collect() };
        let data = BinnedRows {
            columns: (0..4)
                .map(|feature| match feature {
                    0 => BinColumn::Wide(bins(feature)),
                    _ => BinColumn::Narrow(bins(feature).into_iter().map(|bin| bin as u8).collect()),
                })
                .collect(),
            classes: rows.iter().map(|row| Class(shared.rows[*row].1)).collect(),
            keys: rows.iter().map(|row| key(*row)).collect(),
        };
        let layout = Rc::new(Layout::new(&shared.space, CLASSES));
        let rows_everywhere = shared.rows.len() as u64;
        let input = GrowInput { rows: Rc::new(data), layout, rows_everywhere, limits };
        let params = Rc::new(shared.params.clone());
        let grown: Rc<RefCell<Vec<Rc<Forest>>>> = Rc::default();
        let seen = Rc::clone(&grown);
        worker.dataflow::<u64, _, _>(|scope| {
            let input = Some(input).to_stream(scope);
            grow_forest(input, params, |_| ()).inspect(move |grown| seen.borrow_mut().push(Rc::clone(&grown.forest)));
        });
        while worker.step_or_park(None) {}
        assert!(grown.borrow().len() <= 1, "one forest per worker");
        grown.borrow().first().map(|forest| Forest::clone(forest))
    });
    forests.unwrap().join().into_iter().map(Result::unwrap).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn the_dataflow_grows_the_naive_forest_node_by_node(
        case in case(), workers in prop::sample::select(vec![1, 2, 4]), bytes_at_once in prop::sample::select(vec![0, 1 << 30]),
        talk in prop::sample::select(vec![CommunicationConfig::Process as Talk, CommunicationConfig::ProcessBinary]),
    ) {
        let expected = naive_forest(&case);
        let limits = GrowLimits { bytes_at_once, ..GrowLimits::default() };
        for grown in dataflow_forest(&case, limits, workers, talk).into_iter().map(Option::unwrap) {
            for (tree, (grown, expected)) in grown.trees.iter().zip(&expected.trees).enumerate() {
                for (grown, expected) in grown.nodes.iter().zip(&expected.nodes) {
                    prop_assert_eq!(grown, expected, "tree {}", tree);
                }
            }
            prop_assert_eq!(&grown, &expected);
        }
    }

    #[test]
    fn a_forest_of_more_bytes_than_allowed_is_given_up_by_all_workers_and_no_other_is(
        case in case(), workers in prop::sample::select(vec![1, 3]), bytes_at_once in prop::sample::select(vec![0, 1 << 30]),
        share in 0.0_f64..2.0,
    ) {
        let expected = naive_forest(&case);
        let bytes: u64 = expected.trees.iter().flat_map(|tree| &tree.nodes).map(Node::bytes).sum();
        let most_bytes = (bytes as f64 * share) as u64;
        let fits = bytes <= most_bytes;
        let limits = GrowLimits { bytes_at_once, most_bytes };
        for grown in dataflow_forest(&case, limits, workers, CommunicationConfig::Process) {
            prop_assert_eq!(grown.as_ref(), fits.then_some(&expected));
        }
    }
}

#[test]
fn groups_of_trees_do_not_change_the_forest() {
    // Two row counts that give one group of three trees, and three groups of one.
    let case = Case {
        rows: (0..200).map(|i: u16| (vec![i % 5, i / 7 % 5, i / 3 % 5, i % 4], (i % 3) as u8)).collect(),
        space: FeatureSpace { features: vec![FeatureBins::Numeric { cuts: (1..5).map(i32::into).collect() }; 4] },
        params: ForestParams {
            trees: 3,
            depth: 4,
            features_per_node: FeatureSubset::Sqrt,
            impurity: Impurity::Gini,
            min_rows: 1,
            bagging: true,
            smoothing: Smoothing(0.0),
            bins: BinLimit::default(),
            seed: Seed(1),
        },
    };
    let data = || {
        Rc::new(BinnedRows {
            columns: (0..4).map(|f| BinColumn::Wide(case.rows.iter().map(|row| row.0[f]).collect())).collect(),
            classes: case.rows.iter().map(|row| Class(row.1)).collect(),
            keys: (0..200).map(key).collect(),
        })
    };
    let layout = Rc::new(Layout::new(&case.space, CLASSES));
    let params = Rc::new(case.params.clone());
    let grow = |rows| {
        let crew = Crew { worker: 0, workers: 1, rows };
        let grower = LocalGrower::new(data(), Rc::clone(&layout), Rc::clone(&params), crew);
        let (forest, levels) = grow_alone(grower, &layout, &params);
        assert_eq!(levels, LocalGrower::levels(&case.params), "progress ends at its total");
        forest
    };
    assert_eq!(grow(200), grow(100_000_000));
}
