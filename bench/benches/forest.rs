//! The stages of training after reading: settling identities, deriving features, indexing, binning, counting, merging, splitting, growing.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{anyhow, ensure};
use criterion::{Criterion, SamplingMode, Throughput};
use flightline_bench::{FLIGHTS, OneFile, Table, every_nth, on_one_worker};
use flightline_jobs::flight::{FlightBatch, features};
use flightline_jobs::training::Preset;
use flightline_operators::forest::{FeatureSubset, ForestParams};
use flightline_operators::grow::{Crew, GrowInput, HistogramBatch, LocalGrower, NodeOwner, grow_forest};
use flightline_operators::identity::RowIdentity;
use flightline_operators::linfa::grow_with_linfa;
use flightline_operators::settle::settle_keys;
use flightline_operators::space::ColumnSummary;
use flightline_operators::table::{BinnedRows, Role};
use timely::dataflow::operators::ToStream;

/// Trees that grow together where counting is measured.
const TREES: u32 = 4;

/// The level of which the nodes have some hundred rows each: few beside the cells of a route, a delay or a day.
const DEEP_LEVEL: u8 = 11;

/// Rows of the small table on which linfa can be waited for.
const SMALL_ROWS: usize = 20_000;

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let flights = OneFile::open(FLIGHTS)?.flights()?;
    let seed = Table::of(&flights, Preset::Seed)?;
    settling(&mut criterion, &flights)?;
    deriving(&mut criterion, &flights);
    indexing(&mut criterion, &seed);
    binning(&mut criterion, &seed);
    let deep = Table::of(&flights, Preset::Accurate)?;
    counting(&mut criterion, &deep)?;
    splitting(&mut criterion, &deep);
    growing(&mut criterion, &seed);
    criterion.final_summary();
    Ok(())
}

/// A lone worker numbers the copies of its own rows; two ask each other first.
fn settling(criterion: &mut Criterion, flights: &FlightBatch) -> anyhow::Result<()> {
    let mut group = criterion.benchmark_group("settle");
    group.sample_size(10).throughput(Throughput::Elements(flights.len() as u64));
    let all = Arc::clone(&flights.identities);
    group.bench_function("one_worker", |bencher| bencher.iter(|| on_one_worker(Arc::clone(&all), settle_keys)));
    let (first, second) = flights.identities.split_at(flights.len() / 2);
    let halves = Arc::new([Arc::new(first.to_vec()), Arc::new(second.to_vec())]);
    settle_on_two(&halves).map_err(|reason| anyhow!("two workers can't be started: {reason}"))?;
    group.bench_function("two_workers", |bencher| bencher.iter(|| settle_on_two(&halves)));
    group.finish();
    Ok(())
}

fn settle_on_two(halves: &Arc<[Arc<Vec<RowIdentity>>; 2]>) -> Result<(), String> {
    let halves = Arc::clone(halves);
    let workers = timely::execute(timely::Config::process(2), move |worker| {
        let mine = Arc::clone(&halves[worker.index()]);
        worker.dataflow::<u64, _, _>(|scope| drop(settle_keys(Some(mine).to_stream(scope))));
    })?;
    workers.join().into_iter().collect()
}

fn deriving(criterion: &mut Criterion, flights: &FlightBatch) {
    let mut group = criterion.benchmark_group("derive");
    group.sample_size(20).throughput(Throughput::Elements(flights.len() as u64));
    let features = Preset::Seed.features();
    group.bench_function("nine_features", |bencher| bencher.iter(|| features::columns(&features, &flights.columns)));
    group.finish();
}

fn indexing(criterion: &mut Criterion, table: &Table) {
    let mut group = criterion.benchmark_group("index");
    group.sample_size(20).throughput(Throughput::Elements(table.binned.len() as u64));
    let summary = |column| ColumnSummary::of(column, |row| table.roled.roles[row] == Role::Train).bins();
    group.bench_function("nine_features", |bencher| {
        bencher.iter(|| table.roled.rows.features.iter().map(summary).collect::<Vec<_>>());
    });
    group.finish();
}

fn binning(criterion: &mut Criterion, table: &Table) {
    let mut group = criterion.benchmark_group("bin");
    group.sample_size(20).throughput(Throughput::Elements(table.binned.len() as u64));
    group.bench_function("nine_features", |bencher| {
        bencher.iter(|| BinnedRows::by_role(Rc::clone(&table.roled), &table.space, [Role::Train]));
    });
    group.finish();
}

