//! The flags of `train`, and the plan that they make.

use clap::Parser;
use flightline_engine::cluster::{ClusterFlags, ClusterPlan};
use flightline_engine::memory_size::MemorySize;
use flightline_operators::forest::{FeatureSubset, Impurity, Smoothing};
use flightline_operators::grow::GrowLimits;
use flightline_operators::holdout::HoldOut;
use flightline_operators::identity::Seed;
use flightline_operators::space::BinLimit;

use crate::commands::ReadFlags;
use crate::config::{ModelsPlace, StoreFlags};
use crate::failure::{Failure, FailureKind};
use crate::flight::features::Feature;
use crate::training::{
    Asked, FoldsFlag, Grower, HoldOutRule, Preset, Promote, SearchRule, TrainPlan, Tried, feature_subset,
};

const EXAMPLES: &str = "\
Examples:
  train                                    20 trees of depth 5 on the bundled flights
  train -w 4 --preset accurate             best on rows like those seen
  train --preset forward --holdout last:0.1
  train --folds 5                          judged by five parts of the training rows in turn, too
  train --search depth=8,12,16 min-rows=5,20,50 --folds forward:4
                                           the best of nine by days to come, then one from all rows
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
    /// Judge the parameters by K parts of the training rows in turn, each by a forest of the others: K, random:K, days:K, or
    /// forward:K for parts that follow each other in time, each by a forest of all before it. K alone is of the kind of
    /// the hold-out.
    #[arg(long, value_name = "K")]
    folds: Option<FoldsFlag>,
    /// Try all combinations of some values, and grow the forest by those with the least log loss over the folds (5 without
    /// --folds): KEY=VALUE,... for trees, depth, features-per-node, min-rows, smoothing.
    #[arg(long, value_name = "KEY=LIST", num_args = 1..)]
    search: Vec<Tried>,
    /// Try so many of the combinations of --search at most, drawn by chance.
    #[arg(long, value_name = "N", requires = "search", value_parser = clap::value_parser!(u32).range(1..))]
    candidates: Option<u32>,
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
    pub(super) memory: Option<MemorySize>,
    /// Print one JSON object on standard output instead of the report.
    #[arg(long)]
    pub(super) json: bool,
    /// How the input is read.
    #[command(flatten)]
    read: ReadFlags,
    /// How files in stores are reached.
    #[command(flatten)]
    pub(super) stores: StoreFlags,
    /// Where the work runs.
    #[command(flatten)]
    cluster: ClusterFlags,
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
    pub(super) fn plan(&self) -> Result<(TrainPlan, ClusterPlan), Failure> {
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
        let hold_out = if self.test.is_empty() { self.holdout } else { HoldOutRule(HoldOut::None) };
        let most = self.candidates.map(|most| most as usize);
        let asked = Asked { folds: self.folds, tried: &self.search, most };
        let (search, too_many) = match SearchRule::of(asked, &params, hold_out.0) {
            Ok(search) => (search, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let plan = TrainPlan {
            input: self.input.clone(),
            test: self.test.clone(),
            format: self.read.format,
            models: self.models.clone(),
            preset: self.preset,
            features: if self.features.is_empty() { self.preset.features() } else { self.features.clone() },
            params,
            search,
            grower: self.grower,
            hold_out,
            max_bad_rows: self.read.max_bad_rows.get(),
            promote: self.promote,
            limits: GrowLimits::default(),
        };
        let mut mistakes: Vec<String> = too_many.into_iter().collect();
        mistakes.extend(plan.check().err().into_iter().flatten().map(|error| error.to_string()));
        match self.cluster.plan() {
            Ok(cluster) if mistakes.is_empty() => Ok((plan, cluster)),
            cluster => {
                mistakes.extend(cluster.err().map(|error| error.to_string()));
                Err(Failure::new(FailureKind::Usage, mistakes.join("; ")))
            }
        }
    }
}
