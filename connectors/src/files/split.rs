//! Who reads what: a pure function of the listing and the number of workers.
//!
//! Every kind of input is shared out on its own, so that each worker gets an equal share of each:
//! - *plain text*: the bytes of all files laid end to end, cut into equal ranges;
//! - *Parquet*: the rows of all files laid end to end, cut into equal ranges;
//! - *bzip2*: the compressed bytes of all files laid end to end, cut into equal ranges; a range has the blocks that
//!   begin in it;
//! - *other compressed text*, per compression: whole files, largest first to whom has least, if there are at least as many
//!   as workers and that comes out even; else all workers read each file and take turns in strides of its
//!   decompressed text (work is in parsing, so that balances).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::format::{Compression, Format, Sequential};
use super::listing::InputFile;

/// Whole files are shared out only if no worker's load is further from the mean than this part of it.
const TOLERANCE_PERCENT: u128 = 10;

/// A part of a file that one worker reads.
#[derive(Debug, Clone)]
pub struct Split {
    pub(crate) file: Arc<InputFile>,
    pub(crate) part: Part,
}

/// Which part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// The lines that start in this range of bytes of a plain text.
    Bytes(Range<u64>),
    /// These rows of a Parquet file.
    Rows(Range<u64>),
    /// The lines of the bzip2 blocks that begin in this range of compressed bytes.
    Blocks(Range<u64>),
    /// The lines that start in every `count`-th stride of a decompressed text, beginning with `index`.
    Turns {
        /// How the text is compressed.
        compression: Sequential,
        /// The worker's turn, below `count`.
        index: u64,
        /// How many take turns; 1 is the whole file.
        count: u64,
    },
}

impl Split {
    /// The file that this is a part of.
    #[must_use]
    pub fn file(&self) -> &InputFile {
        &self.file
    }

    /// How much there is to do, in the units that [`super::read_counted`] counts: rows of Parquet, else bytes as they
    /// are stored. (Each reader of a compressed file goes through all of it.)
    #[must_use]
    pub fn estimated_units(&self) -> u64 {
        match &self.part {
            Part::Bytes(range) | Part::Rows(range) | Part::Blocks(range) => range.end - range.start,
            Part::Turns { .. } => self.file.size,
        }
    }
}

/// Shares `files` out to `workers`; the index of the answer is the worker. The same on every process that sees the
/// same files. No workers get nothing.
#[must_use]
pub fn plan(files: &[InputFile], workers: usize) -> Vec<Vec<Split>> {
    let mut plan = vec![Vec::new(); workers];
    if workers == 0 {
        return plan;
    }
    let mut plain = Vec::new();
    let mut columnar = Vec::new();
    let mut blocks = Vec::new();
    let mut sequential: BTreeMap<Sequential, Vec<Arc<InputFile>>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.size > 0) {
        let shared = Arc::new(file.clone());
        let mut from_start = |compression, file| sequential.entry(compression).or_default().push(file);
        match (file.format.format, file.format.compression) {
            (Format::Parquet, _) => columnar.push((file.rows.unwrap_or(0), shared)),
            (_, Compression::None) => plain.push((file.size, shared)),
            (_, Compression::Bzip2) => blocks.push((file.size, shared)),
            (_, Compression::Gzip) => from_start(Sequential::Gzip, shared),
            (_, Compression::Zstd) => from_start(Sequential::Zstd, shared),
            (_, Compression::Zip) => from_start(Sequential::Zip, shared),
        }
    }
    cut_evenly(&plain, Part::Bytes, &mut plan);
    cut_evenly(&columnar, Part::Rows, &mut plan);
    cut_evenly(&blocks, Part::Blocks, &mut plan);
    for (compression, files) in sequential {
        match share_whole_files(&files, workers) {
            Some(owners) => give_whole_files(compression, &files, &owners, &mut plan),
            None => take_turns(compression, &files, &mut plan),
        }
    }
    plan
}

/// Lays files end to end and cuts them into one equal range per worker.
fn cut_evenly(files: &[(u64, Arc<InputFile>)], part: fn(Range<u64>) -> Part, plan: &mut [Vec<Split>]) {
    let total: u64 = files.iter().map(|(size, _)| size).sum();
    let workers = plan.len() as u128;
    for (worker, splits) in plan.iter_mut().enumerate() {
        // In 128 bits, for the product may not fit into 64; each quotient is at most `total`.
        let cut = |number: usize| (u128::from(total) * number as u128 / workers) as u64;
        let share = cut(worker)..cut(worker + 1);
        let mut start = 0;
        for (size, file) in files {
            let range = share.start.max(start)..share.end.min(start + size);
            if !range.is_empty() {
                let within = range.start - start..range.end - start;
                splits.push(Split { file: Arc::clone(file), part: part(within) });
            }
            start += size;
        }
    }
}

/// The worker of each file, if whole files can be shared out evenly.
fn share_whole_files(files: &[Arc<InputFile>], workers: usize) -> Option<Vec<usize>> {
    if files.len() < workers {
        return None;
    }
    let weight = |file: &InputFile| u128::from(file.text_size.unwrap_or(file.size));
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|index| Reverse(weight(&files[*index])));
    let mut loads = vec![0_u128; workers];
    let mut owners = vec![0; files.len()];
    for index in order {
        // The first of the least loaded, so that equal files go around.
        let worker = (0..workers).min_by_key(|worker| loads[*worker])?;
        loads[worker] += weight(&files[index]);
        owners[index] = worker;
    }
    let total: u128 = loads.iter().sum();
    // |load - total / workers| <= tolerance * total / workers, without rounding.
    let is_even = |load: &u128| (load * workers as u128).abs_diff(total) * 100 <= TOLERANCE_PERCENT * total;
    loads.iter().all(is_even).then_some(owners)
}

