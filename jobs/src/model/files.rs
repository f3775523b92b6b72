//! The files of one model, wherever they are.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use bytes::Bytes;

use super::error::ModelError;
use super::id::ModelId;
use super::registry::StoreModels;
use super::seal::Seal;

/// Where one model is. What is read is whole in memory, so that what was checked is what is used.
#[derive(Clone, Copy, Debug)]
pub(super) enum ModelFiles<'a> {
    /// In its folder on this computer.
    Folder(&'a Path),
    /// In a store.
    Store(&'a StoreModels, ModelId),
}

impl ModelFiles<'_> {
    /// A file, for messages.
    pub(super) fn shown(&self, file: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(file).display().to_string(),
            Self::Store(store, id) => store.shown(id, file),
        }
    }

    /// The name of the folder that they are in.
    pub(super) fn folder_name(&self) -> Result<String, ModelError> {
        match self {
            Self::Folder(folder) => {
                let real = fs::canonicalize(folder).map_err(|error| ModelError::read(folder, error))?;
                Ok(real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
            }
            Self::Store(_, id) => Ok(id.to_string()),
        }
    }

    /// All bytes of a file, if it is there.
    pub(super) fn find(&self, file: &str) -> Result<Option<Bytes>, ModelError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(file);
                match fs::read(&path) {
                    Ok(bytes) => Ok(Some(bytes.into())),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(ModelError::read(&path, error)),
                }
            }
            Self::Store(store, id) => store.read(id, file),
        }
    }

    /// All bytes of a file that a model must have.
    pub(super) fn read(&self, file: &str) -> Result<Bytes, ModelError> {
        self.find(file)?.ok_or_else(|| ModelError::damaged(self.shown(file), "it is missing"))
    }

    /// All bytes of a file that is as it was sealed.
    pub(super) fn read_sealed(&self, file: &str, seal: &Seal) -> Result<Bytes, ModelError> {
        let damaged = |what: String| ModelError::damaged(self.shown(file), what);
        let bytes = match self {
            Self::Folder(folder) => {
                let path = folder.join(file);
                let failed = |error| ModelError::read(&path, error);
                let open = File::open(&path).map_err(failed)?;
                // Whatever has grown in its place, no more than one byte too many is read of it.
                seal.check_length(open.metadata().map_err(failed)?.len()).map_err(damaged)?;
                let mut bytes = Vec::with_capacity(usize::try_from(seal.bytes).unwrap_or_default());
                open.take(seal.bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
                bytes.into()
            }
            Self::Store(..) => self.read(file)?,
        };
        seal.check(&bytes).map_err(damaged)?;
        Ok(bytes)
    }
}
