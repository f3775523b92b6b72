//! What a process of a training run holds at most, reckoned from what is known before it reads.
//!
//! Each constant was measured on this code, by the peak of `train` on flights, bundled and generated; `docs/training.md` says
//! how, and what is held when. Rows count as if nothing were given back of what they take up to growing: the allocator keeps
//! most of it. All sums saturate: a nonsensical input needs nonsensically much.

use std::collections::BTreeSet;

use flightline_connectors::files::{Compression, Format, InputFormat};
use flightline_operators::forest::ForestParams;

const MEBIBYTE: f64 = (1 << 20) as f64;

/// A process that has no rows.
const PROCESS: f64 = 24.0 * MEBIBYTE;

/// Its dataflow, and the threads that go with it, for each worker.
const WORKER: f64 = 8.0 * MEBIBYTE;

/// What a worker sends to those of other processes, and hears from them, at a time.
const PEERS: f64 = 16.0 * MEBIBYTE;

/// Bytes of a row from reading to growing: columns, identity, and what settles its key.
const ROW: f64 = 50.0;

/// The same of rows that come as text, whose columns grow code by code.
const ROW_OF_TEXT: f64 = 56.0;

/// Bytes of the number of a cell, for each feature of a training row.
const CELL: f64 = 2.0;

/// Bytes of a training row that belongs to a fold: its block, and its place among those that judge.
const FOLDED: f64 = 9.0;

/// Bytes of a row in the bag of a tree, or of a word of a histogram.
const WORD: f64 = 4.0;

/// Cells of a feature, about: a year of flights has 3,000.
const CELLS: f64 = 4096.0;

/// Words of a histogram for each row that it counts, about: all cells are written where a row comes on four of them.
const WORDS_PER_ROW: f64 = 2.0;

/// Bags and histograms of one group of trees leave gaps behind for the next.
const SCATTERED: f64 = 1.1;

/// The share of the rows that is in a bag that is drawn.
const DRAWN: f64 = 0.65;

/// Bytes of a node of trees of a depth of [`FULL_DEPTH`] or less, most of them sets of categories; deeper ones have fewer sets.
const NODE: f64 = 220.0;
const FEWER_SETS: f64 = 0.94;

/// Bytes that a tree has beside: few nodes may all be sets of the widest feature.
const TREE: f64 = 8192.0;

/// What a worker holds of a forest, in parts of its bytes: the forest as it was grown, and as it predicts.
const OF_FOREST: f64 = 1.9;

/// What saving the model takes, in the same parts.
const SAVING: f64 = 1.4;

/// Of the nodes of trees that stop for want of rows, so many as the rows would allow.
const NODES_BY_ROWS: f64 = 0.4;

/// Of the nodes of trees that stop at a depth of [`FULL_DEPTH`] or before, so many as the depth would allow.
const NODES_BY_DEPTH: f64 = 0.8;

/// Deeper levels are filled less, by this factor each.
const THINNER: f64 = 0.93;
const FULL_DEPTH: u8 = 10;

/// A run, as far as its memory depends on it.
#[derive(Clone, Debug)]
pub(super) struct Work {
    /// Rows that files say they have, test files included, of all processes.
    pub(super) stated_rows: u64,
    /// Rows of other files, reckoned from samples.
    pub(super) sampled_rows: u64,
    /// The share of the rows that forests are grown from, 0 to 1.
    pub(super) training_share: f64,
    /// Features of the model.
    pub(super) features: u64,
    /// All forests that are held at the same time.
    pub(super) forests: Vec<ForestParams>,
    /// Whether folds of the training rows judge.
    pub(super) folds: bool,
    /// How files are laid out.
    pub(super) formats: BTreeSet<InputFormat>,
    /// Workers of this process, at least 1.
    pub(super) workers: u64,
    /// Processes, at least 1.
    pub(super) processes: u64,
}

/// Bytes that a process takes at most, by what takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    /// The process itself, and its buffers for reading.
    pub(super) base: u64,
    /// Its rows.
    pub(super) rows: u64,
    /// Bags and histograms of the trees that grow at once.
    pub(super) growing: u64,
    /// The forest, and the model while it is saved.
    pub(super) forest: u64,
}

