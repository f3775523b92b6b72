//! From a process's pipe into the files of its log.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::super::folder::new_file;
use super::{LogLimits, LogStream, Segment};

/// Segments of the end that are there besides the one that is being written: two halves make the whole of it.
const FULL_SEGMENTS: usize = 2;

/// What a pipe holds by default.
const READ_BYTES: usize = 64 << 10;

/// Writes a log from its start.
#[derive(Debug)]
pub(in super::super) struct LogWriter {
    folder: PathBuf,
    stream: LogStream,
    limits: LogLimits,
    /// Where the next byte goes.
    at: u64,
    /// Where the segment that is being written is full.
    full_at: u64,
    file: File,
    /// Segments of the end, the oldest first.
    end: VecDeque<Segment>,
}

impl LogWriter {
    /// Begins a log in a folder that has none.
    pub(in super::super) fn create(folder: &Path, stream: LogStream, limits: LogLimits) -> io::Result<Self> {
        let file = new_file(&Segment::new(folder, stream, 0).path)?;
        let full_at = limits.beginning.0.max(1);
        Ok(Self { folder: folder.to_owned(), stream, limits, at: 0, full_at, file, end: VecDeque::new() })
    }

    /// Adds these bytes. After an error they are partly there; the next ones may be added all the same.
    pub(in super::super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.at == self.full_at {
                self.next_segment()?;
            }
            let room = usize::try_from(self.full_at - self.at).unwrap_or(usize::MAX);
            let written = match self.file.write(&bytes[..room.min(bytes.len())]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.at += written as u64;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    fn next_segment(&mut self) -> io::Result<()> {
        let segment = Segment::new(&self.folder, self.stream, self.at);
        if self.end.len() > FULL_SEGMENTS
            && let Some(oldest) = self.end.pop_front()
        {
            fs::remove_file(oldest.path)?;
        }
        self.file = new_file(&segment.path)?;
        self.end.push_back(segment);
        self.full_at = self.at.saturating_add((self.limits.end.0 / FULL_SEGMENTS as u64).max(1));
        Ok(())
    }
}

/// Takes all that a process writes until nobody can write any more. `trouble` is told the first failure of the disk; the
/// process goes on.
pub(in super::super) fn pump(mut from: impl Read, mut log: LogWriter, trouble: impl Fn(&io::Error)) {
    let mut bytes = vec![0; READ_BYTES];
    let mut is_told = false;
    loop {
        let read = match from.read(&mut bytes) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        if let Err(error) = log.write(&bytes[..read])
            && !std::mem::replace(&mut is_told, true)
        {
            trouble(&error);
        }
    }
}
