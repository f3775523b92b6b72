//! The live dataflow graph on a job's page: whole dataflows, or one scope that was opened.

use flightline_engine::supervised::{Address, Graph, Operator};
use maud::{Markup, html};

use super::cell;
use crate::ui::graph::{Floor, dataflows, draw, hottest, nanos_of_all, path_to, seconds};
use crate::ui::words::{clean, count, counted, percent, sentence, share};
use crate::view::JobView;

/// So many dataflows are drawn at first; a job has few.
const MOST_DATAFLOWS: usize = 6;
/// So many operators the table of those that work most has.
const MOST_HOT: usize = 15;

pub(super) fn section(view: &JobView, graph: Result<&Graph, &str>, scope: Option<&Address>) -> Markup {
    if view.line.state.is_over() {
        return html! {};
    }
    html! {
        section.card #graph {
            h2 { "Dataflow" }
            @match graph {
                Err(why) => p.empty { (sentence(why)) },
                Ok(graph) if graph.operators.is_empty() => p.empty { "Its workers have built nothing yet." },
                Ok(graph) => (picture(view, graph, scope)),
            }
        }
    }
}

fn picture(view: &JobView, graph: &Graph, scope: Option<&Address>) -> Markup {
    let whole = nanos_of_all(graph);
    let opened = scope.map(|scope| path_to(graph, scope)).unwrap_or_default();
    let open = |scope: &str| format!("/jobs/{}?scope={scope}#graph", view.line.id);
    let all = dataflows(graph);
    html! {
        @if let Some(last) = opened.last() {
            nav.path aria-label="Opened scopes" {
                a href=(format!("/jobs/{}#graph", view.line.id)) { "All dataflows" }
                @for (number, step) in opened.iter().enumerate() {
                    " › "
                    @if number + 1 < opened.len() { a href=(open(&step.address.to_string())) { (clean(&step.name)) } }
                    @else { strong aria-current="location" { (clean(&step.name)) } }
                }
            }
            (floor(graph, last, whole, &open))
        } @else {
            @for dataflow in all.iter().take(MOST_DATAFLOWS) {
                @if all.len() > 1 { h3 { "Dataflow " (clean(&dataflow.name)) } }
                (floor(graph, dataflow, whole, &open))
            }
            @if all.len() > MOST_DATAFLOWS { p.note { (counted((all.len() - MOST_DATAFLOWS) as u64, "dataflow")) " more in the JSON." } }
        }
        p.note {
            "Time is work of all workers together; an arrow says how many records went along it, and how many wait. "
            "A box with another behind it is a scope: it has the time of all that is in it, and opens. Dashed arrows go back, dashed boxes have ended. "
            @if graph.truncated { "There is more than could be told: what lies deepest is left out. " }
            a href=(format!("/api/jobs/{}/graph", view.line.id)) { "JSON" }
        }
        (hot(graph, whole))
    }
}

fn floor(graph: &Graph, scope: &Operator, whole: u64, open: &impl Fn(&str) -> String) -> Markup {
    let floor = Floor::of(graph, &scope.address);
    let label = format!("Operators of {}", clean(&scope.name));
    html! {
        @if floor.boxes.is_empty() { p.empty { "There is nothing in it." } }
        @else if let Some(drawn) = draw(&floor, whole, &label, open) {
            div.canvas tabindex="0" role="region" aria-label=(label) { (drawn) }
        } @else {
            p.empty { (counted(floor.boxes.len() as u64, "operator")) " and " (counted(floor.arrows.len() as u64, "channel")) " are too many for a picture; they are in the JSON." }
        }
    }
}

/// Where the time goes, as a table: also for those who can't see the picture.
fn hot(graph: &Graph, whole: u64) -> Markup {
    let hottest = hottest(graph, MOST_HOT);
    html! {
        details #hot {
            summary { "Operators that work most" }
            @if hottest.is_empty() { p.empty { "None has worked yet." } } @else {
                div.scroll { table.cards {
                    thead { tr { th scope="col" { "Operator" } th scope="col" { "Address" } th.number scope="col" { "Time" } th.number scope="col" { "Share" } th.number scope="col" { "Activations" } } }
                    tbody { @for operator in hottest { tr {
                        (cell("Operator", "name", &html! { (clean(&operator.name)) }))
                        (cell("Address", "", &html! { code { (operator.address) } }))
                        (cell("Time", "number", &html! { (seconds(operator.active_nanos)) }))
                        (cell("Share", "number", &html! { (percent(share(operator.active_nanos, whole))) }))
                        (cell("Activations", "number", &html! { (count(operator.activations)) }))
                    } } }
                } }
            }
        }
    }
}
