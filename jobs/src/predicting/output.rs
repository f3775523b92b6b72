//! Where answers go: a folder with one part per worker, and the dead letters of those that had any.
//!
//! One process makes the folder appear at once. Several share it: each part appears whole, by itself, when all workers
//! have agreed that the run stands. Only what is named as ours is ever replaced.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use flightline_connectors::files::{AtomicDir, AtomicFile, Existing, FileError};
use flightline_engine::cluster::ClusterPlan;
use flightline_engine::ids::WorkerIndex;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::Serialize;

use super::columns;
use super::reading::BadLine;
use crate::failure::{Failure, FailureKind};
use crate::response::Response;

/// The form of the answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Canonical JSON, a line per answer
    #[default]
    Jsonl,
    /// The same fields in columns
    Parquet,
}

/// A place for all parts of a run.
#[derive(Clone, Debug)]
pub struct Target {
    folder: PathBuf,
    format: OutputFormat,
    existing: Existing,
    workers: usize,
}

const PART: &str = "part-";
const DEAD_LETTERS: &str = "dead-letters-";

impl Target {
    /// Makes the place ready. With one process the folder is to be committed when all parts are.
    ///
    /// # Errors
    /// There is output and it is not to be replaced, there is something else, or the place can't be written.
    pub fn prepare(
        output: &Path,
        format: OutputFormat,
        existing: Existing,
        cluster: &ClusterPlan,
    ) -> Result<(Self, Option<AtomicDir>), Failure> {
        let taken = look_into(output)?;
        if taken && existing == Existing::Refuse {
            return Err(FileError::Exists { path: output.display().to_string() }.into());
        }
        let of = |folder: &Path| Self { folder: folder.to_owned(), format, existing, workers: cluster.workers().get() };
        if cluster.processes().get() > 1 {
            fs::create_dir_all(output).map_err(|error| write_failure(output, &error))?;
            return Ok((of(output), None));
        }
        let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.map_or(Ok(()), fs::create_dir_all).map_err(|error| write_failure(output, &error))?;
        // An empty folder is no output.
        let existing = if taken || output.is_dir() { Existing::Replace } else { existing };
        let whole = AtomicDir::create(output, existing)?;
        Ok((of(whole.path()), Some(whole)))
    }

    /// Starts a worker's part.
    pub(super) fn part(&self, worker: WorkerIndex) -> Result<Part, Failure> {
        let path = self.folder.join(self.part_name(worker));
        let file = AtomicFile::create(&path, self.existing)?;
        let answers = match self.format {
            OutputFormat::Jsonl => Encoder::Lines(file),
            OutputFormat::Parquet => {
                let zstd = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(zstd).build();
                let writer = ArrowWriter::try_new(file, columns::schema(), Some(properties));
                Encoder::Columns(Box::new(writer.map_err(|error| write_failure(&path, &error))?))
            }
        };
        Ok(Part { target: self.clone(), worker, path, answers, dead_letters: None })
    }

    fn part_name(&self, worker: WorkerIndex) -> String {
        let ending = match self.format {
            OutputFormat::Jsonl => "jsonl",
            OutputFormat::Parquet => "parquet",
        };
        format!("{PART}{:05}.{ending}", worker.get())
    }

    fn dead_letters_name(worker: WorkerIndex) -> String {
        format!("{DEAD_LETTERS}{:05}.jsonl", worker.get())
    }

    /// Removes what a run before left under names of this worker, or of workers that are no more.
    fn remove_stale(&self, worker: WorkerIndex, written: &[String]) -> Result<(), Failure> {
        let is_stale = |name: &str| match owner(name) {
            Some(owner) if owner == worker.get() => !written.iter().any(|own| own == name),
            Some(owner) => owner >= self.workers && worker.get() == 0,
            None => false,
        };
        for entry in fs::read_dir(&self.folder).map_err(|error| write_failure(&self.folder, &error))? {
            let entry = entry.map_err(|error| write_failure(&self.folder, &error))?;
            if entry.file_name().to_str().is_some_and(is_stale) {
                fs::remove_file(entry.path()).map_err(|error| write_failure(&entry.path(), &error))?;
            }
        }
        Ok(())
    }
}

/// Whether there is output of ours; anything else is an error, so that `--replace` never removes what is not ours.
fn look_into(output: &Path) -> Result<bool, Failure> {
    let refuse = |what: String| {
        let message = format!("`{}` {what}; choose another --output", output.display());
        Err(Failure::new(FailureKind::Storage, message))
    };
    let entries = match fs::read_dir(output) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == ErrorKind::NotADirectory => return refuse("is a file, not a folder".to_owned()),
        Err(error) => return refuse(format!("can't be listed: {error}")),
    };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    let mut taken = false;
    for name in names.filter(|name| !is_temporary(name)) {
        if owner(&name).is_none() {
            return refuse(format!("holds `{name}`, which is no output of predict"));
        }
        taken = true;
    }
    Ok(taken)
}

