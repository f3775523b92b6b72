//! `/`: workers and jobs.

use maud::{Markup, html};

use super::{Part, badge, cell, since, tiles, why};
use crate::ids::{Cores, Memory, Moment};
use crate::job::state::Phase;
use crate::protocol::StageLine;
use crate::ui::svg::bar;
use crate::ui::words::{clean, count, counted, growing, share, span, until};
use crate::view::{ClusterView, JobLine, WorkerState, WorkerView};

/// So many jobs that are over are listed. All of them are in the JSON twin.
const MOST_OVER: usize = 50;

pub(in crate::ui) fn parts(view: &ClusterView) -> Vec<Part> {
    let (over, now): (Vec<&JobLine>, Vec<&JobLine>) = view.jobs.iter().partition(|job| job.state.is_over());
    vec![
        Part::new("totals", &totals(view)),
        Part::new(
            "jobs",
            &html! {
                section.card {
                    h2 { "Jobs now" }
                    @if now.is_empty() { p.empty { "No job runs or waits. " a href="/submit" { "Submit one" } "." } }
                    @else { (jobs(&now, view.now)) }
                }
            },
        ),
        Part::new(
            "workers",
            &html! {
                section.card {
                    h2 { "Workers" }
                    @if view.workers.is_empty() {
                        p.empty { "No worker has come yet: start one with " code { "worker --master URL" } "." }
                    } @else { (workers(view)) }
                }
            },
        ),
        Part::new(
            "over",
            &html! {
                section.card {
                    h2 { "Jobs that are over" }
                    @if over.is_empty() { p.empty { "None yet." } } @else { (jobs(&over[..over.len().min(MOST_OVER)], view.now)) }
                    @if over.len() > MOST_OVER {
                        p.note { (counted((over.len() - MOST_OVER) as u64, "older job")) " not shown; " a href="/api/cluster" { "all as JSON" } "." }
                    }
                }
            },
        ),
    ]
}

fn totals(view: &ClusterView) -> Markup {
    let there =
        || view.workers.iter().filter(|worker| matches!(worker.state, WorkerState::Alive | WorkerState::Draining));
    let cores = there()
        .fold((0, 0), |sum, worker| (sum.0 + u64::from(worker.cores_taken.0), sum.1 + u64::from(worker.cores.0)));
    let memory = there().fold((0, 0), |sum, worker| (sum.0 + worker.memory_taken.0, sum.1 + worker.memory.0));
    let used = there().map(|worker| worker.memory_used.0).sum();
    let away =
        view.workers.iter().filter(|worker| matches!(worker.state, WorkerState::Lost | WorkerState::Unheard)).count();
    let jobs = |wanted: &[Phase]| view.jobs.iter().filter(|job| wanted.contains(&job.state.phase())).count();
    let (running, queued) = (jobs(&[Phase::Running]), jobs(&[Phase::Queued]));
    let between = jobs(&[Phase::Starting, Phase::Ending, Phase::BackingOff, Phase::Upgrading, Phase::Stopping]);
    let also = |number: usize, word: &str| if number == 0 { String::new() } else { format!("{number} {word}") };
    html! {
        h1 { "Cluster" }
        p.facts { "Master " (clean(&view.version)) ", up for " (growing(view.now.since(view.since))) }
        (tiles(&[
            ("workers", there().count().to_string(), also(away, "away")),
            ("cores taken", format!("{} of {}", cores.0, cores.1), String::new()),
            ("memory taken", of_memory(Memory(memory.0), Memory(memory.1)), format!("{} used", Memory(used))),
            ("jobs running", running.to_string(), also(between, "on their way")),
            ("queued", queued.to_string(), String::new()),
            ("failed", jobs(&[Phase::Failed]).to_string(), also(jobs(&[Phase::Completed]), "completed")),
        ]))
    }
}

/// Jobs in a table.
fn jobs(jobs: &[&JobLine], now: Moment) -> Markup {
    html! {
        div.scroll {
            table.cards {
                thead { tr { th scope="col" { "Job" } th scope="col" { "State" } th scope="col" { "Progress" } th scope="col" { "Takes" } th scope="col" { "Submitted" } } }
                tbody { @for job in jobs { (row(job, now)) } }
            }
        }
    }
}

fn row(job: &JobLine, now: Moment) -> Markup {
    let name = html! { span.id { (job.id) } " " a href=(format!("/jobs/{}", job.id)) { (clean(&job.name)) } @if job.name != job.program { small { (clean(&job.program)) } } };
    let state = html! { (badge(job.state.phase())) @if let Some(why) = why(&job.state, now) { small.why { (why) } } };
    let progress = html! {
        @if let Some(stage) = present(&job.stages) { (stage_line(stage)) }
        @if let Some(generation) = job.generation.filter(|_| job.restarts > 0) {
            small { "generation " (generation) ", " (counted(job.restarts, "restart")) }
        }
    };
    let takes = html! { (cores(job.cores)) small { (job.memory) } };
    let when = html! {
        (since(now, job.submitted))
        @if let Some(ended) = job.ended { small { "took " (span(ended.since(job.submitted))) } }
        @if let Some(next) = job.next_run { small { "again " (until(now, next)) } }
    };
    html! {
        tr { (cell("Job", "name", &name)) (cell("State", "wide", &state)) (cell("Progress", "progress", &progress)) (cell("Takes", "tight", &takes)) (cell("Submitted", "tight", &when)) }
    }
}

