//! A model's folder, `<models>/<id>/`.
//!
//! | file | holds |
//! |---|---|
//! | `model.json` | the [card](ModelCard), with the seals of the next two |
//! | `forest.parquet` | a row per node |
//! | `golden.jsonl` | golden rows |
//! | all others | reports, not part of the model |
//!
//! A folder appears whole or not at all. Since its name is the hash of its content, one that is there already is
//! kept, and only its reports are replaced. Nothing is believed when it is read: every file is compared with its
//! seal, and the id is computed anew.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flightline_connectors::files::{AtomicDir, AtomicFile, Existing, FileError};
use parquet::errors::ParquetError;

use super::card::ModelCard;
use super::error::ModelError;
use super::id::ModelId;
use super::seal::{Seal, Sealing};
use super::{Model, check, document, golden, nodes};

/// The card.
pub const CARD_FILE: &str = "model.json";

/// The nodes of the forest.
pub const FOREST_FILE: &str = "forest.parquet";

/// The golden rows.
pub const GOLDEN_FILE: &str = "golden.jsonl";

/// A file for people beside the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    /// A plain name, such as `report.html`.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Model {
    /// Saves the model as `<models>/<id>/`, and makes the folder of models where there is none.
    ///
    /// A whole folder of this id is kept but for its reports; a damaged one is replaced.
    ///
    /// # Errors
    /// The folder can't be written, and is then as it was before.
    pub fn save(&self, models: &Path, reports: &[ReportFile]) -> Result<ModelId, ModelError> {
        check_names(reports)?;
        fs::create_dir_all(models).map_err(|error| cannot_write(models, &error))?;
        let folder = models.join(self.id.to_string());
        let existing = match folder.symlink_metadata() {
            Err(_) => Existing::Refuse,
            Ok(_) => match Self::load(&folder) {
                Ok(_) => return replace_reports(&folder, reports).map(|()| self.id),
                Err(damage @ ModelError::Damaged { .. }) => {
                    tracing::warn!(%damage, "the same model was saved before and is damaged: it is replaced");
                    Existing::Replace
                }
                Err(error) => return Err(error),
            },
        };
        match self.write_folder(&folder, existing, reports) {
            // Another process was faster with the same model.
            Err(ModelError::Write(FileError::Exists { .. })) => {
                Self::load(&folder)?;
                replace_reports(&folder, reports)?;
            }
            written => written?,
        }
        Ok(self.id)
    }

    fn write_folder(&self, folder: &Path, existing: Existing, reports: &[ReportFile]) -> Result<(), ModelError> {
        let output = AtomicDir::create(folder, existing)?;
        let mut files = BTreeMap::new();
        let forest = self.write_forest(&output.path().join(FOREST_FILE)).map_err(|error| output.error(&error))?;
        files.insert(FOREST_FILE.to_owned(), forest);
        let lines = golden::to_lines(&self.golden);
        output.write(GOLDEN_FILE, lines.as_bytes())?;
        files.insert(GOLDEN_FILE.to_owned(), Seal::of(lines.as_bytes()));
        let card = document::to_text(&ModelCard::of(self, files)).map_err(|error| output.error(&error.into()))?;
        output.write(CARD_FILE, card.as_bytes())?;
        for report in reports {
            output.write(&report.name, &report.bytes)?;
        }
        Ok(output.commit()?)
    }

    fn write_forest(&self, path: &Path) -> io::Result<Seal> {
        let mut output = Sealing::new(BufWriter::new(File::create_new(path)?));
        nodes::write_forest(&mut output, &self.forest, &self.schema, &self.space, self.params.smoothing)
            .map_err(io_error)?;
        let (_, seal) = output.finish();
        Ok(seal)
    }

    /// Reads the model in a folder.
    ///
    /// # Errors
    /// What is wrong, and in which file.
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        let card_path = folder.join(CARD_FILE);
        let card = read_card(folder)?;
        card.check_label().map_err(|what| ModelError::foreign(&card_path, what))?;
        let space = card.space().map_err(|what| ModelError::foreign(&card_path, what))?;
        let schema = card.schema();

        let (golden_path, golden_seal) = sealed(folder, &card, GOLDEN_FILE)?;
        let golden = golden::from_lines(&golden_seal.read_text(&golden_path)?)
            .map_err(|what| ModelError::damaged(&golden_path, what))?;
        let (forest_path, forest_seal) = sealed(folder, &card, FOREST_FILE)?;
        let forest = nodes::read_forest(forest_seal.open(&forest_path)?, &schema, &space)
            .map_err(|what| ModelError::damaged(&forest_path, what))?;

        let counts = (forest.trees.len() as u64, forest.nodes() as u64, golden.len() as u64);
        let model = Self {
            id: ModelId::of(&schema, &space, &card.parameters, &forest, &golden, &card.metrics),
            contracts: card.contracts(),
            schema,
            space,
            params: card.parameters,
            forest,
            metrics: card.metrics,
            fingerprint: card.fingerprint,
            golden,
        };
        check::check(&model.schema, &model.space, &model.params, &model.forest, &model.metrics)
            .map_err(|what| ModelError::damaged(&forest_path, format!("it does not fit {CARD_FILE}: {what}")))?;
        if model.id != card.id {
            let what = format!("the model in this folder has the id {}, and not {}", model.id, card.id);
            return Err(ModelError::damaged(&card_path, what));
        }
        if counts != (card.trees, card.nodes, card.golden_rows) {
            return Err(ModelError::damaged(&card_path, "it counts other trees, nodes or golden rows than there are"));
        }
        Ok(model)
    }
}