/// Whether a name is that of a part in the making, which a dead run may have left.
fn is_temporary(name: &str) -> bool {
    name.strip_prefix('.').and_then(|name| name.split_once(".tmp-")).is_some_and(|(name, _)| owner(name).is_some())
}

/// The worker that a file of ours belongs to.
pub(super) fn owner(name: &str) -> Option<usize> {
    let rest = name.strip_prefix(PART).or_else(|| name.strip_prefix(DEAD_LETTERS))?;
    let (number, ending) = rest.split_once('.')?;
    number.parse().ok().filter(|_| ["jsonl", "parquet"].contains(&ending))
}

fn write_failure(path: &Path, cause: &dyn std::fmt::Display) -> Failure {
    FileError::Write { path: path.display().to_string(), cause: cause.to_string() }.into()
}

/// A worker's output in the making.
pub(super) struct Part {
    target: Target,
    worker: WorkerIndex,
    path: PathBuf,
    answers: Encoder,
    dead_letters: Option<AtomicFile>,
}

enum Encoder {
    Lines(AtomicFile),
    Columns(Box<ArrowWriter<AtomicFile>>),
}

/// The line of a dead letter.
#[derive(Serialize)]
struct DeadLetter<'a> {
    #[serde(rename = "File")]
    file: &'a str,
    #[serde(rename = "Hex", skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(rename = "Offset")]
    offset: u64,
    #[serde(rename = "Reason")]
    reason: String,
    #[serde(rename = "Text", skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(rename = "UUID", skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

impl<'a> From<&'a BadLine> for DeadLetter<'a> {
    /// The original bytes are the text, or hexadecimal digits when they are no UTF-8.
    fn from(line: &'a BadLine) -> Self {
        let text = std::str::from_utf8(&line.bytes).ok();
        let hex = || line.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            file: &line.file,
            hex: text.is_none().then(hex),
            offset: line.offset,
            reason: line.reason.to_string(),
            text,
            id: line.id.as_ref().map(|id| id.as_str()),
        }
    }
}

impl Part {
    /// Appends answers.
    pub(super) fn write(&mut self, answers: &[Response]) -> Result<(), Failure> {
        match &mut self.answers {
            Encoder::Lines(file) => {
                for answer in answers {
                    let line = answer.to_json().map_err(|error| write_failure(&self.path, &error))?;
                    let written = file.write_all(line.as_bytes()).and_then(|()| file.write_all(b"\n"));
                    written.map_err(|error| file.error(&error))?;
                }
                Ok(())
            }
            Encoder::Columns(writer) => {
                let batch = columns::batch(answers).map_err(|error| write_failure(&self.path, &error))?;
                writer.write(&batch).map_err(|error| write_failure(&self.path, &error))
            }
        }
    }

    /// Appends dead letters.
    pub(super) fn bury(&mut self, lines: &[BadLine]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        let file = match &mut self.dead_letters {
            Some(file) => file,
            none => {
                let path = self.target.folder.join(Target::dead_letters_name(self.worker));
                none.insert(AtomicFile::create(&path, self.target.existing)?)
            }
        };
        for line in lines {
            let written = serde_json::to_writer(&mut *file, &DeadLetter::from(line)).map_err(std::io::Error::from);
            written.and_then(|()| file.write_all(b"\n")).map_err(|error| file.error(&error))?;
        }
        Ok(())
    }

    /// Writes what is still held back. Nothing has its name yet.
    pub(super) fn finish(self) -> Result<WholePart, Failure> {
        let answers = match self.answers {
            Encoder::Lines(file) => file,
            Encoder::Columns(writer) => writer.into_inner().map_err(|error| write_failure(&self.path, &error))?,
        };
        let answers = (self.target.part_name(self.worker), answers);
        let dead_letters = self.dead_letters.map(|file| (Target::dead_letters_name(self.worker), file));
        let files = std::iter::once(answers).chain(dead_letters).collect();
        Ok(WholePart { target: self.target, worker: self.worker, files })
    }
}

/// A worker's output that only lacks its name.
pub(super) struct WholePart {
    target: Target,
    worker: WorkerIndex,
    files: Vec<(String, AtomicFile)>,
}

impl WholePart {
    /// Gives the files their names.
    pub(super) fn commit(self) -> Result<(), Failure> {
        let mut written = Vec::new();
        for (name, file) in self.files {
            file.commit()?;
            written.push(name);
        }
        match self.target.existing {
            Existing::Refuse => Ok(()),
            Existing::Replace => self.target.remove_stale(self.worker, &written),
        }
    }
}
