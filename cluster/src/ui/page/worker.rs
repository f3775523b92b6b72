//! A worker's own page: what its machine gives, and its processes.

use maud::{Markup, html};

use super::cluster::{core_meter, memory_meter, state_of};
use super::history::processes;
use super::{Part, since};
use crate::ids::Moment;
use crate::ui::words::{clean, counted};
use crate::view::WorkerView;

pub(in crate::ui) fn parts(view: &WorkerView, now: Moment) -> Vec<Part> {
    vec![Part::new("worker", &head(view, now)), Part::new("processes", &table(view))]
}

fn head(view: &WorkerView, now: Moment) -> Markup {
    html! {
        div.heading { div {
            p.eyebrow { "Worker" }
            h1 { (clean(&view.name.0)) }
        } }
        p.standing aria-live="polite" { (state_of(view.state)) }
        p.facts { "Version " (clean(&view.version)) " · last word with the master " (since(now, view.heard)) }
        section.card.meters {
            div { h2 { "Cores" } (core_meter(view)) }
            div { h2 { "Memory" } (memory_meter(view)) }
        }
    }
}

fn table(view: &WorkerView) -> Markup {
    html! {
        section.card {
            h2 { (counted(view.processes.len() as u64, "process")) }
            @if view.processes.is_empty() { p.empty { "No job has a process here." } } @else {
                @let jobs = by_job(view);
                @for (job, of_job) in &jobs { h3 { "Job " (job) } (processes(of_job, false)) }
            }
        }
    }
}

/// Processes by their job and generation.
fn by_job(view: &WorkerView) -> Vec<(String, Vec<crate::view::ProcessView>)> {
    let mut jobs: Vec<(String, Vec<crate::view::ProcessView>)> = Vec::new();
    for process in &view.processes {
        let name = format!("{}, generation {}", process.job, process.generation);
        match jobs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, of_job)) => of_job.push(process.clone()),
            None => jobs.push((name, vec![process.clone()])),
        }
    }
    jobs
}
