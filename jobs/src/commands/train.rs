//! `train`: from files of flights to a saved, judged and current model.

mod summary;

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use console::Term;
use flightline_engine::cluster::{self, ClusterFlags, ClusterPlan};
use flightline_engine::process::peak_memory_bytes;
use flightline_engine::progress::{Progress, Unit};
use flightline_engine::supervised;
use flightline_operators::forest::{FeatureSubset, Impurity, Smoothing};
use flightline_operators::grow::GrowLimits;
use flightline_operators::grow::wire::{Encoding, Wire};
use flightline_operators::holdout::HoldOut;
use flightline_operators::identity::Seed;
use flightline_operators::space::BinLimit;

use summary::summary;

use super::ReadFlags;
use crate::config::{ModelsPlace, StoreFlags};
use crate::failure::{Failure, FailureKind};
use crate::flight::features::Feature;
use crate::input::Input;
use crate::memory_size::MemorySize;
use crate::model::{Registry, ReportFile};
use crate::report::TrainingReport;
use crate::stores::stores_of;
use crate::training::{
    self, CurrentModel, Grower, HoldOutRule, Measured, Preset, Promote, Stages, TrainPlan, TrainingEnd, carry_out,
    keep, run_worker, unless_overtaken,
};

const EXAMPLES: &str = "\
Examples:
  train                                    20 trees of depth 5 on the bundled flights
  train -w 4 --preset accurate             best on rows like those seen
  train --preset forward --holdout last:0.1
  train --memory 2G --preset accurate      each process stays below 2 GiB, or says what it needs
  train --promote if-better                current only if better than the current one
  train --input '2019_*.zip' --format csv.zip --models /srv/models
  train --input gs://bucket/flights --models gs://bucket/models
  train -n 2 -p 0 -h hosts.txt -w 2 --secret-file mesh.secret
                                           on each of two hosts, with -p 0 and -p 1

Exit codes: 0 done, promoted or not, 2 command line or too little --memory, 3 bad input, 4 storage,
5 cluster did not start, 6 a peer was lost, 7 the current model is damaged (if-better),
130 interrupted; a model is saved whole or not at all.";

/// Train a random forest on flights, on all workers together. Equal rows, parameters and seed give an equal model,
/// whatever the number of workers, the files or their order.
#[derive(Debug, Parser)]
#[command(name = "train", version, after_help = EXAMPLES, disable_help_flag = true)]
pub struct TrainFlags {
    /// Training rows: files, folders, globs or URLs (JSON lines, Parquet, BTS CSV; .gz .bz2 .zst .zip).
    #[arg(long, value_name = "GLOB", num_args = 1.., default_values_t = [String::from("data/flights.parquet")])]
    input: Vec<String>,
    /// Test rows; then nothing of the input is held out.
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    test: Vec<String>,
    /// Where models are kept, one folder each: a folder, or the URL of one in a store.
    #[arg(long, value_name = "DIR", default_value = "models", value_parser = ModelsPlace::of_flag)]
    models: ModelsPlace,
    /// Named settings: seed, accurate or forward. The flags below change single ones.
    #[arg(long, default_value = "seed")]
    preset: Preset,
    /// Number of trees.
    #[arg(long, value_name = "N")]
    trees: Option<u32>,
    /// Largest depth of a tree.
    #[arg(long, value_name = "N")]
    depth: Option<u8>,
    /// Features that compete at a node: sqrt, all or a number.
    #[arg(long, value_name = "M", value_parser = feature_subset)]
    features_per_node: Option<FeatureSubset>,
    /// What a split lowers: gini or entropy.
    #[arg(long, value_parser = impurity)]
    impurity: Option<Impurity>,
    /// Smallest number of rows in a child.
    #[arg(long, value_name = "N")]
    min_rows: Option<u32>,
    /// Most bins of a numeric feature; exact values up to that, quantiles beyond.
    #[arg(long, value_name = "N")]
    bins: Option<u16>,
    /// Rows' worth of trust in the parent's class shares that each node mixes in.
    #[arg(long, value_name = "ROWS")]
    smoothing: Option<f64>,
    /// Show every tree all rows once, instead of a bootstrap sample.
    #[arg(long)]
    no_bagging: bool,
    /// The features, by name, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    features: Vec<Feature>,
    /// What judges the model: random:SHARE of rows, SHARE of the days, or the last:SHARE of rows by day.
    #[arg(long, value_name = "RULE", default_value = "last:0.2")]
    holdout: HoldOutRule,
    /// Where all chance comes from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Who grows the trees: histogram, or linfa as a baseline.
    #[arg(long, default_value_t = Grower::Histogram)]
    grower: Grower,
    /// When the saved model becomes the current one: always, if-better (lower log loss than the current one on the rows
    /// that judge both) or never.
    #[arg(long, value_name = "RULE", default_value_t = Promote::Always)]
    promote: Promote,
    /// Most resident memory of each process, such as 512M, 1.5G or 2G. It is kept, or the run is refused with what it needs.
    #[arg(long, value_name = "SIZE")]
    memory: Option<MemorySize>,
    /// Print one JSON object on standard output instead of the report.
    #[arg(long)]
    json: bool,
    /// How the input is read.
    #[command(flatten)]
    read: ReadFlags,
    /// How files in stores are reached.
    #[command(flatten)]
    stores: StoreFlags,
    /// Where the work runs.
    #[command(flatten)]
    cluster: ClusterFlags,
}

