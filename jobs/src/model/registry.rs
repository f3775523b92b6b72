//! A folder of models, and the file `current` in it that names the one in use.
//!
//! A model becomes current only after all of it was verified, and the name changes in one step: a reader sees the old
//! one or the new one. What is no model's folder (a report, a leftover of a killed process) is passed over; the next
//! writer clears leftovers away. When a model was made is not part of it: the time is that of its files, for people.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flightline_connectors::files::{AtomicFile, Existing};

use super::Model;
use super::card::ModelCard;
use super::error::ModelError;
use super::folder::{CARD_FILE, read_card};
use super::id::ModelId;
use crate::answer::Serving;

/// The file that names the current model.
pub const CURRENT_FILE: &str = "current";

/// A folder of models.
#[derive(Clone, Debug)]
pub struct Registry {
    folder: PathBuf,
}

/// A model of a registry, as a list shows it.
#[derive(Debug)]
pub struct Listed {
    /// Its id: the name of its folder.
    pub id: ModelId,
    /// When its card was written, where the file system tells.
    pub saved: Option<SystemTime>,
    /// What `model.json` says; the other files are not looked at.
    pub card: Result<ModelCard, ModelError>,
}

/// A model that is whole and answers as it did when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its id.
    pub id: ModelId,
    /// Number of trees.
    pub trees: u64,
    /// Nodes of all trees.
    pub nodes: u64,
    /// Golden rows that were sent through.
    pub golden_rows: u64,
}

impl Registry {
    /// The registry in a folder, which need not exist yet.
    #[must_use]
    pub fn open(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of a model, whether it is there or not.
    #[must_use]
    pub fn folder_of(&self, id: &ModelId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// All models, the latest first.
    ///
    /// # Errors
    /// There is no such registry, or it can't be read. A damaged model is an error of its own only.
    pub fn list(&self) -> Result<Vec<Listed>, ModelError> {
        let listed = |id: ModelId| {
            let folder = self.folder_of(&id);
            let saved = fs::metadata(folder.join(CARD_FILE)).and_then(|file| file.modified()).ok();
            Listed { id, saved, card: read_card(&folder) }
        };
        let mut models: Vec<Listed> = self.ids()?.into_iter().map(listed).collect();
        models.sort_by_key(|model| (std::cmp::Reverse(model.saved), model.id));
        Ok(models)
    }

    /// The ids of all models, in their own order.
    ///
    /// # Errors
    /// As [`Registry::list`].
    pub fn ids(&self) -> Result<Vec<ModelId>, ModelError> {
        let entries = fs::read_dir(&self.folder).map_err(|error| self.unreadable(error))?;
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.unreadable(error))?;
            ids.extend(entry.file_name().to_str().and_then(|name| name.parse::<ModelId>().ok()));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// The one model whose id starts with `prefix`.
    ///
    /// # Errors
    /// None or several do.
    pub fn find(&self, prefix: &str) -> Result<ModelId, ModelError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if !(1..=ModelId::DIGITS).contains(&prefix.len()) || !prefix.bytes().all(is_digit) {
            return Err(ModelError::NotAPrefix(prefix.to_owned()));
        }
        let found: Vec<ModelId> = self.ids()?.into_iter().filter(|id| id.to_string().starts_with(prefix)).collect();
        let (registry, prefix) = (self.folder.display().to_string(), prefix.to_owned());
        match found.as_slice() {
            [id] => Ok(*id),
            [] => Err(ModelError::NoSuchModel { registry, prefix }),
            several => Err(ModelError::Ambiguous { registry, prefix, count: several.len() }),
        }
    }

    /// The current model; `None` when none was promoted yet.
    ///
    /// # Errors
    /// The file that names it can't be read, or names no model.
    pub fn current(&self) -> Result<Option<ModelId>, ModelError> {
        let path = self.folder.join(CURRENT_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim_end().parse() {
                Ok(id) => Ok(Some(id)),
                Err(error) => Err(ModelError::damaged(&path, format!("{error}"))),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(ModelError::damaged(&path, "it is no text")),
            Err(error) => Err(ModelError::read(&path, error)),
        }
    }

    /// The current model, which a command can't do without.
    ///
    /// # Errors
    /// As [`Registry::current`], and that there is none.
    pub fn need_current(&self) -> Result<ModelId, ModelError> {
        if !self.folder.exists() {
            return Err(ModelError::NoRegistry(self.folder.display().to_string()));
        }
        self.current()?.ok_or_else(|| ModelError::NoneIsCurrent(self.folder.display().to_string()))
    }

    /// What `model.json` of a model says.
    ///
    /// # Errors
    /// It is missing, damaged or for another build.
    pub fn card(&self, id: &ModelId) -> Result<ModelCard, ModelError> {
        read_card(&self.folder_of(id))
    }

    /// Reads a model, and makes it ready to answer; its golden rows are sent through.
    ///
    /// # Errors
    /// It is damaged, for another build, or answers otherwise than it did.
    pub fn serve(&self, id: &ModelId) -> Result<Serving, ModelError> {
        Serving::start(Model::load(&self.folder_of(id))?)
    }

    /// Reads all of a model, and sends its golden rows through.
    ///
    /// # Errors
    /// As [`Registry::serve`].
    pub fn load(&self, id: &ModelId) -> Result<Model, ModelError> {
        let model = Model::load(&self.folder_of(id))?;
        model.check_answers()?;
        Ok(model)
    }

    /// The same, and tells what it found.
    ///
    /// # Errors
    /// As [`Registry::serve`].
    pub fn verify(&self, id: &ModelId) -> Result<Verified, ModelError> {
        let model = self.load(id)?;
        Ok(Verified {
            id: *id,
            trees: model.forest().trees.len() as u64,
            nodes: model.forest().nodes() as u64,
            golden_rows: model.golden().len() as u64,
        })
    }

    /// Verifies a model and makes it current.
    ///
    /// # Errors
    /// As [`Registry::verify`], or the file that names the current model can't be written; the old one is then current.
    pub fn promote(&self, id: &ModelId) -> Result<Verified, ModelError> {
        let verified = self.verify(id)?;
        let mut file = AtomicFile::create(&self.folder.join(CURRENT_FILE), Existing::Replace)?;
        writeln!(file, "{id}").map_err(|error| file.error(&error))?;
        file.commit()?;
        Ok(verified)
    }

    fn unreadable(&self, error: std::io::Error) -> ModelError {
        let path = self.folder.display().to_string();
        match error.kind() {
            ErrorKind::NotFound => ModelError::NoRegistry(path),
            _ => ModelError::Read { path, source: error },
        }
    }
}

#[cfg(test)]
mod tests;
