//! What each rung of growing brings: the inner loops of a tree on the bundled flights, and each once more with one thing as
//! it would be otherwise.
//!
//! The grower's own loops are nobody's to call, so they stand here once more, without what the variants share; `forest`
//! measures the grower itself. (Both are compiled in one piece, or the same loops take four times as long.) All variants of a loop must find the same, or the bench ends. One tree of preset `seed`: its
//! sample, all nine features, no choice of them; for `many_rows_beyond_the_cache` of the flights 14 times.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::rc::Rc;

use anyhow::ensure;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use flightline_bench::crew::repeated;
use flightline_bench::{FLIGHTS, OneFile, SEED, Table};
use flightline_jobs::training::Preset;
use flightline_operators::forest::TreeIndex;
use flightline_operators::grow::bagging_weight;
use flightline_operators::space::FeatureIndex;
use flightline_operators::table::BinColumn;

/// So often the bundled flights are taken where rows shall not fit into a cache.
const TIMES: u32 = 14;

/// Nodes of a deep level, with some hundred drawn rows each.
const NODES: usize = 2048;

/// As in the grower: a weight stands above so many bits of a row's number.
const ROW_BITS: u32 = 28;

const SHORT_CELLS: usize = 1 << 16;

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut table = Table::of(&OneFile::open(FLIGHTS)?.flights()?, Preset::Seed)?;
    let sample = Sample::of(&table);
    counting_many(&mut criterion, "many_rows", &sample)?;
    table.binned = Rc::new(repeated(&table.binned, TIMES));
    counting_many(&mut criterion, "many_rows_beyond_the_cache", &Sample::of(&table))?;
    counting_few(&mut criterion, &sample)?;
    partitioning(&mut criterion, &sample)?;
    criterion.final_summary();
    Ok(())
}

/// The rows of a tree in all forms.
struct Sample {
    /// By feature: the cell of each row, in two bytes and in four; and its bin, of which the cell is made with the class.
    short: Vec<Vec<u16>>,
    long: Vec<Vec<u32>>,
    bins: Vec<Vec<u16>>,
    classes: Vec<u8>,
    class_count: usize,
    /// By feature.
    cells: Vec<usize>,
    /// The weight of each row, also of those that aren't drawn.
    weights: Vec<u8>,
    /// Drawn rows with their weights, in four bytes and in eight.
    packed: Vec<u32>,
    wide: Vec<(u32, u32)>,
}

impl Sample {
    fn of(table: &Table) -> Self {
        let rows = &table.binned;
        let classes: Vec<u8> = rows.classes.iter().map(|class| class.0).collect();
        let class_count = table.layout.classes();
        let bins = rows.columns.iter().map(|column| match column {
            BinColumn::Narrow(bins) => bins.iter().map(|bin| u16::from(*bin)).collect(),
            BinColumn::Wide(bins) => bins.clone(),
        });
        let bins: Vec<Vec<u16>> = bins.collect();
        let cell = |(bin, class): (&u16, &u8)| u32::from(*bin) * class_count as u32 + u32::from(*class);
        let long: Vec<Vec<u32>> = bins.iter().map(|bins| bins.iter().zip(&classes).map(cell).collect()).collect();
        let weights: Vec<u8> = rows.keys.iter().map(|key| bagging_weight(SEED, TreeIndex(0), *key)).collect();
        let drawn = (0..).zip(&weights).filter(|(_, weight)| **weight > 0);
        let wide: Vec<(u32, u32)> = drawn.map(|(row, weight)| (row, u32::from(*weight))).collect();
        Self {
            short: long.iter().map(|cells| cells.iter().map(|cell| *cell as u16).collect()).collect(),
            cells: (0..table.layout.features()).map(|feature| table.layout.cells(FeatureIndex(feature))).collect(),
            packed: wide.iter().map(|(row, weight)| weight << ROW_BITS | row).collect(),
            long,
            bins,
            classes,
            class_count,
            weights,
            wide,
        }
    }

    /// The drawn rows as those of nodes far down: few, in ascending order, from all over the file.
    fn nodes(&self) -> Vec<Vec<u32>> {
        let mut nodes = vec![vec![]; NODES];
        self.packed
            .iter()
            .for_each(|entry| nodes[row(*entry).wrapping_mul(2_654_435_761) >> 8 & (NODES - 1)].push(*entry));
        nodes
    }
}

