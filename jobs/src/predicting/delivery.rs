//! Output that is meant for a store: made in a temporary folder of this computer, and copied there when the run stands.
//!
//! Each part appears whole, one after another. With a single process an empty `_SUCCESS` follows the last of them, as
//! Hadoop's tools have it. Only what is named as ours is ever replaced. A run that is ended while it copies leaves whole
//! parts, which `--replace` replaces.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use flightline_connectors::files::{Existing, FileError, OutputFolder, Stores};
use flightline_engine::cluster::ClusterPlan;
use tempfile::TempDir;

use super::output::owner;
use crate::failure::{Failure, FailureKind};

/// What says that all parts are there.
const WHOLE: &str = "_SUCCESS";
/// Where parts are, in the temporary folder.
const PARTS: &str = "parts";

/// Where a run's output goes.
#[derive(Debug)]
pub struct Delivery {
    output: PathBuf,
    store: Option<Store>,
}

/// A folder in a store, and what is to go there.
#[derive(Debug)]
struct Store {
    folder: OutputFolder,
    existing: Existing,
    here: TempDir,
    /// The workers of this process.
    workers: Range<usize>,
    /// Those of all.
    all: usize,
}

impl Delivery {
    /// Looks at a folder, or the URL of one in a store, before anything is computed.
    ///
    /// # Errors
    /// There is output in the store and it is not to be replaced, there is something else, or the store can't be asked.
    pub fn prepare(stores: &Stores, output: &Path, existing: Existing, cluster: &ClusterPlan) -> Result<Self, Failure> {
        let delivery = Self { output: output.to_owned(), store: None };
        let Some(url) = output.to_str().filter(|typed| OutputFolder::is_meant_by(typed)) else { return Ok(delivery) };
        let folder = OutputFolder::at(stores, url)?;
        let taken = look_into(&folder.names()?, url)?;
        if taken && existing == Existing::Refuse {
            return Err(FileError::Exists { path: url.to_owned() }.into());
        }
        let here = tempfile::Builder::new().prefix("flightline-output-").tempdir().map_err(|error| no_room(&error))?;
        let each = cluster.workers_here().get();
        let first = cluster.process().get() * each;
        let store = Store { folder, existing, here, workers: first..first + each, all: cluster.workers().get() };
        Ok(Self { store: Some(store), ..delivery })
    }

    /// The folder of this computer to write the output to.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.store.as_ref().map_or_else(|| self.output.clone(), |store| store.here.path().join(PARTS))
    }

    /// Copies what was written to where it belongs.
    ///
    /// # Errors
    /// The store does not take it.
    pub fn deliver(self) -> Result<(), Failure> {
        self.store.map_or(Ok(()), |store| store.deliver())
    }
}

impl Store {
    fn deliver(&self) -> Result<(), Failure> {
        let is_alone = self.workers.len() == self.all;
        if self.existing == Existing::Replace {
            self.folder.remove(WHOLE)?;
        }
        let parts = self.here.path().join(PARTS);
        let mut written = Vec::new();
        for part in fs::read_dir(&parts).map_err(|error| no_room(&error))? {
            let part = part.map_err(|error| no_room(&error))?;
            let name = part.file_name().to_string_lossy().into_owned();
            self.folder.upload(&name, &part.path())?;
            written.push(name);
        }
        if self.existing == Existing::Replace {
            for name in self.folder.names()?.iter().filter(|name| self.is_stale(name, &written)) {
                self.folder.remove(name)?;
            }
        }
        if is_alone {
            let whole = self.here.path().join(WHOLE);
            fs::write(&whole, "").map_err(|error| no_room(&error))?;
            self.folder.upload(WHOLE, &whole)?;
        }
        Ok(())
    }

    /// Whether an earlier run left it, under a name of a worker of ours, or of workers that are no more.
    fn is_stale(&self, name: &str, written: &[String]) -> bool {
        match owner(name) {
            Some(worker) if self.workers.contains(&worker) => !written.iter().any(|own| own == name),
            Some(worker) => worker >= self.all && self.workers.start == 0,
            None => false,
        }
    }
}

/// Whether there is output of ours; anything else is an error, so that `--replace` never removes what is not ours.
fn look_into(names: &[String], url: &str) -> Result<bool, Failure> {
    let others = |name: &&String| owner(name).is_none() && !name.starts_with(['.', '_']);
    if let Some(name) = names.iter().find(others) {
        let message = format!("`{url}` holds `{name}`, which is no output of predict; choose another --output");
        return Err(Failure::new(FailureKind::Storage, message));
    }
    Ok(names.iter().any(|name| owner(name).is_some()))
}

fn no_room(error: &std::io::Error) -> Failure {
    let cause =
        format!("can't keep the output in a temporary folder until it is whole: {error}; set TMPDIR to another");
    Failure::new(FailureKind::Storage, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_this_computer_is_left_to_others() {
        let cluster = ClusterPlan::local(flightline_engine::ids::WorkerCount::new(1));
        let delivery = {
            let stores = Stores::new().unwrap();
            Delivery::prepare(&stores, Path::new("no/such/folder"), Existing::Refuse, &cluster).unwrap()
        };
        assert_eq!(delivery.folder(), Path::new("no/such/folder"));
        delivery.deliver().unwrap();
    }

    #[test]
    fn only_output_of_ours_may_be_there() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(!look_into(&names(&[".x.tmp.1", "_SUCCESS"]), "s3://b/a").unwrap());
        assert!(look_into(&names(&["part-00000.jsonl", "_SUCCESS"]), "s3://b/a").unwrap());
        let message = look_into(&names(&["part-00000.jsonl", "mine.txt"]), "s3://b/a").unwrap_err().to_string();
        assert!(message.contains("`mine.txt`") && message.contains("s3://b/a"), "{message}");
    }
}