/// Reads the card in a model's folder, whose name must be the card's id. The other files are not looked at.
///
/// # Errors
/// What is wrong with `model.json`, or with its place.
pub fn read_card(folder: &Path) -> Result<ModelCard, ModelError> {
    let path = folder.join(CARD_FILE);
    let card = document::read(&path)?;
    let real = fs::canonicalize(folder).map_err(|error| ModelError::read(folder, error))?;
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name != card.id.to_string() {
        return Err(ModelError::damaged(&path, format!("it is of model {}, but its folder is called {name}", card.id)));
    }
    Ok(card)
}

fn sealed<'a>(folder: &Path, card: &'a ModelCard, name: &str) -> Result<(PathBuf, &'a Seal), ModelError> {
    let seal = card.files.get(name);
    let unlisted = || ModelError::damaged(&folder.join(CARD_FILE), format!("it does not list {name}"));
    Ok((folder.join(name), seal.ok_or_else(unlisted)?))
}

fn check_names(reports: &[ReportFile]) -> Result<(), ModelError> {
    let is_plain = |name: &str| Path::new(name).file_name().is_some_and(|own| own == name) && !name.starts_with('.');
    let is_ours = |name: &str| [CARD_FILE, FOREST_FILE, GOLDEN_FILE].contains(&name);
    match reports.iter().find(|report| !is_plain(&report.name) || is_ours(&report.name)) {
        Some(report) => Err(ModelError::Unfit(format!("{:?} is no name for a report", report.name))),
        None => Ok(()),
    }
}

fn replace_reports(folder: &Path, reports: &[ReportFile]) -> Result<(), ModelError> {
    for report in reports {
        let mut file = AtomicFile::create(&folder.join(&report.name), Existing::Replace)?;
        file.write_all(&report.bytes).map_err(|error| file.error(&error))?;
        file.commit()?;
    }
    Ok(())
}

fn cannot_write(path: &Path, error: &io::Error) -> ModelError {
    let cause = format!("{error}; check the path and its owner, or choose another with --models");
    FileError::Write { path: path.display().to_string(), cause }.into()
}

/// The error of the output, where that is what the Parquet writer complains of.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::{SMALL, parts};

    /// A disk with room for some bytes.
    struct Disk {
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.room = self.room.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told_as_one_wherever_the_forest_meets_it() {
        let of = parts(3, SMALL);
        let write = |output: &mut Sealing<Disk>| {
            nodes::write_forest(output, &of.forest, &of.schema, &of.space, of.params.smoothing).map_err(io_error)
        };
        let mut whole = Sealing::new(Disk { room: usize::MAX });
        write(&mut whole).unwrap();
        let (_, whole) = whole.finish();
        for room in (0..whole.bytes as usize).step_by(997) {
            let error = write(&mut Sealing::new(Disk { room })).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "with room for {room} bytes: {error}");
        }
    }
}
