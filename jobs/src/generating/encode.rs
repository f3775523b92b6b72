//! Rows as pieces of a file, each made by itself: a stretch of lines, or a row group.
//!
//! Pieces in order, one behind the other, are a file: compressed lines are a gzip member, a bzip2 stream or a Zstandard frame
//! for each piece, and the formats allow many of them.

use std::io::{self, Write};
use std::ops::Range;

use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;
use flightline_connectors::files::{Compression, Format, InputFormat};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression as ColumnCompression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;

use super::flights::Flights;
use crate::flight::encode::{json, parquet as columns};

/// Rows that are columns in memory before they are encoded.
const BATCH_ROWS: u64 = 8 << 10;

/// Bytes of a line, about; only room is made by it.
const LINE_BYTES: u64 = 272;

/// What rows are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Apache Parquet.
    Parquet,
    /// JSON lines, compressed in pieces or not at all.
    JsonLines(Compression),
}

impl Form {
    /// The form of a format; `None` for one that is only read.
    #[must_use]
    pub const fn of(format: InputFormat) -> Option<Self> {
        match (format.format, format.compression) {
            (Format::Parquet, _) => Some(Self::Parquet),
            (Format::JsonLines, Compression::Zip) | (Format::Csv, _) => None,
            (Format::JsonLines, compression) => Some(Self::JsonLines(compression)),
        }
    }

    /// Rows of a piece: the row groups of a year can be shared out to many readers, lines are small in memory, and
    /// compression loses nothing by where it begins anew.
    pub(super) const fn rows_of_a_piece(self) -> u64 {
        match self {
            Self::Parquet => 128 << 10,
            Self::JsonLines(Compression::None) => 16 << 10,
            Self::JsonLines(_) => 64 << 10,
        }
    }
}

/// Rows, encoded.
#[derive(Debug)]
pub enum Piece {
    /// Lines, perhaps compressed.
    Lines(Vec<u8>),
    /// The columns of a row group.
    RowGroup(Vec<ArrowColumnChunk>),
}

/// Makes pieces; threads share it.
#[derive(Debug)]
pub enum Encoder {
    /// Of lines.
    Lines(Compression),
    /// Of row groups.
    Columns(ArrowRowGroupWriterFactory),
}

impl Encoder {
    /// An encoder of a form.
    ///
    /// # Errors
    /// None that a form can cause; the signature is that of the libraries beneath.
    pub fn new(form: Form) -> io::Result<Self> {
        Ok(match form {
            Form::Parquet => Self::Columns(parquet_file(io::sink())?.1),
            Form::JsonLines(compression) => Self::Lines(compression),
        })
    }

    /// Encodes the rows of these numbers.
    ///
    /// # Errors
    /// What a library says; nothing that a row can cause.
    pub fn encode(&self, flights: &Flights, rows: Range<u64>) -> io::Result<Piece> {
        match self {
            Self::Lines(compression) => Ok(Piece::Lines(compressed(lines(flights, rows)?, *compression)?)),
            Self::Columns(factory) => Ok(Piece::RowGroup(row_group(factory, flights, rows)?)),
        }
    }
}

fn lines(flights: &Flights, rows: Range<u64>) -> io::Result<Vec<u8>> {
    let room = (rows.end - rows.start).saturating_mul(LINE_BYTES);
    let mut lines = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
    for row in rows {
        json::write_line(&mut lines, &flights.flight(row))?;
    }
    Ok(lines)
}

fn compressed(lines: Vec<u8>, compression: Compression) -> io::Result<Vec<u8>> {
    match compression {
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&lines)?;
            encoder.finish()
        }
        Compression::Bzip2 => {
            let mut encoder = BzEncoder::new(Vec::new(), bzip2::Compression::best());
            encoder.write_all(&lines)?;
            encoder.finish()
        }
        Compression::Zstd => zstd::encode_all(lines.as_slice(), zstd::DEFAULT_COMPRESSION_LEVEL),
        Compression::None | Compression::Zip => Ok(lines),
    }
}

fn row_group(
    factory: &ArrowRowGroupWriterFactory,
    flights: &Flights,
    rows: Range<u64>,
) -> io::Result<Vec<ArrowColumnChunk>> {
    let schema = columns::schema();
    let mut writers = factory.create_column_writers(0)?;
    let mut batch = Vec::new();
    let mut from = rows.start;
    while from < rows.end {
        let to = rows.end.min(from + BATCH_ROWS);
        batch.clear();
        batch.extend((from..to).map(|row| flights.flight(row)));
        let arrays = columns::batch(&batch).map_err(io::Error::other)?;
        // A column of the schema is one leaf.
        for ((writer, field), array) in writers.iter_mut().zip(schema.fields()).zip(arrays.columns()) {
            for leaf in compute_leaves(field, array)? {
                writer.write(&leaf)?;
            }
        }
        from = to;
    }
    Ok(writers.into_iter().map(|writer| writer.close()).collect::<Result<_, _>>()?)
}

/// Begins a Parquet file that takes row groups of [`Encoder::Columns`].
pub(super) fn parquet_file<W: Write + Send>(
    out: W,
) -> io::Result<(SerializedFileWriter<W>, ArrowRowGroupWriterFactory)> {
    let properties = WriterProperties::builder()
        .set_compression(ColumnCompression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Nearly all of them differ, so that a dictionary would be one column more.
        .set_column_dictionary_enabled("CRSArrTime".into(), false)
        .set_column_dictionary_enabled("CRSDepTime".into(), false);
    let writer = ArrowWriter::try_new(out, columns::schema(), Some(properties.build()))?;
    Ok(writer.into_serialized_writer()?)
}
