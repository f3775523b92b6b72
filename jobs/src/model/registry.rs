//! Models, and which of them is current: in a folder of this computer, or in one of a store.
//!
//! A model becomes current only after all of it was verified, and the name changes in one step: a reader sees the old
//! one or the new one. What is no model (a report, a leftover of a killed process) is passed over. When a model was made is
//! not part of it: the time is that of its files, for people.
//!
//! Both forms hold the same files under the same names; `local` and `store` say what differs. To ask a store blocks the
//! calling thread, so it is for commands, starts and threads of a job's own, never for an operator.

mod local;
mod shelf;
mod store;

use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;
use flightline_connectors::files::{FileError, Stores};

use super::Model;
use super::card::ModelCard;
use super::error::ModelError;
use super::files::ModelFiles;
use super::folder::{ReportFile, read_card};
use super::id::ModelId;
use crate::answer::Serving;
use crate::config::ModelsPlace;
use local::LocalModels;

pub use local::CURRENT_FILE;
pub(in crate::model) use store::StoreModels;

/// Models in one place.
#[derive(Clone, Debug)]
pub struct Registry(Kept);

#[derive(Clone, Debug)]
enum Kept {
    Here(LocalModels),
    InStore(StoreModels),
}

/// When a model may become current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// In any case.
    Always,
    /// As long as this one is; or none, still.
    InsteadOf(Option<ModelId>),
}

/// A model of a registry, as a list shows it.
#[derive(Debug)]
pub struct Listed {
    /// Its id: the name of its folder.
    pub id: ModelId,
    /// When its card was written, where that can be told.
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
    /// The registry in this place, for a job that runs: a store that hiccups is said at once. Nothing is asked of it yet.
    ///
    /// # Errors
    /// A store that this build leaves out.
    pub fn open(stores: &Stores, place: &ModelsPlace) -> Result<Self, FileError> {
        Self::at(stores, place, false)
    }

