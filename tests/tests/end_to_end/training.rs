//! What the tests of training share: a run of `train`, and what it said about itself.

use flightline_tests::{Ended, Folder, Hosts, Invocation};
use serde_json::Value;

/// The folder of models that `train` is told to use.
pub(crate) const MODELS: &str = "models";

/// `train --json` in this folder, with its models in [`MODELS`].
pub(crate) fn train(folder: &Folder) -> Invocation {
    folder.run("train").args(["--json", "--models", MODELS])
}

/// What a successful `train --json` said.
#[derive(Debug)]
pub(crate) struct Trained {
    pub(crate) ended: Ended,
    pub(crate) json: Value,
}

impl Trained {
    /// Of a single process that is expected to end well.
    #[track_caller]
    pub(crate) fn by(invocation: Invocation) -> Self {
        Self::of(invocation.finish())
    }

    #[track_caller]
    fn of(ended: Ended) -> Self {
        let json = ended.ok().json();
        Self { ended, json }
    }

    /// Of a cluster of processes with the same command line, on this host. Only process 0 may speak.
    #[track_caller]
    pub(crate) fn by_processes(folder: &Folder, processes: usize, invocation: impl Fn() -> Invocation) -> Self {
        let hosts = Hosts::new(folder, processes);
        // The first is started last: whoever comes early has to wait.
        let others: Vec<_> = (1..processes).map(|process| hosts.process(invocation(), process).start()).collect();
        let first = hosts.process(invocation(), 0).finish();
        for other in others {
            other.end_within(flightline_tests::DEADLINE).ok().silent();
        }
        Self::of(first)
    }

    /// The model's id.
    #[track_caller]
    pub(crate) fn model(&self) -> String {
        self.json["model"].as_str().unwrap_or_else(|| panic!("there is no model\n{}", self.ended)).to_owned()
    }

    /// A whole number of the report.
    #[track_caller]
    pub(crate) fn count(&self, key: &str) -> u64 {
        self.json[key].as_u64().unwrap_or_else(|| panic!("{key} is no count\n{}", self.ended))
    }

    /// A figure of the quality on `set`, which is `train` or `test`.
    #[track_caller]
    pub(crate) fn figure(&self, set: &str, figure: &str) -> f64 {
        self.json[set][figure].as_f64().unwrap_or_else(|| panic!("{set}.{figure} is no number\n{}", self.ended))
    }

    /// Good rows that each worker read.
    #[track_caller]
    pub(crate) fn rows_per_worker(&self) -> Vec<u64> {
        let rows = self.json["rows_per_worker"].as_array().into_iter().flatten().map(Value::as_u64);
        rows.collect::<Option<_>>().unwrap_or_else(|| panic!("rows_per_worker are no counts\n{}", self.ended))
    }

    /// Asserts that so many workers read all rows, each its share within 10%.
    #[track_caller]
    pub(crate) fn assert_shared_evenly(&self, workers: usize, rows: u64) {
        let per_worker = self.rows_per_worker();
        assert_eq!((self.count("workers"), per_worker.len()), (workers as u64, workers), "{}", self.ended);
        assert_eq!((self.count("rows"), per_worker.iter().sum()), (rows, rows), "{}", self.ended);
        let share = rows as f64 / workers as f64;
        for read in &per_worker {
            assert!((*read as f64 - share).abs() <= 0.1 * share, "{per_worker:?} is no even share\n{}", self.ended);
        }
    }
}

/// Asserts that the folder of models shows nothing: no model, no half of one, no name for the current one.
#[track_caller]
pub(crate) fn assert_no_model(folder: &Folder, ended: &Ended) {
    let visible = visible_models(folder);
    assert!(visible.is_empty(), "{visible:?} stands in the folder of models\n{ended}");
}

/// What the folder of models shows. Hidden names are temporaries; a killed process can't take its own away.
pub(crate) fn visible_models(folder: &Folder) -> Vec<String> {
    folder.names(MODELS).into_iter().filter(|name| !name.starts_with('.')).collect()
}

/// Asserts that whatever stands in the folder of models is whole: every model verifies, and the current one exists.
#[track_caller]
pub(crate) fn assert_models_are_whole(folder: &Folder) {
    let visible = visible_models(folder);
    if visible.is_empty() {
        return;
    }
    let verified = folder.run("model").args(["verify", "--all", "--json", "--models", MODELS]).succeed();
    let listed: Value = serde_json::from_str(&verified.stdout).expect("model verify --json prints JSON");
    let ids: Vec<&str> = listed.as_array().into_iter().flatten().filter_map(|model| model["id"].as_str()).collect();
    for name in visible.iter().filter(|name| *name != CURRENT) {
        assert!(ids.contains(&name.as_str()), "{name} is neither a model nor the file {CURRENT}\n{verified}");
    }
    if visible.iter().any(|name| name == CURRENT) {
        assert!(ids.contains(&current(folder).as_str()), "the current model is not there\n{verified}");
    }
}

/// The file that names the current model.
pub(crate) const CURRENT: &str = "current";

/// The id of the current model.
#[track_caller]
pub(crate) fn current(folder: &Folder) -> String {
    folder.read(format!("{MODELS}/{CURRENT}")).trim().to_owned()
}