/// One element is one row of one node, looked at for one feature.
fn counting(criterion: &mut Criterion, table: &Table) -> anyhow::Result<()> {
    let params = Rc::new(ForestParams { trees: TREES, ..ForestParams::clone(&table.params) });
    let (mut grower, mut owner) = alone(table, &params);
    let mut group = criterion.benchmark_group("count");
    group.sample_size(20);
    for (name, level) in [("dense_root_level", 0), ("sparse_deep_level", DEEP_LEVEL)] {
        let open = descend(&mut grower, &mut owner, level);
        // No bagging in this preset: a node's rows are the rows that were looked at, for each competing feature.
        let rows: u64 = owner.decide(&open).iter().map(|decision| decision.counts.total()).sum();
        let competing = params.features_per_node.count(usize::from(table.layout.features()));
        ensure!(rows > 0, "no node is open on level {level}");
        group.throughput(Throughput::Elements(rows * competing as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| grower.count(|batch| drop(black_box(batch))));
        });
    }
    group.finish();
    Ok(())
}

/// The two cores of growing over all rows of a table.
fn alone(table: &Table, params: &Rc<ForestParams>) -> (LocalGrower, NodeOwner) {
    let GrowInput { rows, layout, rows_everywhere, .. } = table.grow_input();
    let crew = Crew { worker: 0, workers: 1, rows: rows_everywhere };
    let owner = NodeOwner::new(Rc::clone(&layout), Rc::clone(params));
    (LocalGrower::new(rows, layout, Rc::clone(params), crew), owner)
}

/// Grows on until the open nodes are those of `level`; returns their histograms.
fn descend(grower: &mut LocalGrower, owner: &mut NodeOwner, level: u8) -> Vec<HistogramBatch> {
    loop {
        let mut open = Vec::new();
        let growing = grower.count(|batch| open.push(batch));
        let deep_enough =
            open.first().and_then(|batch| batch.nodes.first()).is_none_or(|node| node.node.depth() >= level);
        if !growing || deep_enough {
            return open;
        }
        grower.decide(owner.decide(&open));
    }
}

/// Merging and splitting: at the root, the node with the most cells, and far down, where there are many small ones. One
/// element is one node.
fn splitting(criterion: &mut Criterion, table: &Table) {
    let params = Rc::new(ForestParams { trees: TREES, ..ForestParams::clone(&table.params) });
    let (mut grower, mut owner) = alone(table, &params);
    let mut group = criterion.benchmark_group("decide");
    group.sample_size(20);
    for (name, level) in [("root", 0), ("deep", DEEP_LEVEL)] {
        let of_one = descend(&mut grower, &mut owner, level);
        let of_four = vec![of_one.clone(); 4].concat();
        group.throughput(Throughput::Elements(of_one.iter().map(|batch| batch.nodes.len() as u64).sum()));
        group.bench_function(format!("{name}/one_worker"), |bencher| bencher.iter(|| owner.decide(black_box(&of_one))));
        group.bench_function(format!("{name}/four_workers"), |bencher| {
            bencher.iter(|| owner.decide(black_box(&of_four)));
        });
    }
    group.finish();
}

/// Whole forests on one worker. One element is one row in one tree.
fn growing(criterion: &mut Criterion, table: &Table) {
    let mut group = criterion.benchmark_group("grow");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let row_trees = |rows: usize| Throughput::Elements(rows as u64 * u64::from(table.params.trees));
    group.throughput(row_trees(table.binned.len()));
    group.bench_function("seed_preset", |bencher| bencher.iter(|| table.grow()));

    // The peer lets all features compete everywhere, so ours must do so, too; both look at each cut between two values.
    let step = table.binned.len().div_ceil(SMALL_ROWS).max(1);
    let small = GrowInput { rows: Rc::new(every_nth(&table.binned, 0, step)), ..table.grow_input() };
    group.throughput(row_trees(small.rows.len()));
    let params = ForestParams { features_per_node: FeatureSubset::All, ..ForestParams::clone(&table.params) };
    let params = Rc::new(params);
    group.bench_function("small/ours", |bencher| {
        bencher.iter(|| on_one_worker(small.clone(), |input| grow_forest(input, Rc::clone(&params), |_| ())));
    });
    group.bench_function("small/linfa", |bencher| {
        bencher.iter(|| on_one_worker(small.clone(), |input| grow_with_linfa(input, Rc::clone(&params), |_| ())));
    });
    group.finish();
}
