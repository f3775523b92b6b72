//! `train`: from files of flights to a saved, judged and current model.

mod flags;
mod summary;

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use console::Term;
use flightline_engine::cluster;
use flightline_engine::process::peak_memory_bytes;
use flightline_engine::progress::{Progress, Unit};
use flightline_engine::supervised;
use flightline_operators::grow::wire::{Encoding, Wire};

pub use flags::TrainFlags;
use summary::summary;

use crate::config::ModelsPlace;
use crate::failure::{Failure, FailureKind};
use crate::input::Input;
use crate::model::{Registry, ReportFile};
use crate::report::TrainingReport;
use crate::stores::stores_of;
use crate::training::{
    self, CurrentModel, Grower, Measured, Promote, Stages, TrainPlan, TrainingEnd, carry_out, keep, run_worker,
    unless_overtaken,
};

/// Runs the command.
///
/// # Errors
/// Flags, input, cluster or models folder that can't be used; no model is saved then.
pub fn run(flags: &TrainFlags) -> Result<(), Failure> {
    let started = Instant::now();
    let (mut plan, cluster) = flags.plan()?;
    Wire::WARNING.iter().for_each(|warning| tracing::warn!("{warning}"));
    let workers = cluster.workers();
    let stores = stores_of(&flags.stores)?;
    let registry = Registry::open_patiently(&stores, &plan.models)?;
    // Other processes hear from this one what is wrong, so that all end alike.
    let current = match plan.promote {
        Promote::IfBetter if cluster.is_lead() => CurrentModel::read(&registry).map_err(Failure::from),
        _ => Ok(None),
    };
    let mut input = Input::resolve(&stores, &plan.input, plan.format, workers)?;
    let mut test = match plan.test.as_slice() {
        [] => None,
        patterns => Some(Input::resolve(&stores, patterns, plan.format, workers)?),
    };
    let memory =
        flags.memory.map(|allowed| keep(allowed, &mut plan, &cluster, &mut input, test.as_mut())).transpose()?;
    let agreed = format!("train {} {:?}", plan.agreement(), test.as_ref().map(Input::fingerprint));
    let cluster = cluster.with_fingerprint(input.agreement(&agreed));

    let progress = Progress::to_stderr();
    let here = cluster.workers_here().get();
    let stages = Stages {
        read: progress.stage("read", input.unit(), here * if test.is_some() { 2 } else { 1 }),
        index: progress.stage("index", Unit::Rows, here),
        search: plan.search.is_some().then(|| progress.stage("search", Unit::Levels, here)),
        grow: progress.stage("grow", if plan.grower == Grower::Linfa { Unit::Trees } else { Unit::Levels }, here),
        judge: progress.stage("judge", Unit::Rows, here),
    };
    let input_bytes = input.bytes() + test.as_ref().map_or(0, Input::bytes);
    let (lead, processes) = (cluster.is_lead(), cluster.processes());
    let plan = Arc::new(plan);
    let shared = Arc::clone(&plan);
    let ends =
        cluster::run(cluster, move |worker| run_worker(worker, &shared, &input, test.as_ref(), &current, &stages))?;
    let measured = |progress: &Progress| Measured {
        stages: progress.seconds(),
        input_bytes,
        wall: started.elapsed(),
        peak_memory_bytes: peak_memory_bytes().unwrap_or(0),
        memory,
        workers: workers.get() as u64,
        processes: processes.get() as u64,
    };
    let Some(mut end) = ends.into_iter().next() else { return Ok(()) };
    match end.take_failure() {
        Some(failure) => Err(failure),
        None if lead => finish(flags, &plan, &registry, end, &progress, measured),
        None => Ok(()),
    }
}

/// Saves the model, makes it the current one, and shows the report.
fn finish(
    flags: &TrainFlags,
    plan: &TrainPlan,
    registry: &Registry,
    mut end: TrainingEnd,
    progress: &Progress,
    measured: impl Fn(&Progress) -> Measured,
) -> Result<(), Failure> {
    let no_result = || match &plan.search {
        Some(rule) => {
            let why = "a fold has no row to judge by, or none to grow from: there are too few days or rows";
            Failure::new(
                FailureKind::BadInput,
                format!("--folds {}: {why}; ask for fewer, or for random ones", rule.folds()),
            )
        }
        None => Failure::new(FailureKind::Bug, "the dataflow ended without a forest; please report this"),
    };
    let trained = end.trained.take().ok_or_else(no_result)?;
    let no_rows = || format!("--holdout {} leaves no row to train on; hold out less", plan.hold_out);
    let mut report = training::report(plan, &end, &trained, &measured(progress))
        .ok_or_else(|| Failure::new(FailureKind::BadInput, no_rows()))?;
    let saving = progress.stage("save", Unit::Files, 1);
    saving.start(1);
    let compared = trained.of_current.as_ref().map(|current| current.id);
    report.promotion = unless_overtaken(report.promotion, compared, registry);
    let model = training::model(plan, &end, trained)?;
    report.model = model.id().to_string();
    let files = |report: &TrainingReport| {
        let file = |name: &str, text: String| ReportFile { name: name.to_owned(), bytes: text.into_bytes() };
        [file("report.html", report.html()), file("report.json", report.json())]
    };
    let id = registry.save(&model, &files(&report))?;
    supervised::has_made(&report.model);
    let decided = report.promotion.promoted;
    report.promotion = carry_out(report.promotion, compared, &id, registry)?;
    if report.promotion.promoted != decided {
        registry.save(&model, &files(&report))?;
    }
    saving.add(1);
    saving.end();
    progress.finish();
    let measured = measured(progress);
    report.wall_seconds = measured.wall.as_secs_f64();
    report.peak_memory_bytes = measured.peak_memory_bytes;
    show(flags, plan, &registry.place_of(&id), &report, &measured)
}

/// `folder` is that of the model.
fn show(
    flags: &TrainFlags,
    plan: &TrainPlan,
    folder: &str,
    report: &TrainingReport,
    measured: &Measured,
) -> Result<(), Failure> {
    let text = if flags.json {
        format!("{}\n", summary(plan, report, measured))
    } else {
        let terminal = Term::stdout();
        let (_, width) = terminal.size();
        let state = if report.promotion.promoted { "saved and current" } else { "saved" };
        let page = match &plan.models {
            ModelsPlace::Folder(_) => format!("{folder}/report.html"),
            ModelsPlace::Store(url) => format!("model report {} --models {url} > report.html", report.model),
        };
        let why = if plan.promote == Promote::IfBetter { report.promotion_sentence() + "\n" } else { String::new() };
        let report = report.terminal(usize::from(width), console::colors_enabled());
        format!("{report}\n{state}: {folder}\nreport: {page}\n{why}")
    };
    // A reader that went away (`train | head`) has seen what it wanted.
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(FailureKind::Storage, format!("the report can't be written to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