fn row(entry: u32) -> usize {
    (entry & ((1 << ROW_BITS) - 1)) as usize
}

fn weight(entry: u32) -> u32 {
    entry >> ROW_BITS
}

type Counts = Vec<Box<[u32; SHORT_CELLS]>>;

/// Adds all drawn rows to the counts of each feature.
type Count<'a> = &'a dyn Fn(&mut Counts);

/// Counts `N` features in one pass.
fn count<const N: usize, C: Copy + Into<u32>>(
    columns: &[Vec<C>],
    counts: &mut [Box<[u32; SHORT_CELLS]>],
    rows: impl Iterator<Item = (usize, u32)> + Clone,
) {
    for (columns, counts) in columns.chunks_exact(N).zip(counts.as_chunks_mut::<N>().0) {
        let length = columns.iter().map(Vec::len).min().unwrap_or(0);
        let columns: [&[C]; N] = std::array::from_fn(|feature| &columns[feature][..length]);
        let mut counts = counts.each_mut().map(|counts| &mut **counts);
        for (row, weight) in rows.clone() {
            for (column, counts) in columns.iter().zip(&mut counts) {
                counts[column[row].into() as usize] += weight;
            }
        }
    }
}

/// A node of many rows. One element is a drawn row for one feature.
fn counting_many(criterion: &mut Criterion, name: &str, sample: &Sample) -> anyhow::Result<()> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).throughput(Throughput::Elements((sample.packed.len() * sample.short.len()) as u64));
    let packed = || sample.packed.iter().map(|entry| (row(*entry), weight(*entry)));
    let all = || sample.weights.iter().enumerate().map(|(row, weight)| (row, u32::from(*weight)));
    let apart = |counts: &mut Counts| {
        for (bins, counts) in sample.bins.iter().zip(counts) {
            for (row, weight) in packed() {
                counts[usize::from(bins[row]) * sample.class_count + usize::from(sample.classes[row])] += weight;
            }
        }
    };
    let variants: [(&str, Count<'_>); 6] = [
        ("as_grown", &|counts| count::<3, _>(&sample.short, counts, packed())),
        ("one_feature_at_a_time", &|counts| count::<1, _>(&sample.short, counts, packed())),
        ("cells_of_four_bytes", &|counts| count::<3, _>(&sample.long, counts, packed())),
        ("bin_and_class_apart", &apart),
        ("bag_of_eight_bytes_a_row", &|counts| {
            count::<3, _>(&sample.short, counts, sample.wide.iter().map(|(row, weight)| (*row as usize, *weight)));
        }),
        ("rows_not_drawn_with_weight_zero", &|counts| count::<3, _>(&sample.short, counts, all())),
    ];
    let mut first = None;
    for (name, variant) in variants {
        let mut counts: Counts = sample.cells.iter().map(|_| Box::new([0; SHORT_CELLS])).collect();
        variant(&mut counts);
        ensure!(*first.get_or_insert_with(|| counts.clone()) == counts, "{name} counts otherwise");
        group.bench_function(name, |bencher| bencher.iter(|| variant(black_box(&mut counts))));
    }
    group.finish();
    Ok(())
}

