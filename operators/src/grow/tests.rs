//! The grown forest against a naive one: plain loops over all rows of a node, the same hash weights, gain formula and
//! tie rules, no histograms, no workers. And the same forest from any number of workers.

mod naive;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use timely::dataflow::operators::{Inspect, ToStream};
use timely::{CommunicationConfig, WorkerConfig};

use naive::{block, naive_forest};

use super::*;
use crate::folds::{Block, FoldCount, FoldKind, FoldRule};
use crate::forest::{
    BinSet, ClassCounts, FeatureSubset, FlatForest, Forest, ForestParams, ForestSize, Impurity, Node, NodeIndex, Rule,
    Smoothing, Split, Tree, TreeIndex,
};
use crate::identity::{RowKey, Seed};
use crate::space::{Bin, BinLimit, FeatureBins, FeatureSpace};
use crate::table::{BinColumn, BinnedRows, Class};

/// Rows by row: one bin per feature.
#[derive(Clone, Debug)]
struct Case {
    rows: Vec<(Vec<Bin>, u8)>,
    space: FeatureSpace,
    forests: Vec<ForestTask>,
    limits: GrowLimits,
}

const CLASSES: usize = 3;
const BINS: Bin = 5;

fn params() -> impl Strategy<Value = ForestParams> {
    let numbers = (1_u32..4, 0_u8..5, 1_u32..4, any::<bool>(), any::<bool>(), 1_u16..5, any::<u64>());
    numbers.prop_map(|(trees, depth, min_rows, bagging, gini, competing, seed)| ForestParams {
        trees,
        depth,
        features_per_node: FeatureSubset::Count(competing),
        impurity: if gini { Impurity::Gini } else { Impurity::Entropy },
        min_rows,
        bagging,
        smoothing: Smoothing(0.0),
        bins: BinLimit::default(),
        seed: Seed(seed),
    })
}

/// Of all rows, or of a fold.
fn task() -> impl Strategy<Value = ForestTask> {
    let kinds = prop::sample::select(vec![FoldKind::Random, FoldKind::Forward]);
    let fold = (kinds, prop::sample::select(vec![0_usize, 1])).prop_map(|(kind, fold)| {
        let rule = FoldRule { kind, folds: FoldCount::new(2).unwrap() };
        rule.splits()[fold]
    });
    (params(), prop::option::of(fold)).prop_map(|(params, fold)| ForestTask { params, fold })
}

fn case() -> impl Strategy<Value = Case> {
    let row = (prop::collection::vec(0..BINS, 4), 0..CLASSES as u8);
    (prop::collection::vec(row, 0..80), prop::collection::vec(task(), 1..4)).prop_map(|(rows, forests)| {
        let numeric = FeatureBins::Numeric { cuts: (1..BINS).map(|cut| i32::from(cut).into()).collect() };
        // Not in alphabetical order, so that ties by name differ from ties by bin.
        let names = ["d", "a", "c", "b", "e"].map(Box::from).into();
        let categorical = FeatureBins::Categorical { names };
        let space = FeatureSpace { features: vec![numeric.clone(), categorical.clone(), numeric, categorical] };
        Case { rows, space, forests, limits: GrowLimits::default() }
    })
}

