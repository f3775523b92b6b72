//! Answers for people: one in full, or many as a table. Pure functions of what the replay found.

use std::collections::BTreeMap;

use flightline_engine::contract::SinkName;
use flightline_engine::stream::Line;
use serde_json::{Map, Value};

use crate::commands::terminal::{bar, clean, clip, counted, table};
use crate::flight::label::DelayClass;
use crate::model::ModelId;
use crate::replaying::bound::Bound;
use crate::replaying::compare::{Difference, Verdict};
use crate::replaying::result::{Replayed, Tally, What};

/// Columns of the bar of a probability of 1.
const BAR: usize = 24;

/// Columns of a value that differs.
const VALUE: usize = 60;

/// One answer in full.
pub(super) fn picture(replayed: &Replayed) -> String {
    let Replayed { partition, offset, id, what, sinks } = replayed;
    let id = id.as_ref().map_or_else(|| "without a UUID".to_owned(), |id| clean(id.as_str()));
    let mut rows = vec![("request", format!("{id} at partition {partition}, offset {offset}"))];
    match what {
        What::Answered(answered) => {
            let settled = &answered.settled;
            match settled.answer.as_ref().map(fields) {
                Some(answer) => rows.extend(answer_rows(&answer)),
                None => rows.push(("answer", "none: nobody can be told".to_owned())),
            }
            if let Some(letter) = settled.dead_letter.as_ref().map(fields) {
                rows.push(("dead letter", text(&letter, "Reason")));
            }
            rows.push(("binding", binding(&answered.bound)));
        }
        What::Unbound => rows.push(("answer", "none yet: the ledger binds it to nothing so far".to_owned())),
        What::Collected => {
            rows.push(("answer", "can't be told any more: what the ledger bound it to was collected".to_owned()));
        }
    }
    let names: Vec<String> = sinks.iter().map(|(name, _)| clean(&name.0)).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    for (at, (name, (_, verdict))) in names.iter().zip(sinks).enumerate() {
        let heading = if at == 0 { "sinks" } else { "" };
        rows.push((heading, format!("{name:<width$}  {}", sentence(verdict))));
    }
    rows.iter().map(|(heading, text)| format!("{heading:<11}  {text}\n")).chain(["\n".to_owned()]).collect()
}

fn answer_rows(answer: &Map<String, Value>) -> Vec<(&'static str, String)> {
    if answer.get("Status").and_then(Value::as_str) != Some("OK") {
        return vec![("answer", format!("ERROR: {}", text(answer, "Error")))];
    }
    let prediction = answer.get("Prediction").and_then(Value::as_u64);
    let class = |index: u64| DelayClass::all().find(|class| class.index() as u64 == index);
    let name = prediction.and_then(class).map_or("a class that this build does not know", DelayClass::name);
    let mut rows = vec![("answer", format!("OK: {name} ({})", text(answer, "Prediction")))];
    let probabilities = answer.get("Probabilities").and_then(Value::as_array);
    for (class, share) in DelayClass::all().zip(probabilities.into_iter().flatten()) {
        let share = share.as_f64().unwrap_or(f64::NAN);
        let (index, name, bar) = (class.index(), class.name(), bar(share, BAR));
        rows.push(("", format!("{index} {name:<30}  {bar:<BAR$}  {:>5.1}%", share * 100.0)));
    }
    let [carrier, route, date] = ["Carrier", "Route", "FlightDate"].map(|name| text(answer, name));
    let [delay, miles] = ["DepDelay", "Distance"].map(|name| text(answer, name));
    let number = answer.get("FlightNum").and_then(Value::as_str);
    let flight = number.map_or_else(|| carrier.clone(), |number| format!("{carrier} {}", clean(number)));
    rows.push(("flight", format!("{flight}, {route} on {date}, departs {delay} min late, {miles} miles")));
    let unseen: Vec<&str> =
        answer.get("Unseen").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if !unseen.is_empty() {
        rows.push(("unseen", format!("{}: the model has never seen the value", clean(&unseen.join(", ")))));
    }
    rows
}

fn binding(Bound { entry, generation, binding }: &Bound) -> String {
    let (model, table, format) = (short(&binding.model), binding.table, binding.format);
    let by = format!("ledger entry {entry}, written by generation {generation}");
    let mut text = format!("model {model}, table version {table}, answer format {format}; {by}");
    for (name, value) in &binding.settings {
        text.push_str(&format!("; {} = {}", clean(name), clean(value)));
    }
    text
}