/// Nodes of few rows, whose cells are told as pairs. One element is a drawn row for one feature.
fn counting_few(criterion: &mut Criterion, sample: &Sample) -> anyhow::Result<()> {
    let nodes = sample.nodes();
    let mut group = criterion.benchmark_group("few_rows");
    group.sample_size(10).throughput(Throughput::Elements((sample.packed.len() * sample.short.len()) as u64));
    let mut first = None;
    let mut measure = |group: &mut BenchmarkGroup<'_, WallTime>, name: &str, tell: &mut Tell<'_>| {
        let mut all_told = |pairs: &mut Vec<(u32, u32)>| {
            for node in &nodes {
                sample.short.iter().zip(&sample.cells).for_each(|(column, cells)| tell(node, column, *cells, pairs));
            }
        };
        let mut pairs = vec![];
        all_told(&mut pairs);
        ensure!(*first.get_or_insert_with(|| pairs.clone()) == pairs, "{name} tells other cells");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                pairs.clear();
                all_told(black_box(&mut pairs));
            });
        });
        Ok(())
    };
    let mut counts = vec![0_u32; SHORT_CELLS];
    let mut touched = [0_u64; SHORT_CELLS / 64];
    measure(&mut group, "as_grown", &mut |node, column, cells, pairs| {
        for entry in node {
            let cell = usize::from(column[row(*entry)]);
            counts[cell] += weight(*entry);
            touched[cell / 64] |= 1 << (cell % 64);
        }
        for (place, word) in touched[..cells.div_ceil(64)].iter_mut().enumerate() {
            while *word > 0 {
                let cell = place * 64 + word.trailing_zeros() as usize;
                *word &= *word - 1;
                pairs.push((cell as u32, std::mem::take(&mut counts[cell])));
            }
        }
    })?;
    measure(&mut group, "all_cells_looked_through", &mut |node, column, cells, pairs| {
        node.iter().for_each(|entry| counts[usize::from(column[row(*entry)])] += weight(*entry));
        let with_rows = (0..).zip(&mut counts[..cells]).filter(|(_, rows)| **rows > 0);
        pairs.extend(with_rows.map(|(cell, rows)| (cell, std::mem::take(rows))));
    })?;
    let mut drawn = vec![];
    measure(&mut group, "sorted", &mut |node, column, _, pairs| {
        drawn.clear();
        drawn.extend(node.iter().map(|entry| (column[row(*entry)], weight(*entry))));
        drawn.sort_unstable();
        let same = drawn.chunk_by(|a, b| a.0 == b.0);
        pairs.extend(same.map(|same| (same[0].0.into(), same.iter().map(|(_, weight)| weight).sum())));
    })?;
    measure(&mut group, "hash_map_and_sorted", &mut |node, column, _, pairs| {
        let mut counts: HashMap<u16, u32> = HashMap::new();
        node.iter().for_each(|entry| *counts.entry(column[row(*entry)]).or_default() += weight(*entry));
        let counts: BTreeMap<u16, u32> = counts.into_iter().collect();
        pairs.extend(counts.into_iter().map(|(cell, rows)| (cell.into(), rows)));
    })?;
    group.finish();
    Ok(())
}

/// Appends the cells of a feature that have rows of a node, ascending, each with its rows: the node's rows, the cell of each row,
/// the number of cells, and where to.
type Tell<'a> = dyn FnMut(&[u32], &[u16], usize, &mut Vec<(u32, u32)>) + 'a;

/// The drawn rows into two children, each in its old order. One element is a drawn row.
fn partitioning(criterion: &mut Criterion, sample: &Sample) -> anyhow::Result<()> {
    let mut group = criterion.benchmark_group("partition");
    group.sample_size(20).throughput(Throughput::Elements(sample.packed.len() as u64));
    // The feature with the most bins, at a place that sends about a half each way.
    let of_most = |(place, _): &(usize, &usize)| sample.cells[*place];
    let feature = sample.cells.iter().enumerate().max_by_key(of_most).map_or(0, |(feature, _)| feature);
    let bins = &sample.bins[feature];
    let mut sorted = bins.clone();
    let middle = *sorted.select_nth_unstable(bins.len() / 2).1;
    let to_left = |entry: u32| bins[row(entry)] <= middle;
    let mut spare = vec![0; sample.packed.len()];
    let mut first = None;
    let mut measure = |name: &str, split: &mut dyn FnMut(&mut Vec<u32>)| {
        let mut once = sample.packed.clone();
        split(&mut once);
        ensure!(*first.get_or_insert_with(|| once.clone()) == once, "{name} has another order");
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(|| sample.packed.clone(), |rows| split(rows), BatchSize::LargeInput);
        });
        Ok(())
    };
    measure("as_grown", &mut |rows| {
        let (mut left, mut right) = (0, 0);
        for place in 0..rows.len() {
            let entry = rows[place];
            let goes_left = to_left(entry);
            rows[left] = entry;
            spare[right] = entry;
            left += usize::from(goes_left);
            right += usize::from(!goes_left);
        }
        rows[left..].copy_from_slice(&spare[..right]);
    })?;
    measure("into_two_new_vectors", &mut |rows| {
        let (left, right): (Vec<u32>, Vec<u32>) = rows.iter().partition(|entry| to_left(**entry));
        *rows = [left, right].concat();
    })?;
    measure("stably_sorted", &mut |rows| rows.sort_by_key(|entry| !to_left(*entry)))?;
    group.finish();
    Ok(())
}