fn feature_subset(text: &str) -> Result<FeatureSubset, String> {
    match text {
        "sqrt" => Ok(FeatureSubset::Sqrt),
        "all" => Ok(FeatureSubset::All),
        _ => text.parse().map(FeatureSubset::Count).map_err(|_| format!("{text:?} is not sqrt, all or a number")),
    }
}

fn impurity(text: &str) -> Result<Impurity, String> {
    match text {
        "gini" => Ok(Impurity::Gini),
        "entropy" => Ok(Impurity::Entropy),
        _ => Err(format!("there is no impurity {text:?}: there are gini and entropy")),
    }
}

impl TrainFlags {
    /// The checked plan of the run and of the cluster.
    fn plan(&self) -> Result<(TrainPlan, ClusterPlan), Failure> {
        let mut params = self.preset.params(Seed(self.seed));
        params.trees = self.trees.unwrap_or(params.trees);
        params.depth = self.depth.unwrap_or(params.depth);
        params.features_per_node = self.features_per_node.unwrap_or(params.features_per_node);
        params.impurity = self.impurity.unwrap_or(params.impurity);
        params.min_rows = self.min_rows.unwrap_or(params.min_rows);
        params.bins = self.bins.map_or(params.bins, BinLimit);
        params.smoothing = self.smoothing.map_or(params.smoothing, Smoothing);
        params.bagging &= !self.no_bagging;
        if self.grower == Grower::Linfa {
            // linfa-trees draws no features per node: the model must not claim that it did.
            params.features_per_node = FeatureSubset::All;
        }
        let plan = TrainPlan {
            input: self.input.clone(),
            test: self.test.clone(),
            format: self.read.format,
            models: self.models.clone(),
            preset: self.preset,
            features: if self.features.is_empty() { self.preset.features() } else { self.features.clone() },
            params,
            grower: self.grower,
            hold_out: if self.test.is_empty() { self.holdout } else { HoldOutRule(HoldOut::None) },
            max_bad_rows: self.read.max_bad_rows.get(),
            promote: self.promote,
            limits: GrowLimits::default(),
        };
        let mut mistakes: Vec<String> =
            plan.check().err().into_iter().flatten().map(|error| error.to_string()).collect();
        match self.cluster.plan() {
            Ok(cluster) if mistakes.is_empty() => Ok((plan, cluster)),
            cluster => {
                mistakes.extend(cluster.err().map(|error| error.to_string()));
                Err(Failure::new(FailureKind::Usage, mistakes.join("; ")))
            }
        }
    }
}

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
    let no_result = || Failure::new(FailureKind::Bug, "the dataflow ended without a forest; please report this");
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