impl Estimate {
    /// All of it.
    #[must_use]
    pub(super) fn total(&self) -> u64 {
        [self.rows, self.growing, self.forest].into_iter().fold(self.base, u64::saturating_add)
    }
}

impl Work {
    /// Rows of the process, its even share.
    #[must_use]
    pub(super) fn rows_here(&self) -> u64 {
        (self.stated_rows.saturating_add(self.sampled_rows)).div_ceil(self.processes.max(1))
    }

    /// What a process takes that has so many rows, when trees that grow at once may take `bytes_at_once` on each worker.
    #[must_use]
    pub(super) fn estimate(&self, rows_here: u64, bytes_at_once: u64) -> Estimate {
        let workers = self.workers.max(1) as f64;
        let rows = rows_here as f64;
        let training = rows * self.training_share;
        let everywhere = training * self.processes.max(1) as f64;
        let forests = || self.forests.iter();
        let at_once =
            forests().map(|params| growing(self.features, params, rows / workers, self.training_share, bytes_at_once));
        let trees: f64 = forests().map(|params| bytes_of_trees(params, everywhere)).sum();
        let peers = if self.processes > 1 { PEERS } else { 0.0 };
        let buffers = self.formats.iter().map(buffer).fold(0.0, f64::max);
        let folded = if self.folds { training * FOLDED } else { 0.0 };
        let of_text = self.formats.iter().any(|format| format.format != Format::Parquet);
        // Casts of floats saturate.
        Estimate {
            base: (PROCESS + workers * (WORKER + peers + buffers)) as u64,
            rows: (rows * if of_text { ROW_OF_TEXT } else { ROW } + training * CELL * self.features as f64 + folded)
                as u64,
            growing: (workers * at_once.fold(0.0, f64::max)) as u64,
            forest: (trees * self.per_byte_of_forest()) as u64,
        }
    }

    /// What the process that saves the model holds for each byte of a forest, on all its workers.
    pub(super) fn per_byte_of_forest(&self) -> f64 {
        self.workers.max(1) as f64 * OF_FOREST + SAVING
    }
}

/// Bytes that a worker takes to grow trees: it has so many rows, of which this share is for training.
fn growing(features: u64, params: &ForestParams, rows: f64, training_share: f64, bytes_at_once: u64) -> f64 {
    let competing = params.features_per_node.count(features.max(1) as usize) as f64;
    let cells = 2_f64.powi(i32::from(params.depth) - 1).max(1.0) * CELLS;
    let training = rows * training_share;
    let drawn = if params.bagging { training * DRAWN } else { training };
    let tree = WORD * (drawn + competing * (WORDS_PER_ROW * drawn).min(cells));
    // The grower reckons with all rows and a word for each.
    let fuller = (1.0 + competing * WORDS_PER_ROW) / (1.0 + competing) * drawn / rows.max(1.0);
    let at_once = (bytes_at_once as f64 * fuller).min(tree * f64::from(params.trees));
    // Beside them a bag that is drawn, or the rows of a node that is split.
    SCATTERED * (WORD * training + tree.max(at_once))
}

/// Bytes of a forest grown from so many rows, about: more than on the flights that were measured.
fn bytes_of_trees(params: &ForestParams, rows: f64) -> f64 {
    let by_rows = NODES_BY_ROWS * 2.0 * rows / f64::from(params.min_rows.max(1)) + 1.0;
    let deeper = i32::from(params.depth.saturating_sub(FULL_DEPTH));
    let by_depth = NODES_BY_DEPTH * 2_f64.powi(i32::from(params.depth) + 1) * THINNER.powi(deeper);
    let nodes = 1.0 / (1.0 / by_rows + 1.0 / by_depth);
    f64::from(params.trees) * (TREE + nodes * NODE * FEWER_SETS.powi(deeper))
}

/// What a worker holds of a file beside the rows.
fn buffer(format: &InputFormat) -> f64 {
    let mebibytes = match (format.format, format.compression) {
        (Format::Parquet, _) => 6.0,
        (_, Compression::Bzip2) => 18.0,
        (_, Compression::Zstd) => 14.0,
        (_, Compression::None | Compression::Gzip | Compression::Zip) => 8.0,
    };
    mebibytes * MEBIBYTE
}

