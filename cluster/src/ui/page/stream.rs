//! What a streaming job says of itself: figures, charts, partitions and sinks.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{cell, tiles};
use crate::ui::charts::{Line, Words, chart};
use crate::ui::svg::bar;
use crate::ui::words::{clean, clip, count, counted, share, short};
use crate::view::{SinkView, StreamView};

/// So many partitions are listed.
const MOST_PARTITIONS: usize = 64;

/// Large figures; of a job that is over those that still hold.
pub(super) fn figures(view: &StreamView, is_over: bool) -> Markup {
    let unknown = || "–".to_owned();
    let last = |values: &[f64]| values.last().copied().filter(|value| value.is_finite());
    let (epochs, newest) = match view.epochs {
        Some((oldest, newest)) => {
            (count(newest.saturating_sub(oldest) + 1), format!("{} to {}", count(oldest), count(newest)))
        }
        None => (count(0), String::new()),
    };
    let in_flight: u64 = view.partitions.values().map(|partition| partition.in_flight).sum();
    let model = view.model.as_deref().map_or_else(unknown, |model| clip(&clean(model), 9));
    let mut figures = vec![
        ("guarantee", view.guarantee.as_deref().map_or_else(unknown, clean), String::new()),
        ("model in force", model, String::new()),
        ("table in force", view.table.map_or_else(unknown, |table| format!("version {table}")), String::new()),
        ("ledger entries", view.ledger_entries.map_or_else(unknown, count), String::new()),
    ];
    if !is_over {
        figures
            .insert(0, ("answers per second", last(&view.history.answers).map_or_else(unknown, short), String::new()));
        figures.insert(1, ("requests in flight", count(in_flight), String::new()));
        figures.push(("epochs in flight", epochs, newest));
    }
    html! {
        @for (name, why) in &view.troubles {
            p.notice.caution { strong { (clean(name)) } ": " (clean(why)) }
        }
        (tiles(&figures))
    }
}

#[allow(clippy::cast_precision_loss, reason = "a chart has some hundred points of height")]
pub(super) fn charts(view: &StreamView, is_over: bool) -> Markup {
    let history = &view.history;
    if is_over && history.moments.is_empty() {
        return html! {};
    }
    let moments = &history.moments;
    let of_partition = |partition: &u32| format!("partition {partition}");
    let read = lines(&history.partition_rate, of_partition, |rate| *rate);
    let done = lines(&history.sink_rate, String::clone, |rate| *rate);
    let partitions = lines(&history.partition_lag, of_partition, |lag| *lag as f64);
    let sinks = lines(&history.sink_lag, String::clone, |lag| *lag as f64);
    let latency = [("median", 0), ("99th percentile", 1)].map(|(name, which)| Line {
        name: name.to_owned(),
        values: history.latency.iter().map(|pair| if which == 0 { pair.0 } else { pair.1 }).collect(),
    });
    let latency = if history.latency.is_empty() { Vec::new() } else { latency.into() };
    let answers = vec![Line { name: "answers".to_owned(), values: history.answers.clone() }];
    let answers = if history.answers.is_empty() { Vec::new() } else { answers };
    let words = |title, unit, line| Words { title, unit, line };
    html! {
        section.charts aria-label="The last minutes" {
            (chart(words("Answers", "per second", "line"), moments, answers, short))
            (chart(words("Throughput of partitions", "requests read per second", "partition"), moments, read, short))
            (chart(words("Throughput of sinks", "requests done per second", "sink"), moments, done, short))
            (chart(words("Latency", "milliseconds from read to durable", "line"), moments, latency, short))
            (chart(words("Lag of partitions", "requests behind the log’s end", "partition"), moments, partitions, short))
            (chart(words("Lag of sinks", "requests behind the log’s end", "sink"), moments, sinks, short))
        }
    }
}

/// A line of each series.
fn lines<K, V>(series: &BTreeMap<K, Vec<V>>, name: impl Fn(&K) -> String, value: impl Fn(&V) -> f64) -> Vec<Line> {
    series.iter().map(|(key, values)| Line { name: name(key), values: values.iter().map(&value).collect() }).collect()
}

pub(super) fn places(view: &StreamView, is_over: bool) -> Markup {
    let beyond = view.partitions.len().saturating_sub(MOST_PARTITIONS);
    let most = view.partitions.values().map(|partition| partition.in_flight).max().unwrap_or(0);
    html! {
            div.pair {
                section.card {
                    h2 { "Sinks" }
                    @if view.sinks.is_empty() { p.empty { "None is heard of yet." } } @else {
                        div.scroll { table {
                            thead { tr { th scope="col" { "Sink" } th scope="col" { "State" } th.number scope="col" { "Lag" } } }
                            tbody { @for (name, sink) in &view.sinks { tr {
                                (cell("Sink", "name", &html! { (clean(name)) small { (offsets(sink)) } }))
                                (cell("State", "", &sink_state(sink, is_over)))
                                (cell("Lag", "number", &html! { (count(sink.lag)) }))
                            } } }
                        } }
                    }
                }
                section.card {
                    h2 { "Partitions" }
                    @if view.partitions.is_empty() { p.empty { "None is heard of yet." } } @else {
                        div.scroll { table {
                            thead { tr { th scope="col" { "Partition" } th.number scope="col" { "Log’s end" } th.number scope="col" { "Read" } th.number scope="col" { "In flight" } } }
                            tbody { @for (number, partition) in view.partitions.iter().take(MOST_PARTITIONS) { tr {
                                (cell("Partition", "name", &html! { (number) }))
                                (cell("Log’s end", "number", &html! { (count(partition.end.max(partition.read))) }))
                                (cell("Read", "number", &html! { (count(partition.read)) }))
                                (cell("In flight", "", &html! {
                                    div.inline {
    (bar(&[(share(partition.in_flight, most), "used")], &format!("{} in flight", count(partition.in_flight))))
                                    small { (count(partition.in_flight)) }
    }
                                }))
                            } } }
                        } }
                        @if beyond > 0 { p.note { (counted(beyond as u64, "partition")) " more in the JSON." } }
                    }
                }
            }
        }
}

fn sink_state(sink: &SinkView, is_over: bool) -> Markup {
    let tone = match sink.state.as_str() {
        // It was until the end.
        "live" if is_over => return html! { span.badge.calm { "ended" } },
        "live" => "good",
        "catching-up" => "busy",
        "retrying" => "caution",
        "failed" => "alarm",
        _ => "calm",
    };
    html! { span class=(format!("badge {tone}")) { (clean(&sink.state)) } }
}

/// The next offset of each partition; of many, their sum.
fn offsets(sink: &SinkView) -> Markup {
    let each: Vec<String> =
        sink.next.iter().map(|(partition, next)| format!("{partition}: {}", count(*next))).collect();
    let all = each.join(", ");
    html! {
        @if each.is_empty() { "nothing yet" }
        @else if each.len() <= 2 { "next offsets " (all) }
        @else { span title=(format!("next offsets {}", clip(&all, 2000))) { (count(sink.next.values().fold(0, |sum, next| sum.saturating_add(*next)))) " offsets of " (counted(each.len() as u64, "partition")) } }
    }
}
