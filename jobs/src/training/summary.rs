//! From the end of a training run to its report.

use std::time::Duration;

use flightline_operators::evaluate::{Permuted, Quality};
use flightline_operators::forest::{ForestParams, importances};
use flightline_operators::grow::{LevelTraffic, Traffic};
use flightline_operators::holdout::HoldOut;
use flightline_operators::table::Day;

use super::candidates::{candidates, of_forest};
use super::end::{JudgedCurrent, Trained, TrainingEnd};
use super::plan::TrainPlan;
use super::promotion::decide;
use crate::flight::date::FlightDate;
use crate::flight::features::Feature;
use crate::flight::label::DelayClass;
use crate::report::{
    BadRows, ClassReport, CurrentModelReport, FeatureReport, Judged, JudgedKind, LevelReport, MemoryReport, NullCount,
    Parameter, Promotion, Reading, RowsReport, ShuffledReport, StageTime, TrainingReport,
};

/// What the process measured of itself.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Wall seconds by stage.
    pub stages: Vec<(&'static str, f64)>,
    /// Bytes of all files that were read, as they are stored.
    pub input_bytes: u64,
    /// From the start to the saved model.
    pub wall: Duration,
    /// Peak resident memory of this process, in bytes.
    pub peak_memory_bytes: u64,
    /// What was allowed of it, if that was stated.
    pub memory: Option<MemoryReport>,
    /// Workers over all processes.
    pub workers: u64,
    /// Processes.
    pub processes: u64,
}

/// The report of a run, whose model has no name yet; `None` when there was no training row.
#[must_use]
pub fn report(plan: &TrainPlan, end: &TrainingEnd, trained: &Trained, measured: &Measured) -> Option<TrainingReport> {
    let [train, held_out, companion] = trained.tallies.each_ref().map(Quality::of);
    let tested_elsewhere = end.test_counts.is_some();
    let (test, second) = names(plan, trained, tested_elsewhere);
    let judged = |(name, kind): (String, JudgedKind), quality: Option<Quality>| {
        quality.map(|quality| Judged { name, kind, quality })
    };
    Some(TrainingReport {
        model: String::new(),
        preset: Some(plan.preset.to_string()),
        grower: plan.grower.to_string(),
        parameters: parameters(plan, &trained.params, tested_elsewhere),
        seed: plan.params.seed.0,
        search: plan.search.as_ref().map(|rule| candidates(rule, &trained.outcomes)),
        features: features(plan, trained),
        classes: classes(trained),
        rows: rows(end, trained),
        train: train?,
        out_of_bag: trained.unseen.as_ref().and_then(|unseen| unseen.out_of_bag.as_ref()).and_then(Quality::of),
        test: judged(test, held_out),
        companion: judged(second, companion),
        promotion: promotion(plan, trained),
        stages: measured
            .stages
            .iter()
            .map(|(name, seconds)| StageTime { name: (*name).to_owned(), seconds: *seconds })
            .collect(),
        reading: Some(reading(end, measured)),
        wall_seconds: measured.wall.as_secs_f64(),
        peak_memory_bytes: measured.peak_memory_bytes,
        memory: measured.memory,
        workers: measured.workers,
        processes: measured.processes,
        nodes: trained.forest.nodes() as u64,
        depth: trained
            .forest
            .trees
            .iter()
            .flat_map(|tree| tree.nodes.last())
            .map(|node| node.index.depth().into())
            .max()
            .unwrap_or(0),
        trees: trained.forest.trees.len() as u64,
        levels: levels(&trained.traffic),
    })
}

fn levels(traffic: &Traffic) -> Vec<LevelReport> {
    let level = |(level, sent): (u64, &LevelTraffic)| LevelReport {
        level,
        nodes: sent.nodes,
        histogram_bytes: sent.histogram_bytes,
        decision_bytes: sent.decision_bytes,
    };
    (0..).zip(&traffic.levels).map(level).collect()
}

/// Whether the model takes the place of the current one, as far as their figures decide it.
fn promotion(plan: &TrainPlan, trained: &Trained) -> Promotion {
    let [_, held_out, _] = &trained.tallies;
    let current = trained.of_current.as_ref();
    let reason = decide(plan.promote, held_out, current.map(|current| &current.tally));
    let report = |current: &JudgedCurrent| CurrentModelReport {
        model: current.id.to_string(),
        test: Quality::of(&current.tally),
    };
    Promotion::new(reason, current.map(report))
}

type Name = (String, JudgedKind);

