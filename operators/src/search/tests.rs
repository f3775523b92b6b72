//! A search against one forest after the other, and the same outcome from any number of workers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use timely::dataflow::operators::{Inspect, ToStream};
use timely::{CommunicationConfig, WorkerConfig};

use super::*;
use crate::evaluate::Tally;
use crate::folds::{Block, FoldCount, FoldKind, FoldRule};
use crate::forest::{FeatureSubset, FlatForest, ForestParams, Impurity, Smoothing};
use crate::grow::{Crew, ForestTask, GrowInput, GrowLimits, Layout, Tasks, grow_alone};
use crate::identity::{Purpose, RowKey, Seed};
use crate::space::{Bin, BinLimit, FeatureBins, FeatureSpace};
use crate::table::{BinColumn, BinnedRows, Class};

const ROWS: u64 = 300;

/// Rows whose class follows a feature, and now and then does not.
fn rows(of: impl Fn(u64) -> bool) -> BinnedRows {
    let draw = |row: u64, part: u64| Seed(3).draw(Purpose::Golden, [row, part]);
    let mine: Vec<u64> = (0..ROWS).filter(|row| of(*row)).collect();
    let bins = |part| mine.iter().map(|row| (draw(*row, part) % 8) as Bin).collect::<Vec<Bin>>();
    let class = |row: &u64| Class(((draw(*row, 0) % 8 / 3 + u64::from(draw(*row, 9) % 4 == 0)) % 3) as u8);
    BinnedRows {
        columns: (0..3).map(|part| BinColumn::Wide(bins(part))).collect(),
        classes: mine.iter().map(class).collect(),
        keys: mine.iter().map(|row| RowKey(draw(*row, 7))).collect(),
        blocks: mine.iter().map(|row| Block((draw(*row, 8) % 4) as u8)).collect(),
    }
}

fn layout() -> Rc<Layout> {
    let space = FeatureSpace { features: vec![FeatureBins::Numeric { cuts: (1..8).map(i32::into).collect() }; 3] };
    Rc::new(Layout::new(&space, 3))
}

fn base(seed: u64) -> ForestParams {
    ForestParams {
        trees: 2,
        depth: 3,
        features_per_node: FeatureSubset::Count(2),
        impurity: Impurity::Gini,
        min_rows: 1,
        bagging: true,
        smoothing: Smoothing(0.0),
        bins: BinLimit::default(),
        seed: Seed(seed),
    }
}

fn grid() -> Grid {
    Grid {
        trees: vec![1, 4],
        depth: vec![0, 2, 5],
        features_per_node: vec![FeatureSubset::All, FeatureSubset::Count(1)],
        min_rows: vec![1, 20],
        smoothing: vec![Smoothing(0.0), Smoothing(9.0)],
    }
}

/// One forest after the other, each grown by itself and judged row by row.
fn naive(plan: &SearchPlan) -> Vec<Outcome> {
    let rows = rows(|_| true);
    let outcome = |params: &ForestParams| {
        let tally = |fold| {
            let task = ForestTask { params: params.clone(), fold: Some(fold) };
            let crew = Crew { worker: 0, workers: 1, rows: ROWS, limits: GrowLimits::default() };
            let (forests, _) = grow_alone(Rc::new(rows.clone()), &layout(), Tasks::new(vec![task]), crew);
            let flat = FlatForest::new(&forests[0], params.smoothing);
            let mut tally = Tally::empty(3);
            for row in (0..rows.len()).filter(|row| fold.is_judged_by(rows.blocks[*row])) {
                tally.add(rows.classes[row], &flat.probabilities(&rows.columns, row..row + 1));
            }
            tally
        };
        Outcome { params: params.clone(), by_fold: plan.folds().iter().copied().map(tally).collect() }
    };
    plan.candidates().iter().map(outcome).collect()
}