fn give_whole_files(compression: Sequential, files: &[Arc<InputFile>], owners: &[usize], plan: &mut [Vec<Split>]) {
    for (file, owner) in files.iter().zip(owners) {
        let part = Part::Turns { compression, index: 0, count: 1 };
        plan[*owner].push(Split { file: Arc::clone(file), part });
    }
}

fn take_turns(compression: Sequential, files: &[Arc<InputFile>], plan: &mut [Vec<Split>]) {
    let count = plan.len();
    for (number, file) in files.iter().enumerate() {
        for (worker, splits) in plan.iter_mut().enumerate() {
            // Each file begins with another worker, for many small files have only a first stride.
            let index = ((worker + number) % count) as u64;
            let part = Part::Turns { compression, index, count: count as u64 };
            splits.push(Split { file: Arc::clone(file), part });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::files::tests::input_file;

    fn total(splits: &[Split], wanted: fn(&Part) -> bool) -> u64 {
        splits.iter().filter(|split| wanted(&split.part)).map(Split::estimated_units).sum()
    }

    proptest! {
        #[test]
        fn bytes_and_rows_are_cut_evenly_and_covered_once(
            sizes in proptest::collection::vec(0_u64..5000, 0..9), rows in proptest::collection::vec(0_u64..5000, 0..9),
            workers in 1_usize..12,
        ) {
            let text = sizes.iter().map(|size| input_file("jsonl", *size, None));
            let columns = rows.iter().map(|rows| input_file("parquet", 100, Some(*rows)));
            let blocks = sizes.iter().map(|size| input_file("csv.bz2", *size, None));
            let files: Vec<InputFile> = text.chain(columns).chain(blocks).collect();
            let plan = plan(&files, workers);
            for (wanted, sum) in [
                ((|part| matches!(part, Part::Bytes(_))) as fn(&Part) -> bool, sizes.iter().sum::<u64>()),
                (|part| matches!(part, Part::Rows(_)), rows.iter().sum()),
                (|part| matches!(part, Part::Blocks(_)), sizes.iter().sum()),
            ] {
                let shares: Vec<u64> = plan.iter().map(|splits| total(splits, wanted)).collect();
                prop_assert_eq!(shares.iter().sum::<u64>(), sum);
                prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
            }
            for file in &files {
                let mut ranges: Vec<_> = plan.iter().flatten().filter(|split| split.file.location == file.location)
                    .filter_map(|split| match &split.part {
                        Part::Bytes(range) | Part::Rows(range) | Part::Blocks(range) => Some(range.clone()),
                        Part::Turns { .. } => None,
                    }).collect();
                ranges.sort_by_key(|range| range.start);
                let mut at = 0;
                for range in ranges {
                    prop_assert_eq!(range.start, at);
                    prop_assert!(!range.is_empty());
                    at = range.end;
                }
                prop_assert_eq!(at, file.rows.unwrap_or(file.size));
            }
        }

        #[test]
        fn compressed_files_are_covered_once_and_evenly(
            sizes in proptest::collection::vec(1_u64..1000, 0..20), workers in 1_usize..8,
        ) {
            let files: Vec<InputFile> = sizes.iter().map(|size| input_file("jsonl.gz", *size, None)).collect();
            let plan = plan(&files, workers);
            let mut shares = vec![0.0; workers];
            for file in &files {
                let mut turns = Vec::new();
                for (worker, splits) in plan.iter().enumerate() {
                    for split in splits.iter().filter(|split| split.file.location == file.location) {
                        let Part::Turns { index, count, .. } = split.part else { panic!("compressed text has no ranges") };
                        turns.push((index, count));
                        shares[worker] += file.size as f64 / count as f64;
                    }
                }
                turns.sort_unstable();
                let count = turns.len() as u64;
                prop_assert!(count == 1 || count == workers as u64);
                prop_assert_eq!(turns, (0..count).map(|index| (index, count)).collect::<Vec<_>>());
            }
            let mean = sizes.iter().sum::<u64>() as f64 / workers as f64;
            for share in shares {
                prop_assert!((share - mean).abs() <= mean * 0.1 + 1e-6, "{} of {}", share, mean);
            }
        }
    }

    #[test]
    fn equal_files_go_around_whole() {
        let files: Vec<InputFile> = (0..8).map(|_| input_file("csv.gz", 500, None)).collect();
        let plan = plan(&files, 4);
        assert!(plan.iter().all(|splits| splits.len() == 2));
    }

    #[test]
    fn small_files_begin_with_different_workers() {
        let files: Vec<InputFile> = (0..3).map(|_| input_file("csv.gz", 500, None)).collect();
        let plan = plan(&files, 4);
        let first: Vec<_> = plan[0].iter().map(|split| split.part.clone()).collect();
        let compression = Sequential::Gzip;
        assert_eq!(first, [0, 1, 2].map(|index| Part::Turns { compression, index, count: 4 }));
    }

    #[test]
    fn sizes_beyond_all_disks_do_not_overflow() {
        let files = [input_file("jsonl", u64::MAX / 2, None), input_file("jsonl", u64::MAX / 2, None)];
        let plan = plan(&files, 3);
        assert_eq!(plan.iter().flatten().map(Split::estimated_units).sum::<u64>(), u64::MAX - 1);
    }

    #[test]
    fn no_workers_and_no_files_are_no_problem() {
        assert!(plan(&[input_file("jsonl", 5, None)], 0).is_empty());
        assert!(plan(&[], 3).iter().all(Vec::is_empty));
        assert!(plan(&[input_file("jsonl", 0, None)], 3).iter().all(Vec::is_empty));
    }
}
