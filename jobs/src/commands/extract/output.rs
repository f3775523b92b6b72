//! Where the rows go: one file, or one part per worker, compressed as its ending says, named only when it is whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;
use flightline_connectors::files::{AtomicFile, Compression, Existing, FileError, Format, InputFormat};
use flightline_engine::ids::{WorkerCount, WorkerIndex};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as ColumnCompression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::failure::{Failure, FailureKind};
use crate::flight::encode::{json, name_and_format, parquet as columns};
use crate::flight::{Flight, TrainingRow};

/// What to write: a name with a format, and how many parts.
#[derive(Clone, Debug)]
pub(super) struct Target {
    path: PathBuf,
    /// The name up to the format's ending, and that ending with its dot.
    name: (String, String),
    format: InputFormat,
    existing: Existing,
    parts: WorkerCount,
}

impl Target {
    /// Checks a name: its format must be one that can be written, and no file of a run with another number of workers may
    /// stand beside it, for a glob would read the rows of both.
    pub(super) fn new(path: &Path, existing: Existing, parts: WorkerCount) -> Result<Self, Failure> {
        let (stem, ending, format) = name_and_format(path).ok_or_else(|| {
            let known = ".jsonl, .jsonl.gz, .jsonl.bz2, .jsonl.zst and .parquet";
            let message = format!("can't tell the format of `{}`: its name must end in one of {known}", path.display());
            Failure::new(FailureKind::Usage, message)
        })?;
        let target = Self { path: path.to_owned(), name: (stem, ending), format, existing, parts };
        match target.other_runs_output() {
            Some(other) => Err(Failure::new(
                FailureKind::Storage,
                format!(
                    "`{}` is the output of a run with another number of workers; remove it, or choose another --output",
                    other.display()
                ),
            )),
            None => Ok(target),
        }
    }

    /// A file of the same name and another number of parts.
    fn other_runs_output(&self) -> Option<PathBuf> {
        let own: Vec<PathBuf> = (0..self.parts.get()).map(|index| self.part_path(WorkerIndex::new(index))).collect();
        let (stem, ending) = &self.name;
        let of_ours = |name: &str| {
            let middle = name.strip_prefix(stem.as_str()).and_then(|rest| rest.strip_suffix(ending.as_str()));
            middle.is_some_and(|middle| middle.is_empty() || is_part_mark(middle))
        };
        let entries = fs::read_dir(folder_of(&self.path)).ok()?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| of_ours(name)).map(|name| self.path.with_file_name(name)).find(|path| !own.contains(path))
    }

    fn part_path(&self, worker: WorkerIndex) -> PathBuf {
        if self.parts.get() == 1 {
            return self.path.clone();
        }
        let (stem, ending) = &self.name;
        self.path.with_file_name(format!("{stem}-{}-of-{}{ending}", worker.get() + 1, self.parts))
    }

    /// The name of the output, or a glob for its parts.
    pub(super) fn written(&self) -> String {
        if self.parts.get() == 1 {
            return self.path.display().to_string();
        }
        let (stem, ending) = &self.name;
        self.path.with_file_name(format!("{stem}-*-of-{}{ending}", self.parts)).display().to_string()
    }

    /// Starts a worker's part.
    pub(super) fn part(&self, worker: WorkerIndex) -> Result<Part, Failure> {
        let path = self.part_path(worker);
        let file = AtomicFile::create(&path, self.existing)?;
        let failed = |cause: &dyn std::fmt::Display| write_failure(&path, cause);
        let encoder = match (self.format.format, self.format.compression) {
            (Format::Parquet, _) => {
                let compression = ColumnCompression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(compression).build();
                let writer = ArrowWriter::try_new(file, columns::schema(), Some(properties));
                Encoder::Parquet(writer.map_err(|error| failed(&error))?)
            }
            (_, Compression::Gzip) => Encoder::Gzip(GzEncoder::new(file, flate2::Compression::default())),
            (_, Compression::Bzip2) => Encoder::Bzip2(BzEncoder::new(file, bzip2::Compression::best())),
            (_, Compression::Zstd) => Encoder::Zstd(
                zstd::Encoder::new(file, zstd::DEFAULT_COMPRESSION_LEVEL).map_err(|error| failed(&error))?,
            ),
            _ => Encoder::Plain(file),
        };
        Ok(Part { path, state: State::Open(Box::new(encoder)), lines: Vec::new() })
    }
}

/// Whether a text is the `-1-of-4` of a part.
fn is_part_mark(text: &str) -> bool {
    let numbers = text.strip_prefix('-').and_then(|text| text.split_once("-of-"));
    numbers.is_some_and(|(part, parts)| part.parse::<usize>().is_ok() && parts.parse::<usize>().is_ok())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_failure(path: &Path, cause: &dyn std::fmt::Display) -> Failure {
    FileError::Write { path: path.display().to_string(), cause: cause.to_string() }.into()
}

/// A part that is being written.
pub(super) struct Part {
    path: PathBuf,
    state: State,
    lines: Vec<u8>,
}

enum State {
    Open(Box<Encoder>),
    /// All is written, and only the name is missing.
    Whole(AtomicFile),
    /// An encoder has failed or was taken.
    Lost,
}

enum Encoder {
    Plain(AtomicFile),
    Gzip(GzEncoder<AtomicFile>),
    Bzip2(BzEncoder<AtomicFile>),
    Zstd(zstd::Encoder<'static, AtomicFile>),
    Parquet(ArrowWriter<AtomicFile>),
}

impl Part {
    /// Appends rows.
    pub(super) fn write(&mut self, rows: &[TrainingRow]) -> Result<(), Failure> {
        let written = match &mut self.state {
            State::Open(encoder) => encoder.write(rows, &mut self.lines),
            State::Whole(_) | State::Lost => Err(io::Error::other("it was finished before")),
        };
        written.map_err(|error| write_failure(&self.path, &error))
    }

    /// Ends the compression or writes the footer.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let finished = match std::mem::replace(&mut self.state, State::Lost) {
            State::Open(encoder) => encoder.finish(),
            State::Whole(file) => Ok(file),
            State::Lost => Err(io::Error::other("it could not be written")),
        };
        self.state = State::Whole(finished.map_err(|error| write_failure(&self.path, &error))?);
        Ok(())
    }

    /// Gives the part its name.
    pub(super) fn commit(mut self) -> Result<(), Failure> {
        self.finish()?;
        match self.state {
            State::Whole(file) => Ok(file.commit()?),
            State::Open(_) | State::Lost => Ok(()),
        }
    }
}

impl Encoder {
    /// Appends rows; `lines` is room for them.
    fn write(&mut self, rows: &[TrainingRow], lines: &mut Vec<u8>) -> io::Result<()> {
        let out: &mut dyn Write = match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder,
            Self::Bzip2(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
            Self::Parquet(writer) => {
                let flights: Vec<Flight<'_>> = rows.iter().map(TrainingRow::flight).collect();
                let batch = columns::batch(&flights).map_err(io::Error::other)?;
                return writer.write(&batch).map_err(io::Error::other);
            }
        };
        lines.clear();
        for row in rows {
            json::write_line(lines, &row.flight())?;
        }
        out.write_all(lines)
    }

    fn finish(self) -> io::Result<AtomicFile> {
        match self {
            Self::Plain(file) => Ok(file),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Bzip2(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
            Self::Parquet(writer) => writer.into_inner().map_err(io::Error::other),
        }
    }
}