fn searched(
    candidates: &[ForestParams],
    folds: FoldRule,
    workers: usize,
    most_bytes: u64,
) -> (Vec<Outcome>, Vec<ForestParams>) {
    let candidates = Arc::new(candidates.to_vec());
    // In bytes, as between processes: once the parameters themselves were sent, and bincode can't read them.
    let communication = CommunicationConfig::ProcessBinary(workers);
    let config = timely::Config { communication, worker: WorkerConfig::default() };
    let ended = timely::execute(config, move |worker| {
        let plan = Rc::new(SearchPlan::new(candidates.to_vec(), folds));
        let limits = GrowLimits { most_bytes, ..GrowLimits::default() };
        let rows = Rc::new(rows(|row| row as usize % workers == worker.index()));
        let input = GrowInput { rows, layout: layout(), tasks: Rc::new(plan.tasks()), rows_everywhere: ROWS, limits };
        let results: Rc<RefCell<(Vec<Outcome>, Vec<ForestParams>)>> = Rc::default();
        let (outcomes, chosen) = (Rc::clone(&results), Rc::clone(&results));
        let told = Rc::new(Cell::new(0));
        let given_up = Rc::clone(&told);
        worker.dataflow::<u64, _, _>(|scope| {
            let searched = search(Some(input).to_stream(scope), plan, |_| (), move || given_up.set(given_up.get() + 1));
            searched.outcomes.inspect(move |found| outcomes.borrow_mut().0.extend(found.clone()));
            searched.best.inspect(move |params| chosen.borrow_mut().1.push(params.clone()));
        });
        while worker.step_or_park(None) {}
        assert_eq!(told.get(), u32::from(most_bytes < u64::MAX), "each worker is told once");
        results.take()
    });
    let ends: Vec<_> = ended.unwrap().join().into_iter().map(Result::unwrap).collect();
    let chosen = ends.iter().flat_map(|end| end.1.clone()).collect();
    (ends.into_iter().flat_map(|end| end.0).collect(), chosen)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_search_finds_what_one_forest_after_the_other_finds(
        seed in any::<u64>(), workers in 1_usize..4, count in 1_usize..50,
        kind in prop::sample::select(vec![FoldKind::Random, FoldKind::Forward]),
    ) {
        let folds = FoldRule { kind, folds: FoldCount::new(3).unwrap() };
        let candidates = grid().draw(&base(seed), count, Seed(seed));
        let expected = naive(&SearchPlan::new(candidates.clone(), folds));
        let (outcomes, chosen) = searched(&candidates, folds, workers, u64::MAX);
        prop_assert_eq!(&outcomes, &expected);
        let losses: Vec<u64> = expected.iter().map(|outcome| outcome.over_all().unwrap().log_loss_micros).collect();
        let least = losses.iter().position(|loss| Some(loss) == losses.iter().min()).unwrap();
        prop_assert_eq!(chosen, vec![candidates[least].clone(); workers]);
    }
}

#[test]
fn a_search_for_which_there_is_no_room_is_given_up_on_each_worker() {
    let folds = FoldRule { kind: FoldKind::Random, folds: FoldCount::new(3).unwrap() };
    let (outcomes, chosen) = searched(&grid().candidates(&base(1)), folds, 2, 10);
    assert!(outcomes.is_empty() && chosen.is_empty(), "{chosen:?}");
}

#[test]
fn a_family_grows_once_a_fold_however_many_candidates_it_has() {
    let all = grid().candidates(&base(1));
    assert_eq!(all.len(), grid().len());
    let folds = FoldRule { kind: FoldKind::Days, folds: FoldCount::new(5).unwrap() };
    let plan = SearchPlan::new(all, folds);
    assert_eq!(plan.candidates().len(), 48);
    let tasks = plan.tasks();
    assert_eq!(tasks.forests().len(), 4 * 5, "two subsets of features by two numbers of rows, five times");
    assert!(tasks.forests().iter().all(|task| (task.params.trees, task.params.depth) == (4, 5)), "the largest");
}

#[test]
fn a_draw_has_no_candidate_twice_and_at_most_all() {
    for count in [0, 1, 7, 48, 1000] {
        let drawn = grid().draw(&base(1), count, Seed(5));
        assert_eq!(drawn.len(), count.min(48));
        let all = grid().candidates(&base(1));
        let places: Vec<usize> = drawn.iter().filter_map(|one| all.iter().position(|any| any == one)).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
    }
}
