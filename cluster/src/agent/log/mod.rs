//! What a process writes to its standard output and error: bounded, and at absolute positions.
//!
//! ```text
//! stdout.log          the beginning, never touched again     0 ..head
//! stdout.log.8388608  a piece that was written later         each has as many bytes as the last,
//! stdout.log.12582912 its start is in its name               only the newest few are there
//! ```
//!
//! A position is a number of bytes from the log's start, whether they are still there or not: whoever follows a log sees by
//! it that something is missing. A process is never held up by its log: what the disk doesn't take is left out.

mod read;
mod write;

use std::io;
use std::path::{Path, PathBuf};

pub(super) use read::{last_lines, read};
pub(super) use write::{LogWriter, pump};

use crate::ids::Memory;
use crate::protocol::LogStream;

/// The name of a log's first file.
const fn first_file(stream: LogStream) -> &'static str {
    match stream {
        LogStream::Stdout => "stdout.log",
        LogStream::Stderr => "stderr.log",
    }
}

/// How much of a log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Of its beginning.
    pub beginning: Memory,
    /// Of its end, at least, if it is longer. Half as much again may be there.
    pub end: Memory,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { beginning: Memory(8 << 20), end: Memory(8 << 20) }
    }
}

/// A file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    start: u64,
    path: PathBuf,
}

impl Segment {
    fn new(folder: &Path, stream: LogStream, start: u64) -> Self {
        let name = if start == 0 { first_file(stream).to_owned() } else { format!("{}.{start}", first_file(stream)) };
        Self { start, path: folder.join(name) }
    }

    /// All that are there, in order.
    fn all(folder: &Path, stream: LogStream) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let name = entry?.file_name();
            let start = match name.to_str().and_then(|name| name.strip_prefix(first_file(stream))) {
                Some("") => Some(0),
                Some(rest) => rest.strip_prefix('.').and_then(|start| start.parse().ok()),
                None => None,
            };
            found.extend(start.map(|start| Self::new(folder, stream, start)));
        }
        found.sort_by_key(|segment| segment.start);
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
