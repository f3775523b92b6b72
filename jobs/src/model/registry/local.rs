//! Models in a folder of this computer: one folder each, and the file `current` that names the one in use.
//!
//! The name changes in one step, but nobody is told that another has just changed it: two who compare and promote at the
//! same moment are not told apart, as they are in a store.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flightline_connectors::files::{AtomicFile, Existing};

use super::{Condition, ModelError, ModelId};
use crate::model::folder::CARD_FILE;

/// The file that names the current model.
pub const CURRENT_FILE: &str = "current";

/// A folder of models.
#[derive(Clone, Debug)]
pub(super) struct LocalModels(pub(super) PathBuf);

impl LocalModels {
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    pub(super) fn folder_of(&self, id: &ModelId) -> PathBuf {
        self.0.join(id.to_string())
    }

    pub(super) fn ids(&self) -> Result<Vec<ModelId>, ModelError> {
        let entries = fs::read_dir(&self.0).map_err(|error| self.unreadable(error))?;
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.unreadable(error))?;
            ids.extend(entry.file_name().to_str().and_then(|name| name.parse::<ModelId>().ok()));
        }
        Ok(ids)
    }

    pub(super) fn saved_at(&self, id: &ModelId) -> Option<SystemTime> {
        fs::metadata(self.folder_of(id).join(CARD_FILE)).and_then(|file| file.modified()).ok()
    }

    pub(super) fn current(&self) -> Result<Option<ModelId>, ModelError> {
        let path = self.0.join(CURRENT_FILE);
        let damaged = |what: String| Err(ModelError::damaged(path.display().to_string(), what));
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim_end().parse() {
                Ok(id) => Ok(Some(id)),
                Err(error) => damaged(format!("{error}")),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => damaged("it is no text".to_owned()),
            Err(error) => Err(ModelError::read(&path, error)),
        }
    }

    /// Makes a model current on this condition, and tells whether it is.
    pub(super) fn make_current(&self, id: &ModelId, condition: Condition) -> Result<bool, ModelError> {
        if let Condition::InsteadOf(expected) = condition
            && !self.current().is_ok_and(|current| current == expected)
        {
            return Ok(false);
        }
        let mut file = AtomicFile::create(&self.0.join(CURRENT_FILE), Existing::Replace)?;
        writeln!(file, "{id}").map_err(|error| file.error(&error))?;
        file.commit()?;
        Ok(true)
    }

    fn unreadable(&self, error: std::io::Error) -> ModelError {
        let path = self.0.display().to_string();
        match error.kind() {
            ErrorKind::NotFound => ModelError::NoRegistry(path),
            _ => ModelError::Read { path, source: error },
        }
    }
}
