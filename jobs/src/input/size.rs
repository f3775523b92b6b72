//! How many rows an input has, as far as that can be known before it is read.
//!
//! Parquet says it. Of text the first lines of some files are read: their rows for each stored byte stand for the rest, and a
//! file that ends among them is counted. So a number from a sample is no bound; [`Room`](super::Room) keeps one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;

use flightline_connectors::files::{self, Compression, InputFile, InputFormat, Payload, Stores};
use memchr::memchr_iter;

use crate::failure::Failure;

/// Files of one format that are looked into.
const FILES: usize = 8;

/// Blocks of text that are looked at in each: of about a mebibyte.
const BLOCKS: u32 = 4;

/// The rows of an input, over all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputSize {
    /// Rows that files say they have.
    pub stated: u64,
    /// Rows of all other files, reckoned from samples.
    pub sampled: u64,
    /// How the files are laid out.
    pub formats: BTreeSet<InputFormat>,
}

/// What was seen of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sample {
    rows: u64,
    /// Stored bytes that these rows take.
    bytes: u64,
}

/// The size of an input of these files.
///
/// # Errors
/// A file that can't be read.
pub(super) fn size_of(stores: &Stores, files: &[InputFile]) -> Result<InputSize, Failure> {
    let files: Vec<&InputFile> = files.iter().filter(|file| file.size > 0).collect();
    let mut by_format: BTreeMap<InputFormat, Vec<&InputFile>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.rows.is_none()) {
        by_format.entry(file.format).or_default().push(file);
    }
    let mut sampled = 0;
    for files in by_format.values() {
        let step = files.len().div_ceil(FILES);
        let samples = files.iter().step_by(step).map(|file| sample(stores, file));
        let samples = samples.collect::<Result<Vec<Sample>, Failure>>()?;
        sampled += rows(files.iter().map(|file| file.size).sum(), &samples);
    }
    Ok(InputSize {
        stated: files.iter().filter_map(|file| file.rows).sum(),
        sampled,
        formats: files.iter().map(|file| file.format).collect(),
    })
}

/// Rows of so many stored bytes, as dense as in the samples.
fn rows(bytes: u64, samples: &[Sample]) -> u64 {
    let rows: u64 = samples.iter().map(|sample| sample.rows).sum();
    let seen: u64 = samples.iter().map(|sample| sample.bytes).sum();
    (u128::from(rows) * u128::from(bytes)).div_ceil(u128::from(seen.max(1))) as u64
}

/// Looks at the first blocks of a file of text.
fn sample(stores: &Stores, file: &InputFile) -> Result<Sample, Failure> {
    let (mut rows, mut text, mut blocks) = (0, 0, 0);
    let (read, plain) = (AtomicU64::new(0), file.format.compression == Compression::None);
    let mut stopped = false;
    for split in files::plan(std::slice::from_ref(file), 1).iter().flatten() {
        files::read_counted(stores, split, None, &read, &mut |payload| {
            let Payload::Lines(block) = payload else { return ControlFlow::Continue(()) };
            // The last line may lack its end.
            let open = block.bytes.last().is_some_and(|byte| *byte != b'\n');
            rows += memchr_iter(b'\n', &block.bytes).count() as u64 + u64::from(open);
            text += block.bytes.len() as u64;
            blocks += 1;
            stopped = blocks == BLOCKS;
            if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    // What is read ahead of the last block isn't counted as read: so a sample is rather too dense than too thin.
    let bytes = match (stopped, plain) {
        (false, _) => file.size,
        (true, true) => text,
        (true, false) => read.into_inner(),
    };
    Ok(Sample { rows, bytes })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// So many lines, in a file of this name.
    fn written(name: &str, lines: u64) -> (tempfile::TempDir, Vec<InputFile>) {
        let line =
            |row: u64| format!("{{\"row\":{row:07},\"hash\":{:020}}}\n", row.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let text: String = (0..lines).map(line).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let bytes = match name.rsplit('.').next() {
            Some("gz") => {
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packer.write_all(text.as_bytes()).unwrap();
                packer.finish().unwrap()
            }
            Some("bz2") => {
                let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                packer.write_all(text.as_bytes()).unwrap();
                packer.finish().unwrap()
            }
            _ => text.into_bytes(),
        };
        std::fs::write(&path, bytes).unwrap();
        let files = files::resolve(&Stores::new().unwrap(), &[path.display().to_string()], None).unwrap();
        (folder, files)
    }

    #[test]
    fn few_lines_are_counted_and_many_are_reckoned_with_a_tenth_too_many_at_most() {
        let stores = Stores::new().unwrap();
        for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.bz2", "a.csv"] {
            let header = u64::from(name == "a.csv");
            let (_folder, files) = written(name, 1000);
            assert_eq!(size_of(&stores, &files).unwrap().sampled, 1000 - header, "{name}");
            let (_folder, files) = written(name, 400_000);
            let size = size_of(&stores, &files).unwrap();
            assert!((390_000..440_000).contains(&size.sampled), "{name}: {size:?}");
            assert_eq!((size.stated, size.formats.len()), (0, 1));
        }
    }

    #[test]
    fn all_files_are_as_dense_as_those_that_were_seen() {
        assert_eq!(rows(1000, &[Sample { rows: 10, bytes: 100 }, Sample { rows: 30, bytes: 100 }]), 200);
        assert_eq!(rows(5, &[]), 0);
        assert_eq!(rows(u64::MAX / 2, &[Sample { rows: 1, bytes: 1 }]), u64::MAX / 2);
    }
}
