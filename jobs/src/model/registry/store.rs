//! Models in a folder of a store, where an object can be created whole if there is none of its name, and nothing is renamed.
//!
//! | object | holds |
//! |---|---|
//! | `<id>/forest.parquet`, `<id>/golden.jsonl` | as in a folder on this computer |
//! | `<id>/model.json` | the card; created last, and so the mark that the model is whole |
//! | `<id>/` all others | reports, not part of the model |
//! | `current/00000000000000000001`, … | the id of the model that became current then, and a line end |
//!
//! The highest number in `current` is in force. To promote is to create the next one: of two who do so at once, one finds
//! it taken. No object of a model, and none in `current`, is ever changed or deleted by us; reports are.
//!
//! A name that is taken is no error if what is there is what was to be: of another run that trained the same model, of one
//! that was killed, or of a try that seemed to fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use flightline_connectors::files::{FileError, StoreBlobs, Stores};
use flightline_engine::contract::{Created, Fault};

use super::shelf::{Patient, Shelf};
use super::{Condition, Model, ModelError, ModelId, ReportFile};
use crate::model::card::ModelCard;
use crate::model::files::ModelFiles;
use crate::model::folder::{CARD_FILE, FOREST_FILE, GOLDEN_FILE, check_names};
use crate::model::seal::Seal;
use crate::model::{document, golden};

/// The folder of the names of current models.
const CURRENT: &str = "current";

/// Digits of a number in it, so that names sort as numbers do.
const DIGITS: usize = 20;

/// A folder of models in a store.
#[derive(Clone, Debug)]
pub(in crate::model) struct StoreModels {
    shelf: Arc<dyn Shelf>,
    url: Arc<str>,
}

/// The newest name of a current model.
struct Newest {
    number: u64,
    /// What it says, or why that can't be told.
    id: Result<ModelId, ModelError>,
}

impl StoreModels {
    pub(super) fn open(stores: &Stores, url: &str, is_patient: bool) -> Result<Self, FileError> {
        let blobs = StoreBlobs::open(stores, url)?;
        let url = blobs.shown("").into();
        let shelf: Arc<dyn Shelf> = if is_patient { Arc::new(Patient(blobs)) } else { Arc::new(blobs) };
        Ok(Self { shelf, url })
    }

    #[cfg(test)]
    pub(super) fn on(shelf: Arc<dyn Shelf>, url: &str) -> Self {
        Self { shelf, url: url.into() }
    }

    /// Where it is, as the user would type it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A file of a model, for messages.
    pub(in crate::model) fn shown(&self, id: &ModelId, file: &str) -> String {
        format!("{}/{id}/{file}", self.url)
    }

    /// The bytes of a file of a model, if it is there.
    pub(in crate::model) fn read(&self, id: &ModelId, file: &str) -> Result<Option<Bytes>, ModelError> {
        self.shelf.read(&format!("{id}/{file}")).map_err(ModelError::Store)
    }

