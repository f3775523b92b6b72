//! The bytes of files: whatever the threads, whatever is cut where; and what is never replaced or left behind.

use std::collections::BTreeMap;

use flightline_connectors::files::Compression;
use flightline_engine::progress::{Progress, Unit};
use proptest::prelude::*;

use super::*;
use crate::generating::RowSeed;
use crate::generating::tests::small_history;

const LINES: Form = Form::JsonLines(Compression::None);

fn stage() -> Stage {
    Progress::hidden().stage("generate", Unit::Rows, 1)
}

fn write(output: Output, rows: u64, seed: u64, threads: usize) -> Result<(), WriteError> {
    let flights = Flights::new(small_history(), RowSeed(seed));
    output.write(&flights, rows, NonZero::new(threads).unwrap(), &stage())
}

/// The bytes of one file.
fn file_of(form: Form, rows: u64, seed: u64, threads: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows");
    write(Output::file(&path, form, Existing::Refuse).unwrap(), rows, seed, threads).unwrap();
    fs::read(path).unwrap()
}

/// What is in a folder, by name.
fn files_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn the_number_of_threads_reaches_no_byte() {
    for form in [Form::Parquet, LINES, Form::JsonLines(Compression::Zstd)] {
        // Three pieces, the last of a few rows.
        let rows = 2 * form.rows_of_a_piece() + 77;
        let expected = file_of(form, rows, 5, 1);
        for threads in 2..=4 {
            assert!(file_of(form, rows, 5, threads) == expected, "{form:?} on {threads} threads");
        }
        assert!(file_of(form, rows, 6, 2) != expected, "{form:?}: the seed reaches no byte");
    }
}

#[test]
fn compressed_lines_are_the_lines() {
    // Two streams.
    let rows = Form::JsonLines(Compression::Bzip2).rows_of_a_piece() + 5;
    let expected = file_of(LINES, rows, 1, 2);
    let read = |compression, decode: fn(&[u8]) -> Box<dyn io::Read + '_>| {
        let packed = file_of(Form::JsonLines(compression), rows, 1, 2);
        let mut lines = Vec::new();
        decode(&packed).read_to_end(&mut lines).unwrap();
        assert!(lines == expected, "{compression:?}");
    };
    read(Compression::Gzip, |bytes| Box::new(flate2::read::MultiGzDecoder::new(bytes)));
    read(Compression::Bzip2, |bytes| Box::new(bzip2::read::MultiBzDecoder::new(bytes)));
    read(Compression::Zstd, |bytes| Box::new(zstd::Decoder::new(bytes).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn fewer_rows_are_the_first_of_more(fewer in 1_u64..20_000, more in 0_u64..20_000, seed: u64) {
        let (short, long) = (file_of(LINES, fewer, seed, 2), file_of(LINES, fewer + more, seed, 3));
        prop_assert!(long.starts_with(&short));
        prop_assert_eq!(long.iter().filter(|byte| **byte == b'\n').count() as u64, fewer + more);
    }
}

#[test]
fn a_folder_holds_the_rows_of_one_file_in_equal_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows");
    let piece = LINES.rows_of_a_piece();
    let mut output = Output::folder(&path, LINES, Existing::Refuse).unwrap();
    output.rows_of_a_part = 2 * piece;
    write(output, 5 * piece - 9, 3, 2).unwrap();
    let files = files_in(&path);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["rows-00000.jsonl", "rows-00001.jsonl", "rows-00002.jsonl"]);
    let lines: Vec<u64> =
        files.values().map(|bytes| bytes.iter().filter(|byte| **byte == b'\n').count() as u64).collect();
    assert_eq!(lines, [2 * piece, 2 * piece, piece - 9]);
    let together: Vec<u8> = files.into_values().flatten().collect();
    assert!(together == file_of(LINES, 5 * piece - 9, 3, 1));
}

#[test]
fn parts_are_whole_pieces() {
    for form in [Form::Parquet, LINES] {
        assert!(ROWS_OF_A_PART.is_multiple_of(form.rows_of_a_piece()), "{form:?}");
    }
}

#[test]
fn what_is_there_is_only_replaced_when_asked_for_and_when_it_is_ours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("rows-00007.jsonl"), "old").unwrap();
    let refused = Output::folder(&path, LINES, Existing::Refuse).unwrap_err();
    assert!(matches!(refused, WriteError::File(FileError::Exists { .. })), "{refused}");

    fs::write(path.join("thesis.txt"), "mine").unwrap();
    let refused = Output::folder(&path, LINES, Existing::Replace).unwrap_err();
    assert!(refused.to_string().contains("`thesis.txt`"), "{refused}");
    assert_eq!(files_in(&path).len(), 2);

    fs::remove_file(path.join("thesis.txt")).unwrap();
    // The answers of `predict`: they were taken for rows once, and replaced.
    fs::write(path.join("part-00000.jsonl"), "answers").unwrap();
    let refused = Output::folder(&path, LINES, Existing::Replace).unwrap_err();
    assert!(refused.to_string().contains("`part-00000.jsonl`"), "{refused}");
    fs::remove_file(path.join("part-00000.jsonl")).unwrap();
    write(Output::folder(&path, LINES, Existing::Replace).unwrap(), 10, 1, 1).unwrap();
    assert_eq!(files_in(&path).into_keys().collect::<Vec<_>>(), ["rows-00000.jsonl"]);

    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert!(Output::folder(&file, LINES, Existing::Replace).is_err(), "a file is no folder of ours");
    assert!(Output::file(&file, LINES, Existing::Refuse).is_err());
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    write(Output::file(&file, LINES, Existing::Replace).unwrap(), 10, 1, 1).unwrap();
    assert!(fs::read(&file).unwrap().starts_with(b"{\"ArrDelay\""));
}

#[test]
fn without_an_end_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    drop(Output::file(&folder.path().join("rows.jsonl"), LINES, Existing::Refuse).unwrap());
    drop(Output::folder(&folder.path().join("rows"), LINES, Existing::Refuse).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    // The folder goes away beneath it, so that its second part can't be made.
    let path = folder.path().join("gone");
    let output = Output::folder(&path, LINES, Existing::Refuse).unwrap();
    if let Place::Folder(place) = &output.place {
        fs::remove_dir(place.path()).unwrap();
    }
    let failed = write(output, 10, 1, 2).unwrap_err();
    assert!(matches!(failed, WriteError::File(FileError::Write { .. })), "{failed}");
    assert!(!path.exists());
}