fn short(model: &str) -> String {
    model.parse::<ModelId>().map_or_else(|_| clean(&clip(model, ModelId::SHORT_DIGITS)), |id| id.short())
}

/// What a sink holds, in a sentence.
fn sentence(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Differs(Difference { field, expected, found }) => {
            let value = |value: &Option<Value>| {
                value.as_ref().map_or_else(|| "nothing".to_owned(), |value| clip(&clean(&value.to_string()), VALUE))
            };
            format!("differs in {}: it should be {}, and is {}", clean(field), value(expected), value(found))
        }
        Verdict::Another { partition, offset } => {
            format!("another request's answer (reused UUID): of partition {partition}, offset {offset}")
        }
        Verdict::Twice { copies } => format!("holds it {copies} times"),
        Verdict::Needless => "holds a line where none is due".to_owned(),
        other => other.word().to_owned(),
    }
}

/// Many answers: what was found in each sink, by which bindings, and what is wrong.
pub(super) fn summary(tally: &Tally) -> String {
    let mut text = format!("{} looked at", counted(tally.requests, "request"));
    for (number, what) in [
        (tally.unbound, "not bound to anything yet"),
        (tally.collected, "can't be told any more, since the ledger's entries for them were collected"),
    ] {
        if number > 0 {
            text.push_str(&format!("; {number} {what}"));
        }
    }
    text.push_str("\n\n");

    let used: Vec<&str> = Verdict::WORDS
        .into_iter()
        .filter(|word| tally.sinks.values().any(|counts| counts.contains_key(word)))
        .collect();
    let heading = std::iter::once("sink").chain(used.iter().copied()).map(str::to_owned).collect();
    let row = |(name, counts): (&SinkName, &BTreeMap<_, u64>)| {
        let count = |word: &&str| counts.get(word).map_or_else(|| "-".to_owned(), ToString::to_string);
        std::iter::once(clean(&name.0)).chain(used.iter().map(count)).collect()
    };
    let numbers: Vec<usize> = (1..=used.len()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(tally.sinks.iter().map(row)).collect();
    text.push_str(&table(&rows, &numbers));

    if !tally.bindings.is_empty() {
        let heading = ["entry", "generation", "model", "table", "format", "requests"].map(str::to_owned).to_vec();
        let row = |(bound, requests): &(Bound, u64)| {
            let Bound { entry, generation, binding } = bound;
            let figures = [binding.table.to_string(), binding.format.to_string(), requests.to_string()];
            [entry.to_string(), generation.to_string(), short(&binding.model)].into_iter().chain(figures).collect()
        };
        let rows: Vec<Vec<String>> = std::iter::once(heading).chain(tally.bindings.values().map(row)).collect();
        text.push('\n');
        text.push_str(&table(&rows, &[0, 1, 3, 4, 5]));
    }
    if tally.wrong > 0 {
        text.push_str(&wrong(tally));
    }
    text
}

fn wrong(tally: &Tally) -> String {
    let mut rows = vec![["partition", "offset", "UUID", "sink", "what is wrong"].map(str::to_owned).to_vec()];
    for replayed in &tally.shown {
        let id = replayed.id.as_ref().map_or_else(|| "-".to_owned(), |id| clean(id.as_str()));
        for (name, verdict) in replayed.sinks.iter().filter(|(_, verdict)| verdict.is_wrong()) {
            let place = [replayed.partition.to_string(), replayed.offset.to_string()];
            rows.push(place.into_iter().chain([id.clone(), clean(&name.0), sentence(verdict)]).collect());
        }
    }
    let more = tally.wrong.saturating_sub(tally.shown.len() as u64);
    let rest = if more > 0 { format!("and {}\n", counted(more, "more request")) } else { String::new() };
    format!("\n{}{rest}", table(&rows, &[0, 1]))
}

fn fields(line: &Line) -> Map<String, Value> {
    serde_json::from_slice(&line.body).unwrap_or_default()
}

/// A field as text, without the quotes of JSON.
fn text(fields: &Map<String, Value>, name: &str) -> String {
    match fields.get(name) {
        Some(Value::String(text)) => clean(text),
        Some(other) => clean(&other.to_string()),
        None => "?".to_owned(),
    }
}
