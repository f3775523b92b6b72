//! From the files of a log to a piece of it. The log may be written at the same time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::{LogStream, Segment};
use crate::ids::Memory;
use crate::job::last_words::ERROR;
use crate::view::LogPiece;

/// However much is asked for, a piece is at most so long.
const MOST: u64 = 1 << 20;

/// And at least so long, so that whoever follows a log always gets on: a character has up to four bytes.
const LEAST: u64 = 4;

/// Segments vanish while one reads; a process that writes so fast that they always do is asked for its newest part.
const TRIES: usize = 3;

/// What is told of a process that has ended.
const LAST_LINES: usize = 40;
const LAST_BYTES: u64 = 32 << 10;
const LONGEST_LINE: usize = 1_000;

/// A piece of a log: from there on, or, without a position, its last whole lines. What is no more there is skipped: then the
/// piece begins later than it was asked to. `runs`: whether more may be written.
pub(in super::super) fn read(
    folder: &Path,
    stream: LogStream,
    from: Option<u64>,
    at_most: Memory,
    runs: bool,
) -> io::Result<LogPiece> {
    let at_most = at_most.0.clamp(LEAST, MOST);
    let mut tries = 0;
    loop {
        let from = if tries < TRIES { from } else { None };
        match read_once(folder, stream, from, at_most, runs) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < 2 * TRIES && folder.exists() => tries += 1,
            other => return other,
        }
    }
}

fn read_once(folder: &Path, stream: LogStream, from: Option<u64>, at_most: u64, runs: bool) -> io::Result<LogPiece> {
    let segments = Segment::all(folder, stream)?;
    let last = segments.last().ok_or(io::ErrorKind::NotFound)?;
    let end = last.start + last.path.metadata()?.len();
    let wanted = from.unwrap_or(end.saturating_sub(at_most)).min(end);
    let (mut start, mut bytes) = (wanted, Vec::new());
    for segment in &segments {
        let next = start + bytes.len() as u64;
        let mut file = File::open(&segment.path)?;
        if segment.start + file.metadata()?.len() <= next {
            continue;
        }
        if segment.start > next {
            // What lay between is gone. A piece has no hole in it.
            if !bytes.is_empty() {
                break;
            }
            start = segment.start;
        }
        file.seek(SeekFrom::Start(start + bytes.len() as u64 - segment.start))?;
        file.take(at_most - bytes.len() as u64).read_to_end(&mut bytes)?;
    }
    if from.is_none() && start > 0 {
        // The first line is most likely a part of one.
        let line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.drain(..line);
        start += line as u64;
    }
    let whole = bytes.len() - started_character(&bytes);
    let is_at_the_end = start + bytes.len() as u64 >= end;
    // The rest of a character comes with the next piece; unless it never comes.
    if whole > 0 && !is_at_the_end || runs && is_at_the_end {
        bytes.truncate(whole);
    }
    let next = start + bytes.len() as u64;
    Ok(LogPiece { from: start, next, text: String::from_utf8_lossy(&bytes).into_owned(), more: runs || next < end })
}

/// How many bytes at the end are the beginning of a character that lacks some.
fn started_character(bytes: &[u8]) -> usize {
    let length = |byte: u8| match byte {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    (1..=3.min(bytes.len())).find(|back| length(bytes[bytes.len() - back]) > *back).unwrap_or(0)
}

/// The last lines that a process that is gone has written for people; if it wrote none, those of its standard output. None, if
/// they can't be read.
pub(in super::super) fn last_lines(folder: &Path) -> Vec<String> {
    for stream in [LogStream::Stderr, LogStream::Stdout] {
        let piece = read(folder, stream, None, Memory(LAST_BYTES), false).unwrap_or_default();
        let lines: Vec<&str> = piece.text.lines().collect();
        // Many mistakes are told below one sentence, which must not be missing.
        let sentence = lines.iter().rposition(|line| line.starts_with(ERROR)).unwrap_or(lines.len());
        let first = lines.len().saturating_sub(LAST_LINES).min(sentence);
        let last: Vec<String> = lines[first..].iter().take(LAST_LINES).map(|line| shown(line)).collect();
        if !last.is_empty() {
            return last;
        }
    }
    Vec::new()
}

/// A line that does nothing to a terminal, and has an end.
fn shown(line: &str) -> String {
    let plain = console::strip_ansi_codes(line);
    plain.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).take(LONGEST_LINE).collect()
}