    /// The ids of all models that are whole.
    pub(super) fn ids(&self) -> Result<Vec<ModelId>, ModelError> {
        let folders = self.shelf.folders().map_err(ModelError::Store)?;
        let mut ids = Vec::new();
        for id in folders.iter().filter_map(|name| name.parse::<ModelId>().ok()) {
            if self.saved_at(&id)?.is_some() {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// When the model became whole.
    pub(super) fn saved_at(&self, id: &ModelId) -> Result<Option<SystemTime>, ModelError> {
        self.shelf.created_at(&format!("{id}/{CARD_FILE}")).map_err(ModelError::Store)
    }

    pub(super) fn current(&self) -> Result<Option<ModelId>, ModelError> {
        self.newest()?.map(|newest| newest.id).transpose()
    }

    /// Makes a model current on this condition, and tells whether it is.
    pub(super) fn make_current(&self, id: &ModelId, condition: Condition) -> Result<bool, ModelError> {
        let failed = |fault| ModelError::NotPromoted { id: *id, fault };
        let line = Bytes::from(format!("{id}\n"));
        loop {
            let newest = self.newest()?;
            let number = newest.as_ref().map_or(0, |newest| newest.number);
            if let Condition::InsteadOf(expected) = condition
                && !newest.map(|newest| newest.id).transpose().is_ok_and(|current| current == expected)
            {
                return Ok(false);
            }
            let next = number.checked_add(1).ok_or_else(|| failed(Fault::permanent(self.no_number_left())))?;
            let created = self.shelf.create(&numbered(next), line.clone()).map_err(failed)?;
            // One that is taken may be of a try of ours whose answer was lost.
            if created == Created::Ours || self.shelf.read(&numbered(next)).map_err(failed)?.as_ref() == Some(&line) {
                return Ok(true);
            }
        }
    }

    fn no_number_left(&self) -> String {
        format!("`{}/{CURRENT}` holds the highest number there is; delete what others have put there", self.url)
    }

    fn newest(&self) -> Result<Option<Newest>, ModelError> {
        let names = self.shelf.list(CURRENT).map_err(ModelError::Store)?;
        let Some(number) = names.iter().filter_map(|name| number(name)).max() else { return Ok(None) };
        let file = format!("{}/{}", self.url, numbered(number));
        let id = match self.shelf.read(&numbered(number)).map_err(ModelError::Store)? {
            None => Err(ModelError::damaged(file, "it is listed and can't be found")),
            Some(bytes) => match str::from_utf8(&bytes) {
                Ok(text) => text.trim_end().parse().map_err(|error| ModelError::damaged(file, format!("{error}"))),
                Err(_) => Err(ModelError::damaged(file, "it is no text")),
            },
        };
        Ok(Some(Newest { number, id }))
    }

    /// Saves a model. One that is whole is kept but for its reports.
    pub(super) fn save(&self, model: &Model, reports: &[ReportFile]) -> Result<(), ModelError> {
        check_names(reports)?;
        if self.saved_at(&model.id)?.is_none() {
            self.create_model(model, reports)?;
        }
        // Of another process that was faster with the same model, too.
        match Model::read(ModelFiles::Store(self, model.id)) {
            Ok(_) => self.replace_reports(&model.id, reports),
            Err(ModelError::Damaged { file, .. }) => Err(self.occupied(&model.id, file)),
            Err(error) => Err(error),
        }
    }

    fn create_model(&self, model: &Model, reports: &[ReportFile]) -> Result<(), ModelError> {
        let forest = model.forest_bytes().map_err(|error| ModelError::Unfit(error.to_string()))?;
        let lines = golden::to_lines(&model.golden);
        let forest = self.create_file(model, FOREST_FILE, forest.into(), |there| model.is_forest(there))?;
        let golden = self.create_file(model, GOLDEN_FILE, lines.into(), |_| false)?;
        let seals = BTreeMap::from([(FOREST_FILE.to_owned(), forest), (GOLDEN_FILE.to_owned(), golden)]);
        let card = document::to_text(&ModelCard::of(model, seals));
        let card = card.map_err(|error| ModelError::Unfit(error.to_string()))?;
        // Before the card, so that whoever sees a model sees them, too.
        self.replace_reports(&model.id, reports)?;
        self.create(&model.id, CARD_FILE, card.into())?;
        // Clears away what killed writers have left beside it, where stores leave something.
        self.shelf.list(&model.id.to_string()).map_err(ModelError::NotSaved)?;
        Ok(())
    }

    /// Creates a file of a model, and gives the seal of what is there then: other bytes only if `may_be` says that they mean
    /// the same, as those of another build may.
    fn create_file(
        &self,
        model: &Model,
        file: &str,
        bytes: Bytes,
        may_be: impl Fn(Bytes) -> bool,
    ) -> Result<Seal, ModelError> {
        if self.create(&model.id, file, bytes.clone())? == Created::Ours {
            return Ok(Seal::of(&bytes));
        }
        match self.read(&model.id, file)? {
            Some(there) if there == bytes || may_be(there.clone()) => Ok(Seal::of(&there)),
            _ => Err(self.occupied(&model.id, self.shown(&model.id, file))),
        }
    }

    fn create(&self, id: &ModelId, file: &str, bytes: Bytes) -> Result<Created, ModelError> {
        self.shelf.create(&format!("{id}/{file}"), bytes).map_err(ModelError::NotSaved)
    }

    fn replace_reports(&self, id: &ModelId, reports: &[ReportFile]) -> Result<(), ModelError> {
        for ReportFile { name, bytes } in reports {
            if self.read(id, name)?.is_some_and(|there| there == *bytes) {
                continue;
            }
            self.shelf.delete(&format!("{id}/{name}")).map_err(ModelError::NotSaved)?;
            // Taken: of another run that trained the same model, and as good.
            self.create(id, name, Bytes::copy_from_slice(bytes))?;
        }
        Ok(())
    }

    fn occupied(&self, id: &ModelId, file: String) -> ModelError {
        ModelError::Occupied { file, folder: format!("{}/{id}", self.url) }
    }
}

fn numbered(number: u64) -> String {
    format!("{CURRENT}/{number:0DIGITS$}")
}

/// The number that a name is; what others have put there is none.
fn number(name: &str) -> Option<u64> {
    let is_number = name.len() == DIGITS && name.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| name.parse().ok())?
}
