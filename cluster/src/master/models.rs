//! The models in a folder, for their page: what stands in their folders, as it is. Whether a model is whole and answers as it
//! should is for those to say who use it. Models in a store are not read here: their page says where they are, and how to see
//! them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::ids::Moment;
use crate::view::ModelView;

/// A report is some kilobytes, and a page some more; nobody needs to read what somebody else has put there.
const LONGEST: u64 = 8 << 20;

/// How URLs of stores begin that models can be in.
const STORES: [&str; 5] = ["hdfs://", "viewfs://", "s3://", "s3a://", "gs://"];

/// A folder of models, one folder each, named by its id, and a file `current` that names one.
#[derive(Clone, Debug)]
pub struct Models(PathBuf);

impl Models {
    /// The models in this folder, which need not be there yet; or where the URL of a store leads.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// All of them, the newest first.
    ///
    /// # Errors
    /// They are in a store; says how they can be seen.
    pub fn list(&self) -> Result<Vec<ModelView>, String> {
        if let Some(url) = self.url() {
            return Err(format!(
                "The models are in {url}, and the master reads no store: `model list --models {url}` lists them, and \
                 `model report ID --models {url} > report.html` brings out what a training has said of its model."
            ));
        }
        let current = self.current();
        let Ok(entries) = fs::read_dir(&self.0) else { return Ok(Vec::new()) };
        let ids = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut models: Vec<ModelView> = ids.filter_map(|id| self.view(&id, &current)).collect();
        models.sort_by(|one, other| (other.saved, &one.id).cmp(&(one.saved, &other.id)));
        Ok(models)
    }

    /// The one of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<ModelView> {
        self.view(id, &self.current())
    }

    /// The id of the current one, and when it was saved; without a look at any other, nor at what is said of it. Nothing for models
    /// in a store.
    #[must_use]
    pub fn current_saved(&self) -> Option<(String, Moment)> {
        let id = self.current();
        let saved = self.saved(&id)?;
        Some((id, saved))
    }

    fn current(&self) -> String {
        fs::read_to_string(self.0.join("current")).unwrap_or_default().trim().to_owned()
    }

    fn saved(&self, id: &str) -> Option<Moment> {
        let card = is_id(id).then(|| self.0.join(id).join("model.json"))?;
        Some(Moment::from(fs::metadata(card).ok()?.modified().ok()?))
    }

    fn view(&self, id: &str, current: &str) -> Option<ModelView> {
        let saved = self.saved(id)?;
        let folder = self.0.join(id);
        let report = read(&folder.join("report.json")).and_then(|text| serde_json::from_slice(&text).ok());
        let has_page = folder.join("report.html").is_file();
        Some(ModelView { current: current == id, id: id.to_owned(), saved, report, has_page })
    }

    /// The page that a model brings of itself.
    #[must_use]
    pub fn page(&self, id: &str) -> Option<Vec<u8>> {
        is_id(id).then(|| read(&self.0.join(id).join("report.html")))?
    }

    /// The URL of the store that they are in.
    fn url(&self) -> Option<&str> {
        self.0.to_str().filter(|place| STORES.iter().any(|store| place.starts_with(store)))
    }
}

/// Whether this can be the id of a model, a hash in hexadecimal digits: so it leads to no other folder.
fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn models_are_listed_the_newest_first_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = ("a".repeat(64), "b".repeat(64));
        for (id, age) in [(&old, 100), (&new, 1)] {
            fs::create_dir(folder.path().join(id)).unwrap();
            let card = fs::File::create(folder.path().join(id).join("model.json")).unwrap();
            card.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        fs::write(folder.path().join(&old).join("report.json"), r#"{"model":"it"}"#).unwrap();
        fs::write(folder.path().join(&old).join("report.html"), "<p>it</p>").unwrap();
        fs::write(folder.path().join("current"), format!("{old}\n")).unwrap();
        fs::create_dir(folder.path().join("leftover")).unwrap();
        fs::write(folder.path().join("secret"), "hush").unwrap();

        let models = Models::new(folder.path().to_owned());
        let listed = models.list().unwrap();
        let shown: Vec<_> = listed.iter().map(|model| (model.id.as_str(), model.current, model.has_page)).collect();
        assert_eq!(shown, [(new.as_str(), false, false), (old.as_str(), true, true)]);
        assert_eq!(listed[1].report.as_ref().unwrap()["model"], "it");
        assert_eq!(models.page(&old).unwrap(), b"<p>it</p>");
        for nobody in [&new, "../secret", "leftover", ""] {
            assert_eq!(models.page(nobody), None, "{nobody}");
        }
        assert_eq!(models.get(&old).as_ref(), Some(&listed[1]));
        assert_eq!(models.current_saved(), Some((old, listed[1].saved)));
        for nobody in ["../secret", "leftover", "", &"c".repeat(64)] {
            assert_eq!(models.get(nobody), None, "{nobody}");
        }
        let nowhere = Models::new(folder.path().join("nowhere"));
        assert!(nowhere.list().unwrap().is_empty() && nowhere.current_saved().is_none());
        for nobody in ["", "..", new.as_str(), &"c".repeat(64)] {
            fs::remove_file(folder.path().join(&new).join("model.json")).ok();
            fs::write(folder.path().join("current"), nobody).unwrap();
            assert_eq!(models.current_saved(), None, "{nobody}");
        }
    }

    #[test]
    fn of_models_in_a_store_it_is_said_where_they_are() {
        for url in ["gs://bucket/models", "s3://bucket/models", "hdfs://name:8020/models"] {
            let models = Models::new(url.into());
            let told = models.list().unwrap_err();
            assert!(told.contains(&format!("`model list --models {url}`")), "{told}");
            assert_eq!((models.page(&"a".repeat(64)), models.current_saved()), (None, None));
        }
        assert!(Models::new("gs:/bucket".into()).list().unwrap().is_empty());
    }
}
