//! What must be there before the demo runs: a folder, a model, a configuration.

use std::fs;
use std::path::Path;

use clap::Parser;
use flightline_jobs::commands::train::{self, TrainFlags};
use flightline_jobs::config::{self, Layer, Loaded};
use flightline_jobs::failure::{Failure, FailureKind};
use flightline_jobs::model::Registry;

use super::flags::DemoFlags;

/// Makes the folder.
pub(super) fn folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| {
        Failure::new(FailureKind::Storage, format!("can't make the folder {}: {error}", folder.display()))
    })
}

/// Trains a model, unless there is one.
pub(super) fn model(flags: &DemoFlags) -> Result<(), Failure> {
    let models = flags.folder.join("models");
    if models.exists() && Registry::in_folder(&models).current()?.is_some() {
        return Ok(());
    }
    tracing::info!("there is no model yet: training one on {}", flags.flights);
    let (models, workers) = (models.display().to_string(), flags.workers.to_string());
    let words = ["train", "--input", &flags.flights, "--models", &models, "-w", &workers];
    let flags = TrainFlags::try_parse_from(words)
        .map_err(|error| Failure::new(FailureKind::Bug, format!("the demo can't ask for a training: {error}")))?;
    train::run(&flags)
}

/// The configuration of the demo: the defaults, with everything below its folder. It is written there, too, so that other
/// commands find what the demo keeps.
pub(super) fn configuration(flags: &DemoFlags) -> Result<Loaded, Failure> {
    let text = text(flags);
    let path = flags.folder.join("config.toml");
    fs::write(&path, &text)
        .map_err(|error| Failure::new(FailureKind::Storage, format!("can't write {}: {error}", path.display())))?;
    config::load(&[Layer::file(&path)]).map_err(|mistakes| Failure::new(FailureKind::Usage, mistakes.to_string()))
}

fn text(flags: &DemoFlags) -> String {
    let quoted = |text: String| serde_json::Value::String(text).to_string();
    let below = |name: &str| flags.folder.join(name).display().to_string();
    let url = |name: &str| quoted(format!("file:{}", below(name)));
    format!(
        "# Written by `demo` at each start: where it keeps what.\n\
         [job]\nname = \"flightline-demo\"\nstate = {state}\n\n\
         [embedded]\nfolder = {embedded}\n\n\
         [table]\nurl = {table}\n\n\
         [model]\nregistry = {models}\npoll = \"200ms\"\n\n\
         [sinks.files]\nurl = {predictions}\nroll_every = \"2s\"\n\n\
         [http]\nlisten = {http}\n",
        state = url("state"),
        embedded = quoted(below("embedded")),
        table = quoted(format!("file:{}", flags.distances.display())),
        models = quoted(below("models")),
        predictions = url("predictions"),
        http = quoted(flags.job_listen.to_string()),
    )
}
