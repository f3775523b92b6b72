//! The ledger of a streaming job: who writes it, which bindings are open, what it says last.

use flightline_engine::log::{Offset, OffsetRange, Partition};
use flightline_engine::metrics::{ByPartition, EntrySays, OpenBinding};
use maud::{Markup, html};

use super::cell;
use crate::ids::Moment;
use crate::ui::words::{ago, clean, clip, count, counted};
use crate::view::{EntryView, JobView, LedgerView};

/// So many partitions of a binding are named.
const MOST_NAMED: usize = 4;

pub(super) fn section(view: &JobView, ledger: &LedgerView, entries: Option<u64>) -> Markup {
    html! {
        section.card #ledger {
            h2 { "Ledger" }
            p.facts {
                "Claimed by generation " (ledger.generation) ", " (ago(view.now, ledger.claimed))
                @if let Some(entries) = entries { " · " (entries_in_all(entries)) }
                @let more = ledger.open_in_all.saturating_sub(ledger.open.len() as u64);
                @if more > 0 { " · " (count(more)) " older open bindings aren’t shown" }
            }
            p.note { "It says which model and which version of the table answer which requests, and is written before an answer leaves." }
            h3 { "Open bindings" }
            @if ledger.open.is_empty() { p.empty { "None: all that is bound is durable in every required sink." } } @else { (open(&ledger.open)) }
            h3 { "Newest entries" }
            @if ledger.newest.is_empty() { p.empty { "None is heard of yet." } } @else { (newest(view.now, &ledger.newest)) }
        }
    }
}

fn entries_in_all(entries: u64) -> String {
    format!("{} {} so far", count(entries), if entries == 1 { "entry" } else { "entries" })
}

fn open(bindings: &[OpenBinding]) -> Markup {
    html! {
        div.scroll { table.cards {
            thead { tr { th scope="col" { "Requests" } th scope="col" { "Model" } th scope="col" { "Table" } th scope="col" { "Bound by" } } }
            tbody { @for binding in bindings { tr {
                (cell("Requests", "name", &places(&binding.requests, range)))
                (cell("Model", "", &model(&binding.model)))
                (cell("Table", "", &html! {
                    "version " (binding.table)
                    @if let Some(epoch) = binding.as_of { ", since epoch " (count(epoch.0)) }
                }))
                (cell("Bound by", "", &html! { "entry " (binding.entry) " of generation " (binding.generation) }))
            } } }
        } }
    }
}

fn newest(now: Moment, entries: &[EntryView]) -> Markup {
    html! {
        div.scroll { table.cards {
            thead { tr { th scope="col" { "Entry" } th scope="col" { "What it says" } th scope="col" { "Generation" } th scope="col" { "Written" } } }
            tbody { @for entry in entries { tr {
                (cell("Entry", "name index", &html! { (entry.number) }))
                (cell("What it says", "", &says(&entry.says)))
                (cell("Generation", "", &html! { (entry.generation) }))
                (cell("Written", "", &html! { @match entry.written { Some(written) => (ago(now, written).replace(' ', "\u{a0}")), None => "earlier" } }))
            } } }
        } }
    }
}

/// An entry as a sentence.
fn says(entry: &EntrySays) -> Markup {
    html! {
        span {
            @match entry {
                EntrySays::Opened { partitions } => { "The job began, for a request log of " (counted(u64::from(*partitions), "partition")) "." }
                EntrySays::Claimed => "A new life of the job began; older ones may write nothing any more.",
                EntrySays::Registered { sink } => { "Sink " (clean(&sink.0)) " belongs to the job from here on." }
                EntrySays::Bound { model: by, table, requests } => {
                    (places(requests, range)) ": answered by model " (model(by)) " with version " (table) " of the table."
                }
                EntrySays::Cut { model: by, table, at } => {
                    "Model " (model(by)) " and version " (table) " of the table take over: " (places(at, from)) "."
                }
                EntrySays::Closed { at } => { "A clean end; nothing is bound any more: " (places(at, from)) "." }
            }
        }
    }
}

fn model(id: &str) -> Markup {
    html! { code title=(clean(id)) { (clip(&clean(id), 12)) } }
}

fn range(range: &OffsetRange) -> String {
    // Up to the last one, as people count.
    format!("{} to {}", count(range.from.0), count(range.to.0.saturating_sub(1)))
}

fn from(at: &Offset) -> String {
    format!("from {} on", count(at.0))
}

/// The first partitions with their places, and how many there are beside.
fn places<T>(all: &ByPartition<T>, place: impl Fn(&T) -> String) -> Markup {
    let named = |(partition, of): (&Partition, &T)| format!("partition {partition}: {}", place(of));
    let each: Vec<String> = all.first.iter().map(named).collect();
    let shown = each.len().min(MOST_NAMED);
    let more = all.partitions.saturating_sub(shown as u64);
    html! {
        span title=[(more > 0).then(|| clip(&each.join("; "), 2000))] {
            (each[..shown].join("; "))
            @if more > 0 { "; and " (counted(more, "partition")) " more" }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flightline_engine::ledger::TableVersion;

    use super::*;

    fn words(markup: &Markup) -> String {
        let mut words = String::new();
        let mut in_tag = false;
        for c in markup.0.chars() {
            match c {
                '<' => in_tag = true,
                '>' => in_tag = false,
                c if !in_tag => words.push(c),
                _ => {}
            }
        }
        words
    }

    #[test]
    fn an_entry_is_a_sentence() {
        let at = ByPartition { partitions: 1, first: BTreeMap::from([(Partition(3), Offset(1500))]) };
        let table = TableVersion(4);
        let cut = EntrySays::Cut { model: "9f31c2ab77d0e4b1aa03".into(), table, at: at.clone() };
        assert_eq!(
            words(&says(&cut)),
            "Model 9f31c2ab77d… and version 4 of the table take over: partition 3: from 1,500 on."
        );
        assert_eq!(
            words(&says(&EntrySays::Closed { at })),
            "A clean end; nothing is bound any more: partition 3: from 1,500 on."
        );
        let requests = OffsetRange::new(Offset(0), Offset(1024));
        let bound = ByPartition { partitions: 20, first: (0..16).map(|of| (Partition(of), requests)).collect() };
        let said = words(&says(&EntrySays::Bound { model: "m".into(), table, requests: bound }));
        assert!(said.starts_with("partition 0: 0 to 1,023; partition 1: 0 to 1,023; "), "{said}");
        assert!(said.ends_with("; and 16 partitions more: answered by model m with version 4 of the table."), "{said}");
    }
}