    /// The same for a command or a start, which pass a hiccup over.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn open_patiently(stores: &Stores, place: &ModelsPlace) -> Result<Self, FileError> {
        Self::at(stores, place, true)
    }

    fn at(stores: &Stores, place: &ModelsPlace, is_patient: bool) -> Result<Self, FileError> {
        Ok(match place {
            ModelsPlace::Folder(folder) => Self::in_folder(folder),
            ModelsPlace::Store(url) => Self(Kept::InStore(StoreModels::open(stores, url.location(), is_patient)?)),
        })
    }

    /// The registry in a folder of this computer, which need not exist yet.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self(Kept::Here(LocalModels(folder.into())))
    }

    /// Where it is, as a user would type it.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.0 {
            Kept::Here(here) => here.folder().display().to_string(),
            Kept::InStore(store) => store.url().to_owned(),
        }
    }

    /// The folder of a model, whether it is there or not, as a user would type it.
    #[must_use]
    pub fn place_of(&self, id: &ModelId) -> String {
        match &self.0 {
            Kept::Here(here) => here.folder_of(id).display().to_string(),
            Kept::InStore(store) => format!("{}/{id}", store.url()),
        }
    }

    /// All models, the latest first.
    ///
    /// # Errors
    /// There is no such registry, or it can't be read. A damaged model is an error of its own only.
    pub fn list(&self) -> Result<Vec<Listed>, ModelError> {
        let mut models = Vec::new();
        for id in self.ids()? {
            let saved = match &self.0 {
                Kept::Here(here) => here.saved_at(&id),
                Kept::InStore(store) => store.saved_at(&id)?,
            };
            models.push(Listed { id, saved, card: self.card(&id) });
        }
        models.sort_by_key(|model| (std::cmp::Reverse(model.saved), model.id));
        Ok(models)
    }

    /// The ids of all models, in their own order.
    ///
    /// # Errors
    /// As [`Registry::list`].
    pub fn ids(&self) -> Result<Vec<ModelId>, ModelError> {
        let mut ids = match &self.0 {
            Kept::Here(here) => here.ids(),
            Kept::InStore(store) => store.ids(),
        }?;
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
        let (registry, prefix) = (self.place(), prefix.to_owned());
        match found.as_slice() {
            [id] => Ok(*id),
            [] => Err(ModelError::NoSuchModel { registry, prefix }),
            several => Err(ModelError::Ambiguous { registry, prefix, count: several.len() }),
        }
    }

    /// The current model; `None` when none was promoted yet.
    ///
    /// # Errors
    /// What names it can't be read, or names no model.
    pub fn current(&self) -> Result<Option<ModelId>, ModelError> {
        match &self.0 {
            Kept::Here(here) => here.current(),
            Kept::InStore(store) => store.current(),
        }
    }

    /// The current model, which a command can't do without.
    ///
    /// # Errors
    /// As [`Registry::current`], and that there is none.
    pub fn need_current(&self) -> Result<ModelId, ModelError> {
        match &self.0 {
            Kept::Here(here) if !here.folder().exists() => Err(ModelError::NoRegistry(self.place())),
            _ => self.current()?.ok_or_else(|| ModelError::NoneIsCurrent(self.place())),
        }
    }

    /// What `model.json` of a model says.
    ///
    /// # Errors
    /// It is missing, damaged or for another build.
    pub fn card(&self, id: &ModelId) -> Result<ModelCard, ModelError> {
        self.with_files(id, read_card)
    }

    /// A report that was saved beside a model, by its name; `None` if there is none.
    ///
    /// # Errors
    /// It can't be read.
    pub fn report(&self, id: &ModelId, name: &str) -> Result<Option<Bytes>, ModelError> {
        self.with_files(id, |files| files.find(name))
    }

    /// Saves a model with its reports, and makes the place where there is none. It appears whole or not at all.
    ///
    /// One of this id that is whole is kept but for its reports. A damaged one is replaced in a folder of this computer, and
    /// refused in a store.
    ///
    /// # Errors
    /// The place can't be written, or holds something else under the model's name.
    pub fn save(&self, model: &Model, reports: &[ReportFile]) -> Result<ModelId, ModelError> {
        match &self.0 {
            Kept::Here(here) => model.save(here.folder(), reports),
            Kept::InStore(store) => store.save(model, reports).map(|()| model.id),
        }
    }

    /// Reads a model, and makes it ready to answer; its golden rows are sent through.
    ///
    /// # Errors
    /// It is damaged, for another build, or answers otherwise than it did.
    pub fn serve(&self, id: &ModelId) -> Result<Serving, ModelError> {
        Serving::start(self.read(id)?)
    }

    /// Reads all of a model; its golden rows are for the caller to send through.
    ///
    /// # Errors
    /// It is damaged, or for another build.
    pub fn read(&self, id: &ModelId) -> Result<Model, ModelError> {
        self.with_files(id, Model::read)
    }

    /// Reads all of a model, and sends its golden rows through.
    ///
    /// # Errors
    /// As [`Registry::serve`].
    pub fn load(&self, id: &ModelId) -> Result<Model, ModelError> {
        let model = self.read(id)?;
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
    /// As [`Registry::verify`], or the name of the current model can't be written; the old one is then current.
    pub fn promote(&self, id: &ModelId) -> Result<Verified, ModelError> {
        let verified = self.verify(id)?;
        self.make_current(id, Condition::Always)?;
        Ok(verified)
    }

    /// The same on a condition, and tells whether the model is current now. In a store the condition holds until the moment
    /// in which the name changes; in a folder, until shortly before.
    ///
    /// # Errors
    /// As [`Registry::promote`].
    pub fn promote_if(&self, id: &ModelId, condition: Condition) -> Result<bool, ModelError> {
        self.verify(id)?;
        self.make_current(id, condition)
    }

    fn make_current(&self, id: &ModelId, condition: Condition) -> Result<bool, ModelError> {
        match &self.0 {
            Kept::Here(here) => here.make_current(id, condition),
            Kept::InStore(store) => store.make_current(id, condition),
        }
    }

    fn with_files<T>(
        &self,
        id: &ModelId,
        look: impl Fn(ModelFiles<'_>) -> Result<T, ModelError>,
    ) -> Result<T, ModelError> {
        match &self.0 {
            Kept::Here(here) => look(ModelFiles::Folder(&here.folder_of(id))),
            Kept::InStore(store) => look(ModelFiles::Store(store, *id)),
        }
    }
}

#[cfg(test)]
mod tests;
