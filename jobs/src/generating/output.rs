//! Where rows go: one file, or a folder of files of equal length, named only when all of it is written.

use std::fs;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use flightline_connectors::files::{AtomicDir, AtomicFile, Existing, FileError};
use flightline_engine::progress::Stage;
use parquet::file::writer::SerializedFileWriter;

use super::encode::{Encoder, Form, Piece, parquet_file};
use super::flights::Flights;
use super::in_order::in_order;

/// Rows of a file in a folder: whole pieces of every form.
const ROWS_OF_A_PART: u64 = 1 << 20;

const PART: &str = "rows-";

/// Why rows are not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The output can't be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder that was to be replaced holds something else than generated rows.
    #[error("`{path}` holds `{other}`, which `generate` has not made; choose another --output, or remove it yourself")]
    NotOurs {
        /// The folder.
        path: String,
        /// What is in it.
        other: String,
    },
    /// The system gives no more threads.
    #[error("the system gives no thread: {0}; ask for fewer with -j")]
    Threads(#[from] io::Error),
}

/// An output that is begun; without [`Output::write`] nothing of it stays.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    form: Form,
    place: Place,
    rows_of_a_part: u64,
}

#[derive(Debug)]
enum Place {
    File(AtomicFile),
    Folder(AtomicDir),
}

impl Output {
    /// Begins one file.
    ///
    /// # Errors
    /// The name is taken and not to be replaced, or can't be written.
    pub fn file(path: &Path, form: Form, existing: Existing) -> Result<Self, WriteError> {
        let place = Place::File(AtomicFile::create(path, existing)?);
        Ok(Self { path: path.to_owned(), form, place, rows_of_a_part: ROWS_OF_A_PART })
    }

    /// Begins a folder of files. What is replaced must be such a folder, too.
    ///
    /// # Errors
    /// The name is taken and not to be replaced, or is something else, or can't be written.
    pub fn folder(path: &Path, form: Form, existing: Existing) -> Result<Self, WriteError> {
        if existing == Existing::Replace {
            check_is_ours(path)?;
        }
        let place = Place::Folder(AtomicDir::create(path, existing)?);
        Ok(Self { path: path.to_owned(), form, place, rows_of_a_part: ROWS_OF_A_PART })
    }

    /// Writes the rows from 0 up to `rows`, made on so many threads, and gives the output its name.
    ///
    /// # Errors
    /// It can't be written; nothing stands under its name then.
    pub fn write(self, flights: &Flights, rows: u64, threads: NonZero<usize>, stage: &Stage) -> Result<(), WriteError> {
        let Self { path, form, place, rows_of_a_part } = self;
        let encoder = Encoder::new(form).map_err(|error| failed(&path, &error))?;
        let (document, folder) = match place {
            Place::File(file) => (Some(Document::begin(&path, form, file)?), None),
            Place::Folder(folder) => (None, Some(folder)),
        };
        let mut parts = Parts { path: path.clone(), form, document, folder, rows_of_a_part, begun: 0, rows: 0 };
        let length = form.rows_of_a_piece();
        let make = |piece: u64| {
            let from = piece * length;
            let rows = from..rows.min(from + length);
            encoder.encode(flights, rows).map_err(|error| WriteError::from(failed(&path, &error)))
        };
        stage.start(rows);
        in_order(threads, rows.div_ceil(length), make, |piece| {
            let number = length.min(rows - parts.rows);
            parts.append(piece, number)?;
            stage.add(number);
            Ok(())
        })?;
        parts.commit()?;
        stage.end();
        Ok(())
    }
}

/// The files of an output, of which one is open.
struct Parts {
    /// The final name of the output.
    path: PathBuf,
    form: Form,
    document: Option<Document>,
    /// Without one, all rows go into the open file.
    folder: Option<AtomicDir>,
    rows_of_a_part: u64,
    /// Files of the folder so far.
    begun: u64,
    /// Rows so far.
    rows: u64,
}