/// The stage that a job is at: the first that has not ended, or the last.
fn present(stages: &[StageLine]) -> Option<&StageLine> {
    stages.iter().find(|stage| !stage.ended).or(stages.last())
}

/// A stage's name and how far it is.
pub(super) fn stage_line(stage: &StageLine) -> Markup {
    let unit = clean(&stage.unit);
    let unit_of = |number: u64| unit.strip_suffix('s').filter(|_| number == 1).unwrap_or(&unit);
    let figures = match (stage.total, stage.ended) {
        (0, _) => format!("{} {}", count(stage.done), unit_of(stage.done)),
        (_, true) => format!("{} {}, done", count(stage.done), unit_of(stage.done)),
        (total, false) => format!("{} of {} {}", count(stage.done), count(total), unit_of(total)),
    };
    let done = if stage.ended { 1.0 } else { share(stage.done, stage.total) };
    html! {
        div.stage {
            span { (clean(&stage.name)) } small { (figures) }
            (bar(&[(done, if stage.ended { "ended" } else { "done" })], &format!("{}: {figures}", clean(&stage.name))))
        }
    }
}

/// An amount and a whole, with the unit once if it is the same.
fn of_memory(part: Memory, whole: Memory) -> String {
    let (part, whole) = (part.to_string(), whole.to_string());
    match (part.split_once(' '), whole.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} of {whole}"),
        _ => format!("{part} of {whole}"),
    }
}

fn cores(cores: Cores) -> String {
    counted(u64::from(cores.0), "core")
}

fn workers(view: &ClusterView) -> Markup {
    html! {
        div.scroll {
            table.cards {
                thead { tr { th scope="col" { "Worker" } th scope="col" { "State" } th scope="col" { "Cores" } th scope="col" { "Memory" } th scope="col" { "Processes" } th scope="col" { "Heard" } } }
                tbody {
                    @for worker in &view.workers {
                        @let name = html! { (link(worker)) small { (clean(&worker.version)) } };
                        tr {
                            (cell("Worker", "name", &name))
                            (cell("State", "", &state_of(worker.state)))
                            (cell("Cores", "meter", &core_meter(worker)))
                            (cell("Memory", "meter", &memory_meter(worker)))
                            (cell("Processes", "", &processes(worker)))
                            (cell("Heard", "tight", &since(view.now, worker.heard)))
                        }
                    }
                }
            }
        }
    }
}

/// A worker's name, which leads to its own pages if they are on the web.
fn link(worker: &WorkerView) -> Markup {
    let name = clean(&worker.name.0);
    let is_web = worker.page.starts_with("http://") || worker.page.starts_with("https://");
    html! { @if is_web { a href=(worker.page) rel="noopener" { (name) } } @else { (name) } }
}

pub(super) fn state_of(state: WorkerState) -> Markup {
    let (word, tone) = match state {
        WorkerState::Alive => ("alive", "good"),
        WorkerState::OtherVersion => ("other version: no jobs", "caution"),
        WorkerState::Unheard => ("not heard yet", "busy"),
        WorkerState::Draining => ("draining", "caution"),
        WorkerState::Lost => ("lost", "alarm"),
        WorkerState::Gone => ("gone", "calm"),
    };
    html! { span class=(format!("badge {tone}")) { (word) } }
}

pub(super) fn core_meter(worker: &WorkerView) -> Markup {
    let (taken, all) = (worker.cores_taken.0, worker.cores.0);
    let words = format!("{taken} of {all} taken");
    html! { (bar(&[(share(taken.into(), all.into()), "taken")], &words)) small { (words) } }
}

pub(super) fn memory_meter(worker: &WorkerView) -> Markup {
    let (used, taken, all) = (worker.memory_used, worker.memory_taken, worker.memory);
    let words = format!("{used} used, {taken} taken of {all}");
    let parts = [(share(taken.0, all.0), "taken"), (share(used.0, all.0), "used")];
    html! { (bar(&parts, &words)) small { (words) } }
}

fn processes(worker: &WorkerView) -> Markup {
    html! {
        @if worker.processes.is_empty() { span.none { "none" } }
        @for process in &worker.processes {
            a.process href=(format!("/jobs/{}/logs/{}/{}", process.job, process.generation, process.process)) title=(clean(&process.state)) {
                "job " (process.job) ", process " (process.process)
            }
        }
    }
}
