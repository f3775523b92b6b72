//! What `train --json` says.

use flightline_operators::evaluate::Quality;
use serde_json::{Map, Value, json};

use crate::report::{Judged, TrainingReport};
use crate::training::{Measured, TrainPlan};

/// The object that scripts rely on.
pub(super) fn summary(plan: &TrainPlan, report: &TrainingReport, measured: &Measured) -> Value {
    let quality = |quality: &Quality| {
        json!({
            "rows": quality.rows,
            "accuracy": quality.accuracy,
            "log_loss": quality.log_loss,
            "macro_f1": quality.macro_f1,
        })
    };
    let judged = |judged: &Option<Judged>| judged.as_ref().map(|judged| quality(&judged.quality));
    let current = report.promotion.current.as_ref();
    let promotion = json!({
        "rule": plan.promote.name(),
        "promoted": report.promotion.promoted,
        "reason": report.promotion.reason,
        "why": report.promotion_sentence(),
        "current": current.map(|current| json!({ "model": current.model, "test": current.test.as_ref().map(quality) })),
    });
    let seconds: Map<String, Value> =
        measured.stages.iter().map(|(stage, seconds)| ((*stage).to_owned(), json!(seconds))).collect();
    let reading = report.reading.map(|reading| {
        let rates = reading.rates();
        json!({
            "bytes": reading.bytes,
            "rows": reading.rows,
            "bytes_per_second": rates.map(|(bytes, _)| bytes),
            "rows_per_second": rates.map(|(_, rows)| rows),
        })
    });
    json!({
        "model": report.model,
        "preset": report.preset,
        "grower": report.grower,
        "parameters": report.parameters.iter().map(|p| (p.name.clone(), json!(p.value))).collect::<Map<_, _>>(),
        "search": report.search,
        "rows": report.rows.good,
        "bad_rows": report.rows.bad.iter().map(|bad| bad.rows).sum::<u64>(),
        "workers": report.workers,
        "processes": report.processes,
        "rows_per_worker": report.rows.per_worker,
        "nodes": report.nodes,
        "levels": report.levels,
        "reading": reading,
        "seconds": seconds,
        "wall_seconds": report.wall_seconds,
        "peak_memory_bytes": report.peak_memory_bytes,
        "memory": report.memory,
        "train": quality(&report.train),
        "out_of_bag": report.out_of_bag.as_ref().map(quality),
        "features": report.features,
        "test": judged(&report.test),
        "companion": judged(&report.companion),
        "promotion": promotion,
    })
}