impl Parts {
    fn append(&mut self, piece: Piece, rows: u64) -> Result<(), WriteError> {
        if let Some(folder) = &self.folder
            && self.rows.is_multiple_of(self.rows_of_a_part)
        {
            self.document.take().map_or(Ok(()), Document::commit)?;
            let name = part_name(self.begun, self.form);
            let file = AtomicFile::create(&folder.path().join(&name), Existing::Refuse)?;
            self.document = Some(Document::begin(&self.path.join(name), self.form, file)?);
            self.begun += 1;
        }
        self.rows += rows;
        self.document.as_mut().map_or(Ok(()), |document| document.append(piece))
    }

    fn commit(self) -> Result<(), WriteError> {
        self.document.map_or(Ok(()), Document::commit)?;
        Ok(self.folder.map_or(Ok(()), AtomicDir::commit)?)
    }
}

/// A file that pieces are put into.
struct Document {
    path: PathBuf,
    body: Body,
}

enum Body {
    Lines(AtomicFile),
    Columns(Box<SerializedFileWriter<AtomicFile>>),
}

impl Document {
    fn begin(path: &Path, form: Form, file: AtomicFile) -> Result<Self, WriteError> {
        let body = match form {
            Form::JsonLines(_) => Body::Lines(file),
            Form::Parquet => Body::Columns(Box::new(parquet_file(file).map_err(|error| failed(path, &error))?.0)),
        };
        Ok(Self { path: path.to_owned(), body })
    }

    fn append(&mut self, piece: Piece) -> Result<(), WriteError> {
        let written = match (&mut self.body, piece) {
            (Body::Lines(file), Piece::Lines(lines)) => file.write_all(&lines),
            (Body::Columns(writer), Piece::RowGroup(columns)) => (|| {
                let mut group = writer.next_row_group()?;
                columns.into_iter().try_for_each(|column| column.append_to_row_group(&mut group))?;
                group.close().map(drop)
            })()
            .map_err(io::Error::from),
            (Body::Lines(_), Piece::RowGroup(_)) | (Body::Columns(_), Piece::Lines(_)) => {
                Err(io::Error::other("its pieces are of different forms, which is a bug"))
            }
        };
        written.map_err(|error| failed(&self.path, &error).into())
    }

    fn commit(self) -> Result<(), WriteError> {
        let file = match self.body {
            Body::Lines(file) => file,
            Body::Columns(writer) => writer.into_inner().map_err(|error| failed(&self.path, &error.into()))?,
        };
        Ok(file.commit()?)
    }
}

fn part_name(number: u64, form: Form) -> String {
    let ending = match form {
        Form::Parquet => "parquet",
        Form::JsonLines(_) => "jsonl",
    };
    format!("{PART}{number:05}.{ending}")
}

/// Whether what has the name is a folder of parts, so that `--replace` never removes what is not ours.
fn check_is_ours(path: &Path) -> Result<(), WriteError> {
    let is_part = |name: &str| {
        let number = |ending| name.strip_prefix(PART).and_then(|rest: &str| rest.strip_suffix(ending));
        let number = number(".parquet").or_else(|| number(".jsonl"));
        number.is_some_and(|digits| digits.len() == 5 && digits.bytes().all(|digit| digit.is_ascii_digit()))
    };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(path, &error).into()),
    };
    for entry in entries {
        let entry = entry.map_err(|error| failed(path, &error))?;
        let other = entry.file_name().to_string_lossy().into_owned();
        if !is_part(&other) || !entry.file_type().is_ok_and(|of| of.is_file()) {
            return Err(WriteError::NotOurs { path: path.display().to_string(), other });
        }
    }
    Ok(())
}

fn failed(path: &Path, error: &io::Error) -> FileError {
    FileError::Write { path: path.display().to_string(), cause: error.to_string() }
}

#[cfg(test)]
mod tests;
