//! Logs against a plain buffer of all that was ever written.

use std::io::{self, Read};

use proptest::prelude::*;

use super::{LogLimits, LogStream, LogWriter, Segment, last_lines, pump, read};
use crate::ids::Memory;

const SMALL: LogLimits = LogLimits { beginning: Memory(10), end: Memory(8) };

fn log_of(folder: &std::path::Path, limits: LogLimits, bytes: &[u8]) {
    LogWriter::create(folder, LogStream::Stderr, limits).unwrap().write(bytes).unwrap();
}

#[test]
fn a_log_is_read_from_any_position_and_followed() {
    let disk = tempfile::tempdir().unwrap();
    let mut log = LogWriter::create(disk.path(), LogStream::Stderr, LogLimits::default()).unwrap();
    let at = |from| read(disk.path(), LogStream::Stderr, from, Memory(8), true).unwrap();
    assert_eq!((at(None).text.as_str(), at(None).next, at(None).more), ("", 0, true));
    log.write(b"one\ntwo\nthree\n").unwrap();
    assert_eq!((at(Some(4)).text.as_str(), at(Some(4)).next), ("two\nthre", 12));
    assert_eq!(at(None).text, "three\n", "the tail has whole lines");
    assert_eq!((at(Some(99)).from, at(Some(99)).text.as_str()), (14, ""), "beyond the end is the end");
    log.write(b"four").unwrap();
    assert_eq!((at(Some(14)).text.as_str(), at(Some(14)).more), ("four", true));
    assert!(!read(disk.path(), LogStream::Stderr, Some(14), Memory(8), false).unwrap().more);
    assert!(read(disk.path(), LogStream::Stderr, Some(1), Memory(8), false).unwrap().more);
}

#[test]
fn characters_are_never_torn_between_pieces() {
    let disk = tempfile::tempdir().unwrap();
    log_of(disk.path(), LogLimits::default(), "añ€😀x".repeat(7).as_bytes());
    let (mut at, mut text) = (0, String::new());
    loop {
        let piece = read(disk.path(), LogStream::Stderr, Some(at), Memory(5), false).unwrap();
        text += &piece.text;
        at = piece.next;
        if !piece.more {
            break;
        }
    }
    assert_eq!(text, "añ€😀x".repeat(7));
}

#[test]
fn the_beginning_of_a_character_is_waited_for_while_the_process_runs() {
    let disk = tempfile::tempdir().unwrap();
    log_of(disk.path(), LogLimits::default(), &"a😀".as_bytes()[..3]);
    let piece = |runs| read(disk.path(), LogStream::Stderr, Some(0), Memory(99), runs).unwrap();
    assert_eq!((piece(true).text.as_str(), piece(true).next), ("a", 1));
    assert_eq!((piece(false).text.as_str(), piece(false).next), ("a\u{fffd}", 3));
}

#[test]
fn the_last_lines_are_those_for_people_and_do_nothing_to_a_terminal() {
    let disk = tempfile::tempdir().unwrap();
    assert_eq!(last_lines(disk.path()), Vec::<String>::new());
    let mut report = LogWriter::create(disk.path(), LogStream::Stdout, LogLimits::default()).unwrap();
    report.write(b"report\n").unwrap();
    let mut log = LogWriter::create(disk.path(), LogStream::Stderr, LogLimits::default()).unwrap();
    assert_eq!(last_lines(disk.path()), ["report"]);
    for line in 0..100 {
        log.write(format!("line {line}\n").as_bytes()).unwrap();
    }
    log.write(format!("\x1b[31mred\x1b[0m\x07{}", "x".repeat(2_000)).as_bytes()).unwrap();
    let lines = last_lines(disk.path());
    assert_eq!(lines.len(), 40);
    assert_eq!(lines[38], "line 99");
    assert!(lines[39].starts_with("red x") && lines[39].chars().count() == 1_000);
}

/// Of a configuration with a hundred mistakes only the last forty were told, without a word of what they are.
#[test]
fn the_sentence_of_a_failure_is_among_the_last_lines_however_many_follow() {
    let disk = tempfile::tempdir().unwrap();
    let mistakes: String = (0..100).map(|at| format!("  mistake {at}\n")).collect();
    log_of(disk.path(), LogLimits::default(), format!("begun\nerror: 100 mistakes:\n{mistakes}").as_bytes());
    let lines = last_lines(disk.path());
    assert_eq!((lines.len(), lines[0].as_str(), lines[39].as_str()), (40, "error: 100 mistakes:", "  mistake 38"));
}

#[test]
fn a_reader_that_fails_ends_the_log_and_a_disk_that_fails_ends_nothing() {
    struct Endless(usize);
    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or_else(|| io::Error::other("torn"))?;
            into[..4].copy_from_slice(b"abc\n");
            Ok(4)
        }
    }
    let disk = tempfile::tempdir().unwrap();
    let log = LogWriter::create(disk.path(), LogStream::Stderr, SMALL).unwrap();
    // No second segment can be made.
    std::fs::create_dir(Segment::new(disk.path(), LogStream::Stderr, 10).path).unwrap();
    let told = std::cell::Cell::new(0);
    pump(Endless(50), log, |_| told.set(told.get() + 1));
    assert_eq!(told.get(), 1);
    assert_eq!(std::fs::read(disk.path().join("stderr.log")).unwrap(), b"abc\nabc\nab");
}

proptest! {
    #[test]
    fn what_is_left_of_a_log_stands_where_it_was_written(
        writes in proptest::collection::vec(0..25_usize, 0..12),
        from in 0..150_u64,
        at_most in 1..40_u64,
    ) {
        let disk = tempfile::tempdir().unwrap();
        let mut log = LogWriter::create(disk.path(), LogStream::Stdout, SMALL).unwrap();
        let mut all = Vec::new();
        for length in writes {
            let bytes: Vec<u8> = (all.len()..all.len() + length).map(|at| b'a' + (at % 26) as u8).collect();
            log.write(&bytes).unwrap();
            all.extend(bytes);
        }
        let end = all.len() as u64;
        let disk_bytes: u64 = Segment::all(disk.path(), LogStream::Stdout).unwrap().iter()
            .map(|segment| segment.path.metadata().unwrap().len()).sum();
        prop_assert!(disk_bytes <= 10 + 8 + 4);

        // From anywhere on: what is there is what was written, and the only hole is in the middle.
        let mut at = from;
        loop {
            let piece = read(disk.path(), LogStream::Stdout, Some(at), Memory(at_most), false).unwrap();
            prop_assert!(piece.from >= at.min(end));
            prop_assert!(piece.from == at.min(end) || piece.from >= 10 && end - piece.from >= 8, "{piece:?} of {end}");
            prop_assert_eq!(piece.text.as_bytes(), &all[piece.from as usize..piece.next as usize]);
            prop_assert!(piece.text.len() as u64 <= at_most.max(4));
            prop_assert_eq!(piece.more, piece.next < end);
            if !piece.more {
                break;
            }
            prop_assert!(piece.next > at);
            at = piece.next;
        }
    }
}