/// What the two sets of judged rows are.
fn names(plan: &TrainPlan, trained: &Trained, tested_elsewhere: bool) -> (Name, Name) {
    let last_days = |first: Option<Day>| {
        let from =
            first.and_then(|day| FlightDate::from_days(day.0)).map_or(String::new(), |date| format!(" (from {date})"));
        (format!("last days{from}"), JudgedKind::Future)
    };
    let random_rows = || ("random rows of known days".to_owned(), JudgedKind::Familiar);
    if tested_elsewhere {
        let first_test_day = trained.test_facts.as_ref().and_then(|facts| facts.days).map(|days| days.0);
        let last_training_day = trained.facts.days.map(|days| days.1);
        let kind = if first_test_day > last_training_day { JudgedKind::Future } else { JudgedKind::Given };
        return (("test files".to_owned(), kind), random_rows());
    }
    match plan.hold_out.0 {
        HoldOut::None | HoldOut::Last(_) => (last_days(trained.facts.first_held_out), random_rows()),
        HoldOut::Random(_) => (random_rows(), last_days(trained.facts.first_companion)),
        HoldOut::Days(_) => {
            (("days left out".to_owned(), JudgedKind::UnseenDays), last_days(trained.facts.first_companion))
        }
    }
}

fn parameters(plan: &TrainPlan, params: &ForestParams, tested_elsewhere: bool) -> Vec<Parameter> {
    let hold_out = if tested_elsewhere { "none (test files)".to_owned() } else { plan.hold_out.to_string() };
    let mut parameters = of_forest(params);
    parameters.push(Parameter { name: "holdout".to_owned(), value: hold_out });
    parameters
}

fn features(plan: &TrainPlan, trained: &Trained) -> Vec<FeatureReport> {
    let importances = importances(&trained.forest, plan.features.len());
    let bins =
        trained.indexed.space.features.iter().map(|bins| (bins.len() - usize::from(bins.is_categorical())) as u64);
    let permuted = trained.unseen.as_ref().and_then(|unseen| unseen.permuted.as_ref());
    let described = plan.features.iter().enumerate().zip(bins).zip(importances);
    let feature = |(((place, feature), values), importance): (((usize, &Feature), u64), f64)| FeatureReport {
        name: feature.to_string(),
        kind: feature.kind().name().to_owned(),
        values,
        importance,
        shuffled: permuted.and_then(|permuted| shuffled(permuted, place)),
    };
    described.map(feature).collect()
}

fn shuffled(permuted: &Permuted, feature: usize) -> Option<ShuffledReport> {
    let before = Quality::of(&permuted.as_they_are)?;
    let after = Quality::of(permuted.shuffled.get(feature)?)?;
    Some(ShuffledReport {
        rows: before.rows,
        accuracy_lost: before.accuracy - after.accuracy,
        log_loss_added: after.log_loss - before.log_loss,
    })
}

fn classes(trained: &Trained) -> Vec<ClassReport> {
    let rows = trained.facts.roles.train.max(1) as f64;
    let shares = trained.facts.classes.iter().map(|count| *count as f64 / rows);
    DelayClass::all()
        .zip(shares)
        .map(|(class, training_share)| ClassReport { name: class.name().to_owned(), training_share })
        .collect()
}

/// How much was read of the input and of the test files.
fn reading(end: &TrainingEnd, measured: &Measured) -> Reading {
    let counts = std::iter::once(&end.counts).chain(&end.test_counts);
    Reading {
        bytes: measured.input_bytes,
        rows: counts.map(|counts| counts.rows() + counts.cancelled + counts.diverted).sum(),
        seconds: measured.stages.iter().filter(|(name, _)| *name == "read").map(|(_, seconds)| seconds).sum(),
    }
}

fn rows(end: &TrainingEnd, trained: &Trained) -> RowsReport {
    let facts = &trained.facts;
    let day = |day: Option<Day>| {
        day.and_then(|day| FlightDate::from_days(day.0)).map_or(String::new(), |date| date.to_string())
    };
    RowsReport {
        good: end.counts.good,
        bad: end
            .counts
            .bad
            .iter()
            .map(|(reason, bad)| BadRows {
                reason: reason.to_string(),
                rows: bad.rows,
                example: Some(bad.first.to_string()),
            })
            .collect(),
        nulls: end
            .counts
            .nulls
            .iter()
            .map(|(column, rows)| NullCount { column: column.to_string(), rows: *rows })
            .collect(),
        day_disagreements: end.counts.day_disagreements,
        per_worker: end.rows_per_worker.clone(),
        training: facts.roles.train,
        held_out: facts.roles.held_out,
        companion: facts.roles.companion,
        first_day: day(facts.days.map(|days| days.0)),
        last_day: day(facts.days.map(|days| days.1)),
    }
}
