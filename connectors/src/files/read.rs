//! Reading one worker's part of one file into a sink, as blocks of lines or batches of columns.
//!
//! Made for a reader thread: it waits for the store, and hands out a block before it reads the next. A sink that
//! answers `Break` ends the reading without an error.

use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use bytes::Bytes;

use super::block_lines::read_blocks;
use super::decompress::{Text, for_each_text, unreadable};
use super::error::FileError;
use super::format::{Compression, Format, Sequential};
use super::lines::{Limits, LineCutter, Ownership, Preamble, read_preamble};
use super::listing::InputFile;
use super::object_reader::{Access, ObjectReader};
use super::parquet_rows::read_rows;
use super::split::{Part, Split};
use super::stores::Stores;

/// Bytes of decompressed text that a worker parses in its turn: small enough that the last turn of a file leaves
/// nobody idle for long and that files of a few megabytes come out even.
const STRIDE: u64 = 256 << 10;

/// What a reader hands out.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Lines of text.
    Lines(LineBlock),
    /// Rows in columns.
    Columns(ColumnBlock),
}

/// Whole lines of a text file.
#[derive(Debug, Clone)]
pub struct LineBlock {
    /// The file, and within an archive the member or within bzip2 data a later block, for messages.
    pub file: Arc<str>,
    /// The lines, with their line ends; the last of the file may lack its own.
    pub bytes: Bytes,
    /// The first line of a CSV file, without its line end. It is never part of `bytes`.
    pub header: Option<Arc<[u8]>>,
    /// Offset of the first byte in the (decompressed) text, or that of its block.
    pub offset: u64,
}

/// Rows of a Parquet file.
#[derive(Debug, Clone)]
pub struct ColumnBlock {
    /// The file, for messages.
    pub file: Arc<str>,
    /// Number of the first row in the file, from 0.
    pub first_row: u64,
    /// The rows.
    pub batch: RecordBatch,
}

/// Reads `split` into `sink`. `columns` are the columns wanted of a Parquet file, all without; names that the file
/// does not have are left out.
///
/// # Errors
/// [`FileError`] if the file is damaged, changed since it was listed, or the store fails. Blocks that were handed out
/// before are right.
///
/// # Panics
/// Inside of async code, for it waits.
pub fn read(
    stores: &Stores,
    split: &Split,
    columns: Option<&[&str]>,
    sink: &mut dyn FnMut(Payload) -> ControlFlow<()>,
) -> Result<(), FileError> {
    read_counted(stores, split, columns, &AtomicU64::new(0), sink)
}

/// As [`read`], and adds to `done` what is done, in the units of [`Split::estimated_units`]: at the end of a whole
/// read, `done` has grown by exactly that number.
///
/// # Errors
/// As [`read`].
pub fn read_counted(
    stores: &Stores,
    split: &Split,
    columns: Option<&[&str]>,
    done: &AtomicU64,
    sink: &mut dyn FnMut(Payload) -> ControlFlow<()>,
) -> Result<(), FileError> {
    let mut meter = Meter { done, counted: 0, total: split.estimated_units() };
    let settings = Settings { limits: Limits::default(), stride: STRIDE };
    read_with(settings, stores, split, columns, &mut meter, sink)
}

/// Sizes that tests make small.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    /// Bytes in a stride.
    pub(crate) stride: u64,
}

/// Counts what is done, never beyond the total.
pub(crate) struct Meter<'a> {
    pub(crate) done: &'a AtomicU64,
    pub(crate) counted: u64,
    pub(crate) total: u64,
}

impl Meter<'_> {
    pub(super) fn advance_to(&mut self, reached: u64) {
        let reached = reached.min(self.total);
        if reached > self.counted {
            self.done.fetch_add(reached - self.counted, Ordering::Relaxed);
            self.counted = reached;
        }
    }
}

