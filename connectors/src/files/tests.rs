//! Tests of the whole way from a file's name to its rows, and of what damage does to it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use super::lines::Limits;
use super::read::{Meter, Settings, read_with};
use super::{FileError, InputFile, Location, Payload, Split, Stores, plan, read, read_counted, resolve};

/// A listed file that does not exist, for plans.
pub(crate) fn input_file(format: &str, size: u64, rows: Option<u64>) -> InputFile {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("{:06}.{format}", NEXT.fetch_add(1, Ordering::Relaxed));
    let location = Location { root: "memory://test".into(), path: Path::from(name.as_str()), name: name.into() };
    let row_groups = rows.into_iter().collect();
    InputFile { location, size, format: format.parse().unwrap(), rows, row_groups, text_size: None, tag: None }
}

/// A real file in a folder of its own.
pub(crate) fn fixture(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

pub(crate) fn resolve_one(path: &std::path::Path) -> Result<InputFile, FileError> {
    let files = resolve(&Stores::new()?, &[path.display().to_string()], None)?;
    assert_eq!(files.len(), 1);
    Ok(files.into_iter().next().unwrap())
}

/// Compresses each part as a member, stream or frame of its own; a zip archive has a member for each, and a page.
fn pack(ending: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    match ending {
        "gz" => parts
            .iter()
            .flat_map(|part| {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(part).unwrap();
                encoder.finish().unwrap()
            })
            .collect(),
        "bz2" => parts
            .iter()
            .flat_map(|part| {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(part).unwrap();
                encoder.finish().unwrap()
            })
            .collect(),
        "zst" => parts
            .iter()
            .flat_map(|part| {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
                // As the command line tool does; without it, flipped bits may pass.
                encoder.include_checksum(true).unwrap();
                encoder.write_all(part).unwrap();
                encoder.finish().unwrap()
            })
            .collect(),
        "zip" => {
            let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
            let options = zip::write::SimpleFileOptions::default();
            archive.start_file("readme.html", options).unwrap();
            archive.write_all(b"<html>not a row</html>\n").unwrap();
            for (number, part) in parts.iter().enumerate() {
                archive.start_file(format!("part-{number}.csv"), options).unwrap();
                archive.write_all(part).unwrap();
            }
            archive.finish().unwrap().into_inner()
        }
        _ => parts.concat(),
    }
}

/// Blocks by text and offset.
type Blocks = BTreeMap<(String, u64), Vec<u8>>;

fn read_lines(settings: Settings, stores: &Stores, splits: &[Split], blocks: &mut Blocks) -> Result<(), FileError> {
    for split in splits {
        let done = AtomicU64::new(0);
        let mut meter = Meter { done: &done, counted: 0, total: split.estimated_units() };
        read_with(settings, stores, split, None, &mut meter, &mut |payload| {
            let Payload::Lines(block) = payload else { panic!("text has lines") };
            assert_eq!(block.header.as_deref(), split.file().location.name().contains(".csv").then_some(&b"h1,h2"[..]));
            let earlier = blocks.insert((block.file.to_string(), block.offset), block.bytes.to_vec());
            assert!(earlier.is_none(), "no block twice");
            ControlFlow::Continue(())
        })?;
        assert_eq!(done.load(Ordering::Relaxed), split.estimated_units());
    }
    Ok(())
}

/// The texts, after checking that the blocks of each join without a gap from `start` on, or of later blocks of bzip2 data
/// from anywhere on.
fn join(blocks: Blocks, start: u64) -> Vec<Vec<u8>> {
    let mut texts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut ends = BTreeMap::new();
    for ((name, offset), bytes) in blocks {
        let expected = if name.contains(" (block") { offset } else { start };
        let end = ends.entry(name.clone()).or_insert(expected);
        assert_eq!(offset, *end);
        *end += bytes.len() as u64;
        let file = name.split(" (block").next().unwrap_or(&name);
        texts.entry(file.to_owned()).or_default().extend(bytes);
    }
    texts.into_values().collect()
}

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![Just("".to_owned()), "[a-z]{0,30}", "[a-z]{1,5}\r", "é{0,9}"];
    (proptest::collection::vec(line, 1..30), any::<bool>()).prop_map(|(lines, ends)| {
        let text = lines.join("\n");
        if ends { text + "\n" } else { text }.into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn workers_together_read_every_line_once(
        parts in proptest::collection::vec(lines(), 1..4),
        ending in proptest::sample::select(vec!["jsonl", "csv", "jsonl.gz", "jsonl.bz2", "csv.bz2", "csv.zst", "csv.gz", "csv.zip", "zip"]),
        workers in 1_usize..6,
        stride in 1_u64..100,
        block in 1_usize..100,
        mark: bool,
    ) {
        let mark: &[u8] = if mark { b"\xEF\xBB\xBF" } else { b"" };
        let header: &[u8] = if ending.contains("jsonl") { b"" } else { b"h1,h2\r\n" };
        let compression = ending.rsplit('.').next().unwrap();
        let is_zip = compression == "zip";
        let start = [mark, header].concat();
        let packed: Vec<Vec<u8>> = parts.iter().enumerate().map(|(number, part)| {
            if is_zip || number == 0 { [&start, &part[..]].concat() } else { part.clone() }
        }).collect();
        let (_folder, path) = fixture(&format!("x.{ending}"), &pack(compression, &packed));
        let expected: Vec<Vec<u8>> = if is_zip { parts } else { vec![parts.concat()] };
        let expected: Vec<Vec<u8>> = expected.into_iter().filter(|text| !text.is_empty()).collect();

        let stores = Stores::new().unwrap();
        let files = resolve(&stores, &[path.display().to_string()], None).unwrap();
        let settings = Settings { limits: Limits { block, longest: 1 << 20 }, stride };
        let mut blocks = Blocks::new();
        for splits in plan(&files, workers) {
            // The archive's own name does not say what is in it; the members' do.
            read_lines_of(ending, settings, &stores, &splits, &mut blocks).unwrap();
        }
        prop_assert_eq!(join(blocks, start.len() as u64), expected);
    }

    #[test]
    fn parquet_rows_are_read_once_in_equal_shares(
        groups in proptest::collection::vec(1_usize..40, 1..6), copies in 1_usize..3, workers in 1_usize..9, paged: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let total: usize = groups.iter().sum();
        for copy in 0..copies {
            fs::write(folder.path().join(format!("{copy}.parquet")), parquet_bytes(&groups, paged)).unwrap();
        }
        let stores = Stores::new().unwrap();
        let files = resolve(&stores, &[folder.path().display().to_string()], None).unwrap();
        prop_assert!(files.iter().all(|file| file.rows == Some(total as u64) && file.row_groups.len() == groups.len()));
        let mut seen = Vec::new();
        for splits in plan(&files, workers) {
            let before = seen.len();
            for split in &splits {
                read_rows(&stores, split, &mut seen).unwrap();
            }
            let share = (seen.len() - before) as f64;
            prop_assert!((share - (total * copies) as f64 / workers as f64).abs() < 1.0);
        }
        seen.sort_unstable();
        let expected: Vec<i64> = (0..total as i64).flat_map(|row| vec![row; copies]).collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn damaged_bytes_never_panic_and_never_change_a_line(
        at in 0_usize..100_000, bits in 1_u8..=255, ending in proptest::sample::select(vec!["gz", "bz2", "zst", "zip"]),
    ) {
        let text: Vec<u8> = (0..300).flat_map(|number| format!("{number},{}\n", number * 7).into_bytes()).collect();
        let text = [b"h1,h2\n", &text[..]].concat();
        let mut bytes = pack(ending, std::slice::from_ref(&text));
        let at = at % bytes.len();
        bytes[at] ^= bits;
        if let Ok(rows) = all_lines(&format!("x.csv.{ending}"), &bytes) {
            // Only what is not data, such as a time or a name, can change without notice.
            prop_assert!(rows.is_empty() || rows == text[6..], "byte {at}");
        }
    }

    #[test]
    fn damaged_parquet_never_panics(at in 0_usize..100_000, bits in 1_u8..=255) {
        let mut bytes = parquet_bytes(&[20, 30], true);
        let at = at % bytes.len();
        bytes[at] ^= bits;
        let _ = all_rows(&bytes);
    }
}

fn read_lines_of(
    ending: &str,
    settings: Settings,
    stores: &Stores,
    splits: &[Split],
    blocks: &mut Blocks,
) -> Result<(), FileError> {
    if ending != "zip" {
        return read_lines(settings, stores, splits, blocks);
    }
    for split in splits {
        let mut meter = Meter { done: &AtomicU64::new(0), counted: 0, total: split.estimated_units() };
        read_with(settings, stores, split, None, &mut meter, &mut |payload| {
            let Payload::Lines(block) = payload else { panic!("text has lines") };
            assert_eq!(block.header.as_deref(), Some(&b"h1,h2"[..]));
            blocks.insert((block.file.to_string(), block.offset), block.bytes.to_vec());
            ControlFlow::Continue(())
        })?;
    }
    Ok(())
}

fn parquet_bytes(groups: &[usize], paged: bool) -> Vec<u8> {
    let column = |rows: Vec<i64>| Arc::new(Int64Array::from(rows)) as ArrayRef;
    let batch = |rows: Vec<i64>| {
        let names: StringArray = rows.iter().map(|row| Some(format!("name {row}"))).collect();
        RecordBatch::try_from_iter([("Row", column(rows)), ("Name", Arc::new(names) as ArrayRef)]).unwrap()
    };
    let page = if paged { 7 } else { 1000 };
    let properties = WriterProperties::builder().set_data_page_row_count_limit(page).set_write_batch_size(page).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch(Vec::new()).schema(), Some(properties)).unwrap();
    let mut next = 0;
    for group in groups {
        let end = next + *group as i64;
        writer.write(&batch((next..end).collect())).unwrap();
        writer.flush().unwrap();
        next = end;
    }
    writer.into_inner().unwrap()
}

fn read_rows(stores: &Stores, split: &Split, seen: &mut Vec<i64>) -> Result<(), FileError> {
    let done = AtomicU64::new(0);
    read_counted(stores, split, Some(&["Row", "NoSuchColumn"]), &done, &mut |payload| {
        let Payload::Columns(block) = payload else { panic!("Parquet has columns") };
        assert_eq!(block.batch.num_columns(), 1);
        let rows = block.batch.column(0).as_primitive::<Int64Type>();
        assert_eq!(rows.value(0), block.first_row as i64);
        seen.extend(rows.values());
        ControlFlow::Continue(())
    })?;
    assert_eq!(done.load(Ordering::Relaxed), split.estimated_units());
    Ok(())
}

fn all_rows(bytes: &[u8]) -> Result<usize, FileError> {
    let (_folder, path) = fixture("x.parquet", bytes);
    let stores = Stores::new()?;
    let files = resolve(&stores, &[path.display().to_string()], None)?;
    let mut rows = 0;
    for split in plan(&files, 1).iter().flatten() {
        read(&stores, split, None, &mut |payload| {
            let Payload::Columns(block) = payload else { panic!("Parquet has columns") };
            rows += block.batch.num_rows();
            ControlFlow::Continue(())
        })?;
    }
    Ok(rows)
}

fn all_lines(name: &str, bytes: &[u8]) -> Result<Vec<u8>, FileError> {
    let (_folder, path) = fixture(name, bytes);
    let stores = Stores::new()?;
    let files = resolve(&stores, &[path.display().to_string()], None)?;
    let mut text = Vec::new();
    for split in plan(&files, 1).iter().flatten() {
        read(&stores, split, None, &mut |payload| {
            let Payload::Lines(block) = payload else { panic!("text has lines") };
            text.extend_from_slice(&block.bytes);
            ControlFlow::Continue(())
        })?;
    }
    Ok(text)
}

#[test]
fn every_cut_through_a_compressed_file_is_an_error() {
    let text: Vec<u8> = (0..60).flat_map(|number| format!("{number},{}\n", number * 7919).into_bytes()).collect();
    let text = [b"h1,h2\n", &text[..]].concat();
    for ending in ["gz", "bz2", "zst", "zip"] {
        let bytes = pack(ending, std::slice::from_ref(&text));
        let name = format!("x.csv.{ending}");
        assert_eq!(all_lines(&name, &bytes).unwrap(), &text[6..]);
        // A file of no bytes holds no rows; every other cut must be noticed.
        for length in 1..bytes.len() {
            let Err(error) = all_lines(&name, &bytes[..length]) else { panic!("{name} cut to {length} bytes passes") };
            assert!(error.is_input() && error.to_string().contains(&name), "{error}");
        }
    }
}

#[test]
fn every_cut_through_a_parquet_file_is_an_error() {
    let bytes = parquet_bytes(&[10, 15], true);
    assert_eq!(all_rows(&bytes).unwrap(), 25);
    for length in 1..bytes.len() {
        let Err(error) = all_rows(&bytes[..length]) else { panic!("cut to {length} bytes passes") };
        assert!(error.is_input() && error.to_string().contains("x.parquet"), "{error}");
    }
}

#[test]
fn a_cut_between_two_members_is_a_whole_file_for_all_readers() {
    let (first, second) = (b"a\n".to_vec(), b"b\n".to_vec());
    for ending in ["gz", "bz2", "zst"] {
        let whole = pack(ending, &[first.clone(), second.clone()]);
        let cut = pack(ending, std::slice::from_ref(&first)).len();
        assert_eq!(all_lines(&format!("x.jsonl.{ending}"), &whole).unwrap(), b"a\nb\n");
        assert_eq!(all_lines(&format!("x.jsonl.{ending}"), &whole[..cut]).unwrap(), b"a\n");
    }
}

#[test]
fn other_bytes_after_the_data_or_instead_of_them_are_an_error() {
    for ending in ["gz", "bz2", "zst"] {
        let name = format!("x.jsonl.{ending}");
        for tail in [&b"x"[..], b"tail", b"some longer tail of text\n", &[0; 9]] {
            let bytes = [&pack(ending, &[b"a line\n".to_vec()])[..], tail].concat();
            let error = all_lines(&name, &bytes).expect_err(&name).to_string();
            assert!(error.contains(&name) && error.contains("byte 7 of its decompressed text"), "{error}");
        }
        let error = all_lines(&name, b"{\"a\":1}\n{\"a\":2}\n").expect_err(&name).to_string();
        assert!(error.contains("it is not") && error.contains("data"), "{error}");
    }
    for (name, rows) in [("x.csv.zip", false), ("x.parquet", true)] {
        let text = b"h1,h2\n1,2\n".repeat(10);
        let error =
            if rows { all_rows(&text).map(|_| ()) } else { all_lines(name, &text).map(|_| ()) }.expect_err(name);
        assert!(error.is_input() && error.to_string().contains(name), "{error}");
    }
}

#[test]
fn an_archive_tells_its_format_or_why_it_can_not() {
    let archive = |names: &[&str]| {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for name in names {
            archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(b"h1,h2\n1,2\n").unwrap();
        }
        archive.finish().unwrap().into_inner()
    };
    let find = |name: &str, members: &[&str]| {
        let (_folder, path) = fixture(name, &archive(members));
        resolve_one(&path).map(|file| file.format.to_string())
    };
    assert_eq!(
        find("On_Time_2015_1.zip", &["On_Time_2015_1.csv", "readme.html", "__MACOSX/._a.csv"]).unwrap(),
        "csv.zip"
    );
    assert_eq!(find("x.zip", &["in/a.jsonl"]).unwrap(), "jsonl.zip");
    assert_eq!(find("x.jsonl.zip", &["a.jsonl", "b.csv"]).unwrap(), "jsonl.zip");
    for (name, members) in
        [("x.zip", &["a.jsonl", "b.csv"][..]), ("x.zip", &["readme.html"]), ("x.csv.zip", &["a.jsonl"])]
    {
        let error = find(name, members).unwrap_err();
        assert!(matches!(error, FileError::BadArchive { .. }) && error.to_string().contains(name), "{error}");
    }
}

#[test]
fn compressed_text_is_shared_out_evenly() {
    let text: Vec<u8> =
        (0..400_000).flat_map(|number| format!("{{\"number\":{number:09},\"x\":1.5}}\n").into_bytes()).collect();
    for ending in ["jsonl", "jsonl.gz", "jsonl.zst"] {
        let bytes = pack(ending.rsplit('.').next().unwrap(), std::slice::from_ref(&text));
        let (_folder, path) = fixture(&format!("x.{ending}"), &bytes);
        let stores = Stores::new().unwrap();
        let files = resolve(&stores, &[path.display().to_string()], None).unwrap();
        for workers in 2..5 {
            let mut total = 0;
            for splits in plan(&files, workers) {
                let mut lines = 0;
                for split in &splits {
                    read(&stores, split, None, &mut |payload| {
                        let Payload::Lines(block) = payload else { panic!("text has lines") };
                        assert!(block.bytes.len() < (2 << 20) + 100);
                        lines += memchr::memchr_iter(b'\n', &block.bytes).count();
                        ControlFlow::Continue(())
                    })
                    .unwrap();
                }
                let mean = 400_000.0 / workers as f64;
                assert!((lines as f64 - mean).abs() < 0.1 * mean, "{ending}: {lines} of {mean} for {workers} workers");
                total += lines;
            }
            assert_eq!(total, 400_000);
        }
    }
}

#[test]
fn the_bundled_flights_are_shared_out_to_the_row() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/flights.parquet");
    let stores = Stores::new().unwrap();
    let files = resolve(&stores, &[path.display().to_string()], None).unwrap();
    assert_eq!((files[0].rows, files[0].row_groups.len()), (Some(327_346), 5));
    let read_all = |workers: usize| {
        let mut batches: BTreeMap<u64, RecordBatch> = BTreeMap::new();
        for splits in plan(&files, workers) {
            let mut share = 0;
            for split in &splits {
                read(&stores, split, Some(&["FlightNum", "DepDelay"]), &mut |payload| {
                    let Payload::Columns(block) = payload else { panic!("Parquet has columns") };
                    share += block.batch.num_rows() as u64;
                    batches.insert(block.first_row, block.batch);
                    ControlFlow::Continue(())
                })
                .unwrap();
            }
            assert!(share.abs_diff(327_346 / workers as u64) <= 1);
        }
        let mut rows = Vec::new();
        for (first, batch) in &batches {
            assert_eq!(*first, rows.len() as u64);
            let delays = batch.column_by_name("DepDelay").unwrap().as_primitive::<Float64Type>();
            let numbers = batch.column_by_name("FlightNum").unwrap().as_dictionary::<Int32Type>();
            let numbers = numbers.downcast_dict::<StringArray>().unwrap().into_iter();
            rows.extend(delays.iter().zip(numbers.map(|number| number.map(str::to_owned))));
        }
        rows
    };
    let alone = read_all(1);
    assert_eq!(alone.len(), 327_346);
    for workers in [2, 4, 7] {
        assert!(read_all(workers) == alone, "{workers} workers read the same rows at the same places");
    }
}

#[test]
fn a_sink_that_has_enough_ends_the_reading_without_an_error() {
    let (_folder, path) = fixture("x.jsonl", &b"{}\n".repeat(2_000_000));
    let stores = Stores::new().unwrap();
    let files = resolve(&stores, &[path.display().to_string()], None).unwrap();
    let split = &plan(&files, 1)[0][0];
    let (done, mut blocks) = (AtomicU64::new(0), 0);
    read_counted(&stores, split, None, &done, &mut |_| {
        blocks += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!(blocks, 1);
    assert!(done.load(Ordering::Relaxed) < split.estimated_units());
}

#[test]
fn a_file_that_changes_after_it_was_listed_is_an_error() {
    let stores = Stores::new().unwrap();
    for (name, bytes) in [
        ("x.jsonl", b"{}\n".repeat(100)),
        ("x.jsonl.gz", pack("gz", &[b"{}\n".to_vec()])),
        ("x.parquet", parquet_bytes(&[9], false)),
    ] {
        let (_folder, path) = fixture(name, &bytes);
        let files = resolve(&stores, &[path.display().to_string()], None).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = read(&stores, &plan(&files, 1)[0][0], None, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(matches!(&error, FileError::Changed { .. }) && error.is_storage(), "{error}");
    }
}
