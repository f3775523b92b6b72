//! Rows of CSV files: the BTS on-time downloads of any year, and training rows as CSV.
//!
//! Which one a file is, its header tells column by column, and its values one by one (a time of four digits is a clock).
//! A line is a record: none of these files has a line break in a field. So a stray quote spoils one line, not the rows
//! after it, and rows do not depend on how a file was cut into blocks.

use std::sync::Arc;

use csv::{ByteRecord, Reader, ReaderBuilder};
use flightline_connectors::files::LineBlock;

use super::super::column::Column;
use super::super::counts::{BadReason, Position};
use super::super::raw::{RawRow, RawValue};
use super::json::BYTE_ORDER_MARK;
use super::{DecodeError, RowSink, check_columns, count_bad, offer};

/// Remembers the header of the file that is being read.
#[derive(Debug, Default)]
pub(super) struct CsvDecoder {
    layout: Option<(Arc<[u8]>, Layout)>,
}

/// Where the columns stand in each record.
#[derive(Clone, Debug)]
struct Layout {
    places: Vec<(Column, usize)>,
    /// Fields of a whole record.
    width: usize,
}

impl CsvDecoder {
    /// Offers every record to the sink.
    pub(super) fn decode<S: RowSink>(&mut self, block: &LineBlock, sink: &mut S) -> Result<(), DecodeError> {
        let layout = self.layout_of(block)?;
        check_columns::<S>(&block.file, |column| layout.places.iter().any(|(of, _)| *of == column))?;
        let bytes: &[u8] = &block.bytes;
        let mut start = 0;
        while start < bytes.len() {
            start += decode_until_stray_quote(layout, block, start, sink);
        }
        Ok(())
    }

    fn layout_of(&mut self, block: &LineBlock) -> Result<&Layout, DecodeError> {
        let header = block.header.clone().unwrap_or_else(|| Arc::from([].as_slice()));
        let known = self.layout.take().filter(|(known, _)| *known == header);
        let layout = match known {
            Some((_, layout)) => layout,
            None => Layout::parse(&header).ok_or_else(|| DecodeError::BadHeader { file: block.file.to_string() })?,
        };
        Ok(&self.layout.insert((header, layout)).1)
    }
}

impl Layout {
    fn parse(header: &[u8]) -> Option<Self> {
        let header = header.strip_prefix(BYTE_ORDER_MARK).unwrap_or(header);
        let mut record = ByteRecord::new();
        reader(header).read_byte_record(&mut record).ok()?;
        let names: Vec<String> = record
            .iter()
            .map(|name| std::str::from_utf8(name).ok().map(|name| name.trim().to_owned()))
            .collect::<Option<_>>()?;
        let places = Column::ALL.into_iter().filter_map(|column| Some((column, column.find(&names)?))).collect();
        Some(Self { places, width: names.len() })
    }
}

fn reader(bytes: &[u8]) -> Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes)
}

/// Decodes records from `start` on, and gives the number of bytes that are done: all, or up to the end of the first line
/// whose quote is never closed.
fn decode_until_stray_quote<S: RowSink>(layout: &Layout, block: &LineBlock, start: usize, sink: &mut S) -> usize {
    let bytes = &block.bytes[start..];
    let mut records = reader(bytes);
    let mut record = ByteRecord::new();
    let mut done = 0;
    // Reading from memory can't fail, and a flexible reader takes records of any length.
    while let Ok(true) = records.read_byte_record(&mut record) {
        let end = usize::try_from(records.position().byte()).unwrap_or(bytes.len()).min(bytes.len());
        let blank = bytes[done..end].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        let begin = done + blank;
        let position = Position::Byte(block.offset + (start + begin) as u64);
        let line = bytes[begin..end].trim_ascii_end();
        if let Some(line_end) = line.iter().position(|byte| *byte == b'\n') {
            count_bad(sink, BadReason::Malformed, &block.file, position);
            return begin + line_end + 1;
        }
        match raw_row(layout, &record) {
            Some(row) => offer(sink, &row, &block.file, position),
            None => count_bad(sink, BadReason::Malformed, &block.file, position),
        }
        done = end;
    }
    bytes.len()
}

/// The fields of a record; `None` when it has fewer than the header, or is no UTF-8.
fn raw_row<'a>(layout: &Layout, record: &'a ByteRecord) -> Option<RawRow<'a>> {
    if record.len() < layout.width {
        return None;
    }
    let mut row = RawRow::default();
    for &(column, place) in &layout.places {
        let text = std::str::from_utf8(record.get(place)?).ok()?;
        row.set(column, RawValue::Text(text.into()));
    }
    Some(row)
}