fn key(row: usize) -> RowKey {
    RowKey((row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// How the workers of one process talk: by handing over what they have, or in bytes, as if they were processes.
type Talk = fn(usize) -> CommunicationConfig;

/// Grows the forests of the case on `workers` workers, row `i` on worker `hash(i)`, or all rows on the first.
fn dataflow_forests(case: &Case, workers: usize, talk: Talk) -> Vec<Vec<Option<Forest>>> {
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
            blocks: rows.iter().map(|row| block(*row)).collect(),
        };
        let layout = Rc::new(Layout::new(&shared.space, CLASSES));
        let tasks = Rc::new(Tasks::new(shared.forests.clone()));
        let (rows_everywhere, limits) = (shared.rows.len() as u64, shared.limits);
        let input = GrowInput { rows: Rc::new(data), layout, tasks, rows_everywhere, limits };
        let grown: Rc<RefCell<Vec<Option<Rc<Forest>>>>> = Rc::default();
        let seen = Rc::clone(&grown);
        worker.dataflow::<u64, _, _>(|scope| {
            let input = Some(input).to_stream(scope);
            grow_forests(input, |_| ()).inspect(move |grown| {
                assert_eq!(grown.task, seen.borrow().len(), "forests come in order");
                seen.borrow_mut().push(grown.forest.clone());
            });
        });
        while worker.step_or_park(None) {}
        grown.take().into_iter().map(|forest| forest.map(Rc::unwrap_or_clone)).collect()
    });
    forests.unwrap().join().into_iter().map(Result::unwrap).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn the_dataflow_grows_the_naive_forest_node_by_node(
        case in case(), workers in prop::sample::select(vec![1, 2, 4]),
        bytes_at_once in prop::sample::select(vec![0, 1 << 30]),
        talk in prop::sample::select(vec![CommunicationConfig::Process as Talk, CommunicationConfig::ProcessBinary]),
    ) {
        let expected: Vec<Forest> = case.forests.iter().map(|task| naive_forest(&case, task)).collect();
        let case = Case { limits: GrowLimits { bytes_at_once, ..GrowLimits::default() }, ..case };
        for grown in dataflow_forests(&case, workers, talk) {
            let grown: Vec<Forest> = grown.into_iter().map(Option::unwrap).collect();
            for (forest, (grown, expected)) in grown.iter().zip(&expected).enumerate() {
                for (tree, (grown, expected)) in grown.trees.iter().zip(&expected.trees).enumerate() {
                    for (grown, expected) in grown.nodes.iter().zip(&expected.nodes) {
                        prop_assert_eq!(grown, expected, "forest {}, tree {}", forest, tree);
                    }
                }
            }
            prop_assert_eq!(&grown, &expected);
        }
    }

    #[test]
    fn a_forest_of_more_bytes_than_allowed_is_given_up_by_all_workers_and_no_other_is(
        case in case(), workers in prop::sample::select(vec![1, 3]),
        bytes_at_once in prop::sample::select(vec![0, 1 << 30]), most_bytes in 0_u64..6000,
    ) {
        let mut case = Case { limits: GrowLimits { bytes_at_once, most_bytes }, ..case };
        case.forests.truncate(1);
        let expected = naive_forest(&case, &case.forests[0]);
        let nodes = expected.trees.iter().flat_map(|tree| &tree.nodes);
        let fits = nodes.map(Node::bytes).sum::<u64>() <= most_bytes;
        for grown in dataflow_forests(&case, workers, CommunicationConfig::Process) {
            prop_assert_eq!(grown, vec![fits.then_some(expected.clone())]);
        }
    }

    /// What a search relies on when it grows the largest of its candidates only.
    #[test]
    fn a_smaller_forest_is_the_larger_one_cut_down(case in case(), trees in 1_u32..4, depth in 0_u8..5) {
        let mut task = case.forests[0].clone();
        let (trees, depth) = (trees.min(task.params.trees), depth.min(task.params.depth));
        let large = naive_forest(&case, &task);
        (task.params.trees, task.params.depth) = (trees, depth);
        let size = ForestSize { trees, depth };
        let cut = large.trees[..trees as usize].iter().map(|tree| tree.cut(depth).into_owned()).collect::<Vec<_>>();
        let small = naive_forest(&case, &task);
        prop_assert_eq!(&cut, &small.trees);
        let columns: Vec<BinColumn> = (0..4)
            .map(|feature| BinColumn::Wide(case.rows.iter().map(|row| row.0[feature]).collect()))
            .collect();
        let probabilities = |forest: FlatForest| forest.probabilities(&columns, 0..case.rows.len());
        let (cut, small) = (FlatForest::cut(&large, size, Smoothing(1.0)), FlatForest::new(&small, Smoothing(1.0)));
        prop_assert_eq!(probabilities(cut), probabilities(small));
    }
}

#[test]
fn groups_of_trees_do_not_change_the_forest() {
    // Two row counts that give one group of three trees, and three groups of one.
    let case = Case {
        rows: (0..200).map(|i: u16| (vec![i % 5, i / 7 % 5, i / 3 % 5, i % 4], (i % 3) as u8)).collect(),
        space: FeatureSpace { features: vec![FeatureBins::Numeric { cuts: (1..5).map(i32::into).collect() }; 4] },
        forests: Vec::new(),
        limits: GrowLimits::default(),
    };
    let params = ForestParams {
        trees: 3,
        depth: 4,
        features_per_node: FeatureSubset::Sqrt,
        impurity: Impurity::Gini,
        min_rows: 1,
        bagging: true,
        smoothing: Smoothing(0.0),
        bins: BinLimit::default(),
        seed: Seed(1),
    };
    let data = || {
        Rc::new(BinnedRows {
            columns: (0..4).map(|f| BinColumn::Wide(case.rows.iter().map(|row| row.0[f]).collect())).collect(),
            classes: case.rows.iter().map(|row| Class(row.1)).collect(),
            keys: (0..200).map(key).collect(),
            blocks: Vec::new(),
        })
    };
    let layout = Rc::new(Layout::new(&case.space, CLASSES));
    let grow = |rows| {
        let crew = Crew { worker: 0, workers: 1, rows, limits: case.limits };
        let tasks = Tasks::one(params.clone());
        let total = tasks.levels();
        let (forests, levels) = grow_alone(data(), &layout, tasks, crew);
        assert_eq!(levels, total, "progress ends at its total");
        forests
    };
    assert_eq!(grow(200), grow(100_000_000));
}
