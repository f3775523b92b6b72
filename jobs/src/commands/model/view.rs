//! Models as tables for people and as JSON for scripts: pure functions of what the registry says.

use std::time::{SystemTime, UNIX_EPOCH};

use flightline_operators::columns::Number;
use flightline_operators::evaluate::{Quality, Tally};
use serde_json::{Value, json};

use crate::flight::date::FlightDate;
use crate::flight::instant::Instant;
use crate::model::contract::{Distribution, FeatureContract};
use crate::model::registry::{Listed, Verified};
use crate::model::{ModelCard, ModelError, ModelId};

/// All models as an array.
pub(super) fn list_json(models: &[Listed], current: Option<ModelId>) -> Value {
    let model = |model: &Listed| {
        let mut value = match &model.card {
            Ok(card) => summary_json(card),
            Err(error) => json!({ "id": model.id, "error": error.to_string() }),
        };
        value["current"] = json!(Some(model.id) == current);
        value["saved"] = json!(model.saved.map(|time| instant(time).to_string()));
        value
    };
    models.iter().map(model).collect()
}

/// All models as a table.
pub(super) fn list_text(models: &[Listed], current: Option<ModelId>, folder: &str) -> String {
    if models.is_empty() {
        return format!("no model in {folder} yet; `train` makes one\n");
    }
    let head =
        ["", "id", "saved (UTC)", "trees", "nodes", "features", "rows", "days", "accuracy", "log loss", "judged by"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut damaged = String::new();
    for model in models {
        let star = if Some(model.id) == current { "*" } else { "" };
        let saved = model.saved.map_or_else(|| "?".to_owned(), |time| minute(instant(time)));
        let mut row = vec![star.to_owned(), model.id.short(), saved];
        match &model.card {
            Ok(card) => row.extend(list_columns(card)),
            Err(error) => {
                row.push("unusable".to_owned());
                damaged += &format!("\n{}: {error}\n", model.id.short());
            }
        }
        rows.push(row);
    }
    table(&rows, &["trees", "nodes", "features", "rows", "accuracy", "log loss"]) + &damaged
}

fn list_columns(card: &ModelCard) -> [String; 8] {
    let quality = judged(card);
    let figure = |of: fn(&Quality) -> String| quality.as_ref().map_or_else(|| "-".to_owned(), of);
    [
        count(card.trees),
        count(card.nodes),
        card.features.len().to_string(),
        count(card.fingerprint.rows),
        days(card),
        figure(|quality| percent(quality.accuracy)),
        figure(|quality| format!("{:.3}", quality.log_loss)),
        card.metrics.hold_out.clone(),
    ]
}

/// One model as an object.
pub(super) fn card_json(card: &ModelCard, is_current: bool, folder: &str) -> Value {
    let bins = |cuts: usize, names: usize| if names > 0 { names } else { cuts + 1 };
    let feature = |feature: &crate::model::card::FeatureCard| {
        let cuts = feature.cuts.as_ref().map_or(0, Vec::len);
        let names = feature.vocabulary.as_ref().map_or(0, Vec::len);
        json!({ "name": feature.name, "kind": feature.kind, "bins": bins(cuts, names), "contract": feature.contract })
    };
    let mut value = summary_json(card);
    value["current"] = json!(is_current);
    value["folder"] = json!(folder);
    value["features"] = card.features.iter().map(feature).collect();
    value["classes"] = json!(card.label.names);
    value["splits"] = json!(card.label.splits);
    value["parameters"] = json!(card.parameters);
    value["fingerprint"] = json!(card.fingerprint);
    value["files"] = json!(card.files);
    value["golden_rows"] = json!(card.golden_rows);
    value
}

fn summary_json(card: &ModelCard) -> Value {
    let quality = |tally: &Option<Tally>| {
        let quality = tally.as_ref().and_then(Quality::of);
        quality
            .map(|q| json!({ "rows": q.rows, "accuracy": q.accuracy, "log_loss": q.log_loss, "macro_f1": q.macro_f1 }))
    };
    json!({
        "id": card.id,
        "trees": card.trees,
        "nodes": card.nodes,
        "features": card.features.iter().map(|feature| feature.name).collect::<Vec<_>>(),
        "rows": card.fingerprint.rows,
        "first_day": card.fingerprint.first_day,
        "last_day": card.fingerprint.last_day,
        "hold_out": card.metrics.hold_out,
        "train": quality(&card.metrics.train),
        "held_out": quality(&card.metrics.held_out),
        "companion": quality(&card.metrics.companion),
    })
}

/// One model as a page.
pub(super) fn card_text(card: &ModelCard, is_current: bool, folder: &str) -> String {
    let p = &card.parameters;
    let mut text = format!(
        "model {}{}\n  folder      {}\n  forest      {} trees, {} nodes, depth at most {}, {} impurity, seed {}\n\
         \x20 rows        {}, {}, identities {}\n  golden      {} rows\n\n",
        card.id,
        if is_current { " (current)" } else { "" },
        folder,
        count(card.trees),
        count(card.nodes),
        p.depth,
        json!(p.impurity).as_str().unwrap_or_default(),
        p.seed.0,
        count(card.fingerprint.rows),
        days(card),
        String::from(card.fingerprint.identity_sum),
        card.golden_rows,
    );
    let mut rows = vec![["quality", "rows", "accuracy", "log loss", "macro F1"].map(str::to_owned).to_vec()];
    let held_out = format!("held out ({})", card.metrics.hold_out);
    let tallies = [
        ("training", &card.metrics.train),
        (&held_out, &card.metrics.held_out),
        ("companion", &card.metrics.companion),
    ];
    for (name, tally) in tallies {
        if let Some(q) = tally.as_ref().and_then(Quality::of) {
            let figures =
                [count(q.rows), percent(q.accuracy), format!("{:.3}", q.log_loss), format!("{:.3}", q.macro_f1)];
            rows.push([name.to_owned()].into_iter().chain(figures).collect());
        }
    }
    text += &table(&rows, &["rows", "accuracy", "log loss", "macro F1"]);
    let mut rows = vec![["feature", "values", "nulls", "in the training rows"].map(str::to_owned).to_vec()];
    for feature in &card.features {
        let FeatureContract { nulls, values, distribution } = &feature.contract;
        rows.push(vec![feature.name.to_string(), count(*values), count(*nulls), distribution_text(distribution)]);
    }
    text + "\n" + &table(&rows, &["values", "nulls"])
}

fn distribution_text(distribution: &Option<Distribution>) -> String {
    match distribution {
        None => "nothing".to_owned(),
        Some(Distribution::Numeric { min, lower_quartile, median, upper_quartile, max }) => format!(
            "{} to {}, half of them {} to {}, median {}",
            figure(*min),
            figure(*max),
            figure(*lower_quartile),
            figure(*upper_quartile),
            figure(*median)
        ),
        Some(Distribution::Categorical { most_frequent }) => {
            let first = most_frequent.iter().take(5).map(|of| format!("{} {}", of.name, percent(of.share)));
            first.collect::<Vec<_>>().join(", ")
        }
    }
}

/// A number with at most two decimals.
fn figure(number: Number) -> String {
    ((number.get() * 100.0).round() / 100.0).to_string()
}

/// The outcome of a verification as an object.
pub(super) fn verified_json(id: ModelId, result: &Result<Verified, ModelError>) -> Value {
    match result {
        Ok(of) => json!({
            "id": id, "ok": true, "trees": of.trees, "nodes": of.nodes, "golden_rows": of.golden_rows,
        }),
        Err(error) => json!({ "id": id, "ok": false, "error": error.to_string() }),
    }
}

/// The outcome of a verification as a line.
pub(super) fn verified_text(id: ModelId, result: &Result<Verified, ModelError>) -> String {
    match result {
        Ok(of) => format!(
            "{}  ok: {} trees, {} nodes, {} golden rows\n",
            id.short(),
            count(of.trees),
            count(of.nodes),
            of.golden_rows
        ),
        Err(error) => format!("{}  NOT OK: {error}\n", id.short()),
    }
}

/// The rows that best show the quality: the held-out ones, else the companion, else the training rows.
fn judged(card: &ModelCard) -> Option<Quality> {
    let metrics = &card.metrics;
    let tally = metrics.held_out.as_ref().or(metrics.companion.as_ref()).or(metrics.train.as_ref());
    tally.and_then(Quality::of)
}

fn days(card: &ModelCard) -> String {
    let day = |day: Option<FlightDate>| day.map_or_else(|| "?".to_owned(), |day| day.to_string());
    format!("{} to {}", day(card.fingerprint.first_day), day(card.fingerprint.last_day))
}

fn instant(time: SystemTime) -> Instant {
    let micros = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    // Whole seconds: a file's time is no better for people.
    Instant::from_micros(i64::try_from(micros).unwrap_or(i64::MAX) / 1_000_000 * 1_000_000)
}

fn minute(instant: Instant) -> String {
    instant.to_string().chars().take("2026-01-31T12:30".len()).collect::<String>().replace('T', " ")
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

fn count(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// Columns two blanks apart; those whose heads are named in `numbers` stand to the right.
fn table(rows: &[Vec<String>], numbers: &[&str]) -> String {
    let head = rows.first().map_or(&[][..], Vec::as_slice);
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cell = |(at, cell): (usize, &String)| match numbers.contains(&head[at].as_str()) {
            true => format!("{cell:>width$}", width = widths[at]),
            false => format!("{cell:<width$}", width = widths[at]),
        };
        let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
