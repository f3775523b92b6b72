//! `predict --input`: answers to files of requests or flights, by the very code that answers a stream.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flightline_connectors::files::{Existing, Stores};
use flightline_engine::cluster;
use flightline_engine::progress::Progress;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

use super::PredictFlags;
use crate::answer::Serving;
use crate::config::ModelsPlace;
use crate::failure::{Failure, FailureKind};
use crate::flight::label::DelayClass;
use crate::input::Input;
use crate::model::{ModelId, Registry};
use crate::predicting::{Delivery, PredictPlan, Summary, Target, golden, run_worker};
use crate::stores::stores;
use crate::table::{DistanceTable, TableError};

/// Runs the command.
///
/// # Errors
/// Flags, model, distances, input or output that can't be used, or too many bad rows; there is no output then.
pub fn run(flags: &PredictFlags) -> Result<(), Failure> {
    let started = Instant::now();
    let (model, summary) = predict(flags)?;
    // Every process knows the whole sum; one tells it.
    if flags.cluster.process == 0 { show(flags, model, &summary, started.elapsed()) } else { Ok(()) }
}

/// Does the work, and gives the model that was asked and what all workers came to.
pub(crate) fn predict(flags: &PredictFlags) -> Result<(ModelId, Summary), Failure> {
    let cluster = flags.cluster.plan()?;
    let stores = stores(&flags.config.load()?.config)?;
    let serving = ready_model(&stores, &flags.batch.models, flags.batch.model.as_deref())?;
    let distances = read_distances(&flags.batch.distances)?;
    let input = Input::resolve(&stores, &flags.batch.input, flags.read.format, cluster.workers())?;
    let existing = if flags.batch.replace { Existing::Replace } else { Existing::Refuse };
    let delivery = Delivery::prepare(&stores, &flags.batch.output, existing, &cluster)?;
    let (target, whole) = Target::prepare(&delivery.folder(), flags.batch.output_format, existing, &cluster)?;

    let progress = Progress::to_stderr();
    let stage = progress.stage("predict", input.unit(), cluster.workers_here().get());
    let model = serving.id();
    let seen = agreement(flags, model, &distances, &input)?;
    let max_bad_rows = flags.read.max_bad_rows.get();
    let plan = PredictPlan { input, kind: flags.batch.rows, serving, distances, target, stage, max_bad_rows };
    let ends = cluster::run(cluster.with_fingerprint(seen), move |worker| run_worker(worker, &plan))?;
    progress.finish();
    let summaries = ends.into_iter().collect::<Result<Vec<_>, _>>()?;
    whole.map_or(Ok(()), flightline_connectors::files::AtomicDir::commit)?;
    delivery.deliver()?;
    Ok((model, summaries.into_iter().next().unwrap_or_default()))
}

/// Loads and verifies a model, and sends its golden rows through the operators that are going to answer.
fn ready_model(stores: &Stores, models: &ModelsPlace, prefix: Option<&str>) -> Result<Arc<Serving>, Failure> {
    let registry = Registry::open_patiently(stores, models)?;
    let id = match prefix {
        Some(prefix) => registry.find(prefix)?,
        None => registry.need_current()?,
    };
    Ok(golden::ready(registry.read(&id)?, Serving::start)?)
}

fn read_distances(path: &Path) -> Result<DistanceTable, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|source| TableError::Read { name: name.clone(), source })?;
    Ok(DistanceTable::read_json_lines(&name, BufReader::new(file))?)
}

/// A digest of all that processes must agree on.
fn agreement(flags: &PredictFlags, model: ModelId, distances: &DistanceTable, input: &Input) -> Result<u64, Failure> {
    let mut table = Vec::new();
    distances.write_json_lines(&mut table).map_err(|error| Failure::new(FailureKind::Bug, error.to_string()))?;
    let (rows, format, limit) = (flags.batch.rows, flags.batch.output_format, flags.read.max_bad_rows);
    let table = xxh3_64(&table);
    Ok(input.agreement(&format!("predict {model} {rows:?} {format:?} {limit} {} {table}", flags.batch.replace)))
}

fn show(flags: &PredictFlags, model: ModelId, summary: &Summary, wall: Duration) -> Result<(), Failure> {
    let rows = summary.answers() + summary.without_uuid;
    let rate = rows as f64 / wall.as_secs_f64().max(1e-9);
    if !flags.batch.json {
        let folder = flags.batch.output.display();
        eprintln!("{summary}\n{rate:.0} rows/s by model {}, in {folder}", model.short());
        return Ok(());
    }
    let classes: serde_json::Map<String, serde_json::Value> = DelayClass::all()
        .zip(summary.classes)
        .map(|(class, count)| (class.index().to_string(), json!(count)))
        .collect();
    let object = json!({
        "model": model.to_string(),
        "output": flags.batch.output.display().to_string(),
        "rows": rows,
        "answers": summary.answers(),
        "status": { "OK": summary.predicted(), "ERROR": summary.failed() },
        "predictions": classes,
        "unseen": summary.unseen,
        "errors": summary.errors,
        "dead_letters": summary.dead_letters,
        "without_uuid": summary.without_uuid,
        "flights": summary.flights.good,
        "bad_rows": summary.flights.bad_rows(),
        "workers": flags.cluster.workers * flags.cluster.processes,
        "wall_seconds": wall.as_secs_f64(),
        "rows_per_second": rate,
    });
    match writeln!(std::io::stdout(), "{object}") {
        // Who reads no further has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(FailureKind::Storage, format!("can't write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