/// A run of this preset on Parquet in one process.
#[cfg(test)]
pub(super) fn sample_work(preset: super::super::Preset, workers: u64) -> Work {
    let parquet = InputFormat { format: Format::Parquet, compression: Compression::None };
    Work {
        stated_rows: 0,
        sampled_rows: 0,
        training_share: 0.8,
        features: preset.features().len() as u64,
        forests: vec![preset.params(flightline_operators::identity::Seed(1))],
        folds: false,
        formats: BTreeSet::from([parquet]),
        workers,
        processes: 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::sample_work as work;
    use super::*;
    use crate::training::Preset;

    const AT_ONCE: u64 = 32 << 20;

    /// What was measured with `/usr/bin/time`: preset, rows, workers, peak in MiB.
    #[test]
    fn the_estimate_lies_above_what_was_measured_and_not_far() {
        let measured = [
            (Preset::Seed, 327_346, 1, 53),
            (Preset::Seed, 327_346, 2, 64),
            (Preset::Seed, 327_346, 4, 77),
            (Preset::Seed, 1_000_000, 1, 105),
            (Preset::Seed, 1_000_000, 2, 117),
            (Preset::Seed, 1_000_000, 4, 167),
            (Preset::Seed, 5_800_000, 1, 330),
            (Preset::Seed, 5_800_000, 2, 405),
            (Preset::Seed, 5_800_000, 4, 466),
            (Preset::Accurate, 327_346, 1, 280),
            (Preset::Accurate, 327_346, 2, 449),
            (Preset::Accurate, 327_346, 4, 902),
            (Preset::Accurate, 1_000_000, 1, 490),
            (Preset::Accurate, 1_000_000, 2, 829),
            (Preset::Accurate, 1_000_000, 4, 1555),
            (Preset::Accurate, 5_800_000, 2, 1774),
            (Preset::Forward, 327_346, 1, 66),
            (Preset::Forward, 327_346, 2, 93),
            (Preset::Forward, 327_346, 4, 126),
            (Preset::Forward, 1_000_000, 1, 155),
            (Preset::Forward, 1_000_000, 2, 189),
            (Preset::Forward, 1_000_000, 4, 289),
        ];
        for (preset, rows, workers, peak) in measured {
            let estimate = work(preset, workers).estimate(rows, AT_ONCE);
            let ratio = estimate.total() as f64 / MEBIBYTE / f64::from(peak);
            // How large the nodes of deep trees are follows from vocabularies that nobody knows before.
            let deep = if preset == Preset::Accurate { 3.0 } else { 0.0 };
            let most = f64::max(deep, if rows < 1_000_000 { 2.5 } else { 1.65 });
            assert!((1.0..most).contains(&ratio), "{preset} {rows} rows, {workers} workers: {ratio:.2}, {estimate:?}");
        }
    }

    proptest! {
        #[test]
        fn more_of_anything_takes_no_less(
            rows in 0_u64..1 << 34, features in 1_u64..12, workers in 1_u64..65, processes in 1_u64..9,
            preset in prop::sample::select(Preset::ALL.to_vec()), at_once in 0_u64..1 << 32, more in 1_u64..1000,
        ) {
            let mut work = Work { features, processes, ..work(preset, workers) };
            let less = work.estimate(rows, at_once);
            prop_assert!(work.estimate(rows + more, at_once).total() >= less.total());
            prop_assert!(work.estimate(rows, at_once + more).total() >= less.total());
            work.features += 1;
            prop_assert!(work.estimate(rows, at_once).rows >= less.rows);
            work.workers += more;
            let many = work.estimate(rows, at_once);
            prop_assert!(many.base > less.base && many.forest >= less.forest);
            work.forests[0].trees += more as u32;
            prop_assert!(work.estimate(rows, at_once).forest >= many.forest);
        }

        #[test]
        fn the_largest_input_has_an_estimate(rows in u64::MAX - 9..=u64::MAX, workers in prop::sample::select(vec![0, 1, u64::MAX])) {
            let work = Work { stated_rows: rows, sampled_rows: rows, workers, ..work(Preset::Accurate, 1) };
            prop_assert!(work.estimate(work.rows_here(), AT_ONCE).total() > 1 << 60);
        }
    }
}
