//! Which formats and compressions there are, and how a file's name or `--format` says them.
//!
//! A name is read from its end: a compression, if there is one, then a format. `.zip` alone is allowed, because the
//! US BTS publishes its tables so: what such an archive holds is told by its members' names.

use std::fmt;
use std::str::FromStr;

use super::error::FileError;

/// How rows are laid out, under any compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated values, one record a line, with a header line.
    Csv,
    /// Apache Parquet, which compresses inside.
    Parquet,
}

/// How the bytes of a text file are compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Compression {
    /// Not at all: the file can be cut anywhere.
    None,
    /// gzip, of one or several members.
    Gzip,
    /// bzip2, of one or several streams.
    Bzip2,
    /// Zstandard, of one or several frames.
    Zstd,
    /// A zip archive: every member in the file's format is read, others are skipped.
    Zip,
}

/// A compression that can't be entered in its midst: whoever reads a part of the text goes through all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sequential {
    Gzip,
    Zstd,
    Zip,
}

impl From<Sequential> for Compression {
    fn from(sequential: Sequential) -> Self {
        match sequential {
            Sequential::Gzip => Self::Gzip,
            Sequential::Zstd => Self::Zstd,
            Sequential::Zip => Self::Zip,
        }
    }
}

/// A format and its compression, as in `jsonl.bz2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputFormat {
    /// How rows are laid out.
    pub format: Format,
    /// How the whole file is compressed.
    pub compression: Compression,
}

const FORMATS: [(&str, Format); 5] = [
    ("jsonl", Format::JsonLines),
    ("json", Format::JsonLines),
    ("ndjson", Format::JsonLines),
    ("csv", Format::Csv),
    ("parquet", Format::Parquet),
];

const COMPRESSIONS: [(&str, Compression); 4] =
    [("gz", Compression::Gzip), ("bz2", Compression::Bzip2), ("zst", Compression::Zstd), ("zip", Compression::Zip)];

/// What a file's name says about its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameHint {
    /// The format, when the name says it.
    pub(crate) format: Option<Format>,
    /// The compression: `None` when no ending says another.
    pub(crate) compression: Compression,
}

/// Reads the endings of a file's name, in any case.
pub(crate) fn hint(name: &str) -> NameHint {
    let lower = name.to_ascii_lowercase();
    let (stem, compression) = match lower.rsplit_once('.') {
        Some((stem, end)) => match find(&COMPRESSIONS, end) {
            Some(compression) => (stem, compression),
            None => (lower.as_str(), Compression::None),
        },
        None => (lower.as_str(), Compression::None),
    };
    let format = stem.rsplit_once('.').and_then(|(_, end)| find(&FORMATS, end));
    NameHint { format, compression }
}

/// True for a name that a folder's reader would take: a known format, or an archive to look into.
pub(crate) fn is_data_name(name: &str) -> bool {
    let hint = hint(name);
    match (hint.format, hint.compression) {
        (Some(Format::Parquet), compression) => compression == Compression::None,
        (Some(_), _) | (None, Compression::Zip) => true,
        (None, _) => false,
    }
}

/// All names of formats, for messages.
pub(crate) fn known() -> String {
    let formats = FORMATS.map(|(name, _)| name).join(", ");
    let compressions = COMPRESSIONS.map(|(name, _)| format!(".{name}")).join(", ");
    format!("{formats}, and all but parquet also with {compressions}")
}

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

impl InputFormat {
    /// Joins what the user asked for with what the file's name says.
    ///
    /// `Ok(None)` means an archive whose members must tell. A format that was asked for without a compression takes
    /// the compression of the file's ending, so that `--format csv` reads `x.csv.gz` and `x.zip`, too.
    ///
    /// # Errors
    /// [`FileError::UnknownFormat`] if neither says a format, or the two do not fit.
    pub(crate) fn of_file(name: &str, asked: Option<Self>) -> Result<Option<Self>, FileError> {
        let hint = hint(name);
        let joined = match asked {
            Some(asked) if asked.compression != Compression::None => asked,
            Some(asked) => Self { compression: hint.compression, ..asked },
            None => match (hint.format, hint.compression) {
                (Some(format), compression) => Self { format, compression },
                (None, Compression::Zip) => return Ok(None),
                (None, _) => return Err(unknown(name, "its ending says none, name it with --format")),
            },
        };
        joined.checked(name).map(Some)
    }

    fn checked(self, name: &str) -> Result<Self, FileError> {
        if self.format == Format::Parquet && self.compression != Compression::None {
            return Err(unknown(name, "Parquet compresses inside and is not read from a compressed file, unpack it"));
        }
        Ok(self)
    }
}

fn unknown(name: &str, cause: &str) -> FileError {
    FileError::UnknownFormat { name: name.to_owned(), cause: cause.to_owned(), known: known() }
}

impl FromStr for InputFormat {
    type Err = FileError;

    fn from_str(name: &str) -> Result<Self, FileError> {
        // With a dot in front, the name of a format is the ending of a file.
        let hint = hint(&format!(".{name}"));
        let Some(format) = hint.format.filter(|_| name.matches('.').count() <= 1) else {
            return Err(unknown(name, "there is no such name"));
        };
        Self { format, compression: hint.compression }.checked(name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        })
    }
}

impl fmt::Display for InputFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.format)?;
        match COMPRESSIONS.iter().find(|(_, compression)| *compression == self.compression) {
            Some((name, _)) => write!(out, ".{name}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, asked: Option<&str>) -> Result<Option<InputFormat>, FileError> {
        InputFormat::of_file(name, asked.map(|asked| asked.parse().unwrap()))
    }

    #[test]
    fn names_say_format_and_compression() {
        for (name, format) in [
            ("a.jsonl", "jsonl"),
            ("simple_flight_delay_features.jsonl.bz2", "jsonl.bz2"),
            ("A.JSON.GZ", "jsonl.gz"),
            ("b.ndjson.zst", "jsonl.zst"),
            ("year.2015.csv", "csv"),
            ("year.csv.zip", "csv.zip"),
            ("flights.parquet", "parquet"),
        ] {
            assert_eq!(of(name, None).unwrap().unwrap().to_string(), format, "{name}");
        }
        assert_eq!(of("On_Time_2015_1.zip", None).unwrap(), None);
    }

    #[test]
    fn what_was_asked_for_comes_first_and_takes_the_compression_of_the_name() {
        assert_eq!(of("data.txt", Some("csv")).unwrap().unwrap().to_string(), "csv");
        assert_eq!(of("data.gz", Some("jsonl")).unwrap().unwrap().to_string(), "jsonl.gz");
        assert_eq!(of("data.json", Some("csv.zst")).unwrap().unwrap().to_string(), "csv.zst");
    }

    #[test]
    fn unknown_names_are_refused_with_a_list() {
        for name in ["notes.txt", "data", "x.gz", "x.lz4", ".jsonl.xz", "x.parquet.gz"] {
            let message = of(name, None).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains("ndjson") && message.contains(".bz2"), "{message}");
        }
        for name in ["", "avro", "jsonl.lz4", "a.csv.gz", "parquet.zip", "gz"] {
            assert!(name.parse::<InputFormat>().is_err(), "{name}");
        }
    }

    #[test]
    fn every_format_reads_its_own_name() {
        for format in [Format::JsonLines, Format::Csv] {
            for compression in [Compression::None, Compression::Gzip, Compression::Bzip2, Compression::Zstd] {
                let format = InputFormat { format, compression };
                assert_eq!(format.to_string().parse::<InputFormat>().unwrap(), format);
            }
        }
    }
}