pub(crate) fn read_with(
    settings: Settings,
    stores: &Stores,
    split: &Split,
    columns: Option<&[&str]>,
    meter: &mut Meter<'_>,
    sink: &mut dyn FnMut(Payload) -> ControlFlow<()>,
) -> Result<(), FileError> {
    let file = &*split.file;
    let mut stopped = false;
    let mut tell = |payload| {
        let flow = sink(payload);
        stopped |= flow.is_break();
        flow
    };
    match &split.part {
        Part::Rows(rows) => {
            let mut tell = |block: ColumnBlock| {
                meter.advance_to(block.first_row + block.batch.num_rows() as u64 - rows.start);
                tell(Payload::Columns(block))
            };
            read_rows(stores, &file.identity(), &file.row_groups, rows.clone(), columns, &mut tell)?;
        }
        Part::Bytes(range) => {
            let mut tell = |block| tell(Payload::Lines(block));
            read_range(settings, stores, file, range, meter, &mut tell)?;
        }
        Part::Blocks(range) => {
            let mut tell = |block| tell(Payload::Lines(block));
            read_blocks(settings.limits, stores, file, range, meter, &mut tell)?;
        }
        Part::Turns { compression, index, count } => {
            let mut tell = |block| tell(Payload::Lines(block));
            let ownership = |base| Ownership::Strides { index: *index, count: *count, stride: settings.stride, base };
            read_texts(settings, stores, file, *compression, &ownership, meter, &mut tell)?;
        }
    }
    if !stopped {
        meter.advance_to(meter.total);
    }
    Ok(())
}

/// The lines of a plain text that start in `range`.
fn read_range(
    settings: Settings,
    stores: &Stores,
    file: &InputFile,
    range: &Range<u64>,
    meter: &mut Meter<'_>,
    sink: &mut dyn FnMut(LineBlock) -> ControlFlow<()>,
) -> Result<(), FileError> {
    let limits = settings.limits;
    let name = Arc::clone(&file.location.name);
    let mut reader = ObjectReader::open(stores, &file.identity(), Access::Sequential)?;
    let has_header = file.format.format == Format::Csv;
    let preamble = preamble_of(&name, file, &mut reader.clone(), has_header, &reader, limits)?;
    let own = range.start.max(preamble.body)..range.end;
    // The byte before the range tells whether a line starts right at its start.
    let from = own.start.saturating_sub(1).max(preamble.body);
    let seeked = reader.seek(SeekFrom::Start(from));
    seeked.map_err(|error| unreadable(&name, Compression::None, &reader, from, &error))?;
    let mut cutter = LineCutter::new(Arc::clone(&name), preamble.header, Ownership::Range(own), limits, from);
    loop {
        let failure = reader.clone();
        let chunk = reader
            .fill_buf()
            .map_err(|error| unreadable(&name, Compression::None, &failure, cutter.position(), &error))?;
        if chunk.is_empty() {
            return cutter.finish(sink).map(|_| ());
        }
        let length = chunk.len();
        if cutter.feed(chunk, sink)?.is_break() {
            return Ok(());
        }
        reader.consume(length);
        meter.advance_to(cutter.position().saturating_sub(range.start));
    }
}

/// The lines of all texts in a compressed file that one owner has.
fn read_texts(
    settings: Settings,
    stores: &Stores,
    file: &InputFile,
    compression: Sequential,
    ownership: &dyn Fn(u64) -> Ownership,
    meter: &mut Meter<'_>,
    sink: &mut dyn FnMut(LineBlock) -> ControlFlow<()>,
) -> Result<(), FileError> {
    let format = file.format.format;
    let reader = ObjectReader::open(stores, &file.identity(), Access::Sequential)?;
    let progress = reader.clone();
    let mut visit = |text: Text<'_>| {
        let has_header = format == Format::Csv;
        let preamble = preamble_of(&text.name, file, text.reader, has_header, &progress, settings.limits)?;
        let own = ownership(text.base);
        let mut cutter = LineCutter::new(Arc::clone(&text.name), preamble.header, own, settings.limits, preamble.body);
        let mut rest = Cursor::new(preamble.read_ahead).chain(text.reader);
        loop {
            let position = cutter.position();
            let chunk = rest
                .fill_buf()
                .map_err(|error| unreadable(&text.name, compression.into(), &progress, position, &error))?;
            if chunk.is_empty() {
                return cutter.finish(sink);
            }
            let length = chunk.len();
            if cutter.feed(chunk, sink)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            rest.consume(length);
            meter.advance_to(progress.consumed());
        }
    };
    for_each_text(&file.location.name, format, compression, reader, &mut visit)
}

pub(super) fn preamble_of(
    name: &str,
    file: &InputFile,
    text: &mut dyn BufRead,
    has_header: bool,
    reader: &ObjectReader,
    limits: Limits,
) -> Result<Preamble, FileError> {
    let preamble = read_preamble(text, has_header, limits)
        .map_err(|error| unreadable(name, file.format.compression, reader, 0, &error))?;
    preamble.ok_or_else(|| FileError::LineTooLong { file: name.to_owned(), offset: 0, limit: limits.longest })
}
