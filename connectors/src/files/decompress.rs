//! The texts inside of files that are decompressed from their start on: one in a gzip or Zstandard file, one per member in a
//! zip archive. (bzip2 files are read block by block: `block_lines`.)
//!
//! All formats are read to their very end, checksums included, by every reader of the file: concatenated members
//! and frames are one text, and a file that is cut short, followed by other bytes, or not of its format is an error. Two
//! cuts can't be told from a whole file: one exactly between two gzip members or Zstandard frames, and a file of no
//! bytes, which holds no rows. Zstandard has checksums only if its writer asked for them, as the command line tool does.

use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

use super::error::FileError;
use super::format::{Compression, Format, Sequential, hint};
use super::object_reader::ObjectReader;

/// Decompressed bytes that are buffered between a decoder and the cutting of lines.
const BUFFER: usize = 256 << 10;

/// One text that is being read.
pub(crate) struct Text<'a> {
    /// The file, and within an archive the member, for messages.
    pub(crate) name: Arc<str>,
    /// Offset of this text in all texts of the file laid end to end.
    pub(crate) base: u64,
    /// The decompressed bytes.
    pub(crate) reader: &'a mut dyn BufRead,
}

/// What to do with each text. It reports a failed read of the text with its offset, for [`unreadable`].
pub(crate) type Visit<'a> = &'a mut dyn FnMut(Text<'_>) -> Result<ControlFlow<()>, FileError>;

/// Visits the texts of a file one after another. `Break` from the visitor ends it early.
///
/// # Errors
/// [`FileError`] of the visitor, or for an archive that can't be used.
pub(crate) fn for_each_text(
    file: &Arc<str>,
    format: Format,
    compression: Sequential,
    reader: ObjectReader,
    visit: Visit<'_>,
) -> Result<(), FileError> {
    let name = Arc::clone(file);
    let single = |reader: &mut dyn BufRead| visit(Text { name, base: 0, reader }).map(|_| ());
    match compression {
        Sequential::Gzip => single(&mut BufReader::with_capacity(BUFFER, MultiGzDecoder::new(reader))),
        Sequential::Zstd => {
            let failure = reader.clone();
            let decoder = zstd::stream::read::Decoder::with_buffer(reader)
                .map_err(|error| unreadable(file, compression.into(), &failure, 0, &error))?;
            single(&mut BufReader::with_capacity(BUFFER, decoder))
        }
        Sequential::Zip => for_each_member(file, format, reader, visit),
    }
}

/// Explains why a text can't be read beyond `offset`.
pub(crate) fn unreadable(
    name: &str,
    compression: Compression,
    reader: &ObjectReader,
    offset: u64,
    error: &io::Error,
) -> FileError {
    // The decoder only passes on what the store said.
    if let Some(failure) = reader.failure() {
        return failure;
    }
    let kind = match compression {
        Compression::None => "text",
        Compression::Gzip => "gzip",
        Compression::Bzip2 => "bzip2",
        Compression::Zstd => "Zstandard",
        Compression::Zip => "zip",
    };
    let what = if compression == Compression::None { "text" } else { "decompressed text" };
    // Zstandard reports an incomplete frame in words of its own.
    let is_cut = error.kind() == io::ErrorKind::UnexpectedEof || error.to_string().contains("incomplete frame");
    let cause = match (is_cut, offset) {
        (true, _) => format!("the {kind} data stop in the middle: the file is cut short, or still being written"),
        (false, 0) => format!("it is not {kind} data, or its start is damaged ({error})"),
        (false, _) => format!("the {kind} data are damaged there, or other bytes follow them ({error})"),
    };
    FileError::Damaged { file: name.to_owned(), offset, what, cause }
}

/// Looks into an archive for what its members are, and how much text they hold.
///
/// With no format given, the members' names tell it.
///
/// # Errors
/// [`FileError::BadArchive`] if it is none, holds no data, or data of several formats.
pub(crate) fn inspect_zip(
    file: &str,
    format: Option<Format>,
    reader: ObjectReader,
) -> Result<(Format, u64), FileError> {
    let failure = reader.clone();
    let archive = ZipArchive::new(reader).map_err(|error| bad_archive(file, &failure, &error))?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index_data(index).map_err(|error| bad_archive(file, &failure, &error))?;
        let name = member.name().map_err(|error| bad_archive(file, &failure, &error))?.into_owned();
        members.push((text_format(&name), member.size(), name));
    }
    let formats: Vec<Format> = members.iter().filter_map(|(format, _, _)| *format).collect();
    let format = match (format, formats.first()) {
        (Some(format), _) => format,
        (None, Some(first)) if formats.iter().all(|format| format == first) => *first,
        (None, Some(_)) => {
            return Err(archive_error(file, "it holds several formats; name one, as in --format csv.zip"));
        }
        (None, None) => return Err(no_members(file, &members)),
    };
    if !formats.contains(&format) {
        return Err(no_members(file, &members));
    }
    let size = members.iter().filter(|(is, _, _)| *is == Some(format)).map(|(_, size, _)| size).sum();
    Ok((format, size))
}

fn for_each_member(file: &Arc<str>, format: Format, reader: ObjectReader, visit: Visit<'_>) -> Result<(), FileError> {
    let failure = reader.clone();
    let failed = |error: ZipError| bad_archive(file, &failure, &error);
    let mut archive = ZipArchive::new(reader).map_err(failed)?;
    let mut base = 0;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(failed)?;
        let entry = member.name().map_err(failed)?.into_owned();
        if text_format(&entry) != Some(format) {
            continue;
        }
        let size = member.size();
        let name: Arc<str> = format!("{file}/{entry}").into();
        let mut reader = BufReader::with_capacity(BUFFER, member);
        if visit(Text { name, base, reader: &mut reader })?.is_break() {
            return Ok(());
        }
        base += size;
    }
    Ok(())
}

/// The format of a member by its name; `None` for folders, page descriptions and other members without rows.
fn text_format(name: &str) -> Option<Format> {
    // A Mac's archiver adds a `__MACOSX/._name` of attributes for each file.
    let base = name.rsplit('/').next().unwrap_or(name);
    let hint = hint(name);
    let is_text = !super::location::is_hidden(base) && hint.compression == Compression::None;
    hint.format.filter(|format| is_text && *format != Format::Parquet)
}

fn no_members(file: &str, members: &[(Option<Format>, u64, String)]) -> FileError {
    let names: Vec<&str> = members.iter().take(5).map(|(_, _, name)| name.as_str()).collect();
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    archive_error(file, &format!("no member ends as its format does (it holds {names}); unpack it and name the files"))
}

fn bad_archive(file: &str, reader: &ObjectReader, error: &ZipError) -> FileError {
    if let Some(failure) = reader.failure() {
        return failure;
    }
    match error {
        ZipError::UnsupportedArchive(what) => {
            archive_error(file, &format!("it can't be read ({what}); unpack it and name the files"))
        }
        ZipError::CompressionMethodNotSupported(method) => {
            archive_error(file, &format!("compression method {method} is not known; pack it again with deflate"))
        }
        other => archive_error(file, &format!("it is none, or cut short ({other}); make or fetch the file again")),
    }
}

fn archive_error(file: &str, cause: &str) -> FileError {
    FileError::BadArchive { file: file.to_owned(), cause: cause.to_owned() }
}
