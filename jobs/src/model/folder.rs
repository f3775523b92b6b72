//! A model's folder, `<models>/<id>/`, on this computer; in a store its files have the same names.
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
use std::path::Path;

use bytes::Bytes;
use flightline_connectors::files::{AtomicDir, AtomicFile, Existing, FileError};
use parquet::errors::ParquetError;

use super::card::ModelCard;
use super::error::ModelError;
use super::files::ModelFiles;
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
        Self::read(ModelFiles::Folder(folder))
    }

    /// Reads a model from its files.
    pub(super) fn read(files: ModelFiles<'_>) -> Result<Self, ModelError> {
        let card_file = files.shown(CARD_FILE);
        let card = read_card(files)?;
        card.check_label().map_err(|what| ModelError::foreign(&card_file, what))?;
        let space = card.space().map_err(|what| ModelError::foreign(&card_file, what))?;
        let schema = card.schema();

        let golden_damage = |what: String| ModelError::damaged(files.shown(GOLDEN_FILE), what);
        let golden = sealed(files, &card, GOLDEN_FILE)?;
        let golden = str::from_utf8(&golden).map_err(|_| golden_damage("it is no text".to_owned()))?;
        let golden = golden::from_lines(golden).map_err(golden_damage)?;
        let forest_damage = |what: String| ModelError::damaged(files.shown(FOREST_FILE), what);
        let forest = nodes::read_forest(sealed(files, &card, FOREST_FILE)?, &schema, &space).map_err(forest_damage)?;

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
            .map_err(|what| forest_damage(format!("it does not fit {CARD_FILE}: {what}")))?;
        if model.id != card.id {
            let what = format!("the model in this folder has the id {}, and not {}", model.id, card.id);
            return Err(ModelError::damaged(card_file, what));
        }
        if counts != (card.trees, card.nodes, card.golden_rows) {
            return Err(ModelError::damaged(card_file, "it counts other trees, nodes or golden rows than there are"));
        }
        Ok(model)
    }

    /// The forest as the bytes of its file.
    pub(super) fn forest_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        nodes::write_forest(&mut bytes, &self.forest, &self.schema, &self.space, self.params.smoothing)
            .map_err(io_error)?;
        Ok(bytes)
    }

    /// Whether bytes are this model's forest, whichever build has written them.
    pub(super) fn is_forest(&self, bytes: Bytes) -> bool {
        nodes::read_forest(bytes, &self.schema, &self.space).is_ok_and(|forest| forest == self.forest)
    }
}

/// Reads the card of a model, whose folder must be called by the card's id. The other files are not looked at.
///
/// # Errors
/// What is wrong with `model.json`, or with its place.
pub(super) fn read_card(files: ModelFiles<'_>) -> Result<ModelCard, ModelError> {
    let file = files.shown(CARD_FILE);
    let card = document::read(&file, &files.read(CARD_FILE)?)?;
    let name = files.folder_name()?;
    if name != card.id.to_string() {
        return Err(ModelError::damaged(file, format!("it is of model {}, but its folder is called {name}", card.id)));
    }
    Ok(card)
}

fn sealed(files: ModelFiles<'_>, card: &ModelCard, name: &str) -> Result<Bytes, ModelError> {
    let unlisted = || ModelError::damaged(files.shown(CARD_FILE), format!("it does not list {name}"));
    files.read_sealed(name, card.files.get(name).ok_or_else(unlisted)?)
}

/// Refuses reports whose names are none, or those of the model's own files.
pub(super) fn check_names(reports: &[ReportFile]) -> Result<(), ModelError> {
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
