//! A job's lives: when each began and ended, why, and its processes.

use maud::{Markup, html};

use super::{cell, since};
use crate::job::state::JobState;
use crate::ui::words::{clean, date, growing, log_text, span};
use crate::view::{GenerationView, JobView, ProcessView};

/// So many lives are shown; a job that is started again and again has many.
const MOST: usize = 20;

pub(super) fn generations(view: &JobView) -> Markup {
    html! {
        section.card {
            h2 { "Generations" }
            @if view.generations.is_empty() { p.empty { "It has not been started yet." } }
            @for (number, generation) in view.generations.iter().take(MOST).enumerate() { (life(view, generation, number == 0)) }
            @if view.generations.len() > MOST { p.note { "The older ones are in the JSON." } }
        }
    }
}

fn life(view: &JobView, life: &GenerationView, is_newest: bool) -> Markup {
    html! {
        details.life id=(format!("generation-{}", life.number)) open[is_newest] {
            summary {
                strong { "Generation " (life.number) } " "
                @if !view.specs.is_empty() { span.when { "specification " (life.spec) ", " } }
                span.when {
                    @match &life.ended {
                        None => { "started " (since(view.now, life.started)) ", runs for " (growing(view.now.since(life.started))) }
                        Some((ended, _)) => { time title=(date(life.started)) { (date(life.started)) } ", lasted " (span(ended.since(life.started))) }
                    }
                }
                @if let Some((_, why)) = life.ended.as_ref().filter(|(_, why)| !is_said_above(view, why)) { span.why { (clean(why)) } }
            }
            (processes(&life.processes, true))
        }
    }
}

/// Whether the head of the page gives this reason already.
fn is_said_above(view: &JobView, why: &str) -> bool {
    matches!(&view.line.state, JobState::Failed { why: told } if told == why)
}

/// Processes in a table, with the last lines of those that have ended; and with their workers, if that says anything.
pub(super) fn processes(processes: &[ProcessView], with_workers: bool) -> Markup {
    html! {
        div.scroll {
            table.cards {
                thead { tr { th scope="col" { "Process" } th scope="col" { "State" } @if with_workers { th scope="col" { "Worker" } } th scope="col" { "Address" } th scope="col" { "Memory" } th scope="col" { "Log" } } }
                tbody {
                    @for process in processes {
                        tr {
                            (cell("Process", "name index", &html! { (process.process) }))
                            (cell("State", "", &html! { (clean(&process.state)) }))
                            @if with_workers { (cell("Worker", "", &html! { (clean(&process.worker.0)) })) }
                            (cell("Address", "", &html! { code { (clean(&process.address)) } }))
                            (cell("Memory", "", &html! { @if process.memory.0 == 0 { "–" } @else { (process.memory) } }))
                            (cell("Log", "", &html! { a href=(log_of(process)) { "log" } }))
                        }
                    }
                }
            }
        }
        @for process in processes.iter().filter(|process| !process.last_lines.is_empty()) {
            div.last {
                h3 { "Last lines of process " (process.process) }
                pre.log tabindex="0" aria-label=(format!("Last lines of process {}", process.process)) {
                    @for line in &process.last_lines { (log_text(line)) "\n" }
                }
            }
        }
    }
}

fn log_of(process: &ProcessView) -> String {
    format!("/jobs/{}/logs/{}/{}", process.job, process.generation, process.process)
}
