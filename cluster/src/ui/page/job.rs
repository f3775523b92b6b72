//! `/jobs/ID`: how a job is, what it runs, and its lives.

use flightline_engine::supervised::{Address, Graph};
use maud::{Markup, html};

use super::cluster::stage_line;
use super::{Part, badge, dataflow, history, in_query, ledger, sealed, since, stream, why};
use crate::job::spec::JobSpec;
use crate::job::state::StopHow;
use crate::ui::words::{clean, clip, counted, span, until};
use crate::view::{JobView, StreamView};

/// The same parts for every job, empty ones too: what a job has nothing to say of yet comes while its page stands open.
pub(in crate::ui) fn parts(view: &JobView, graph: Result<&Graph, &str>, scope: Option<&Address>) -> Vec<Part> {
    let is_over = view.line.state.is_over();
    let of_stream = |draw: fn(&StreamView, bool) -> Markup| {
        view.stream.as_ref().map(|stream| draw(stream, is_over)).unwrap_or_default()
    };
    let of_ledger = view.stream.as_ref().and_then(|stream| Some((stream.ledger.as_ref()?, stream.ledger_entries)));
    vec![
        Part::new("state", &state(view)),
        Part::new("stages", &stages(view)),
        Part::new("stream", &of_stream(stream::figures)),
        Part::new("charts", &of_stream(stream::charts)),
        Part::new("places", &of_stream(stream::places)),
        Part::new("graph", &dataflow::section(view, graph, scope)),
        Part::new(
            "ledger",
            &of_ledger.map(|(of_ledger, entries)| ledger::section(view, of_ledger, entries)).unwrap_or_default(),
        ),
        Part::new("generations", &history::generations(view)),
        Part::new("spec", &spec(view)),
        Part::new("specs", &specs(view)),
    ]
}

fn state(view: &JobView) -> Markup {
    let line = &view.line;
    let is_over = line.state.is_over();
    html! {
        div.heading {
            div {
                p.eyebrow { "Job " (line.id) " · " (clean(&line.program)) }
                h1 { (clean(&line.name)) }
            }
            @if !is_over {
                div.actions {
                    a.button.plain href=(format!("/jobs/{}/stop", line.id)) { "Stop" }
                    a.button.danger href=(format!("/jobs/{}/kill", line.id)) { "Kill" }
                }
            } @else if line.schedule.is_some() {
                div.actions { a.button.plain href=(format!("/jobs/{}/stop", line.id)) { "End the schedule" } }
            }
        }
        p.standing aria-live="polite" {
            (badge(line.state.phase()))
            @if let Some(why) = why(&line.state, view.now) { " " span.why { (why) } }
        }
        p.facts {
            "Submitted " (since(view.now, line.submitted))
            @if let Some(ended) = line.ended { ", took " (span(ended.since(line.submitted))) }
            @if let Some(exit) = line.exit.filter(|_| is_over) { " · exit code " (exit) }
            @if let Some(generation) = line.generation { " · generation " (generation) }
            @if line.restarts > 0 { ", " (counted(line.restarts, "restart")) }
            " · " (counted(view.spec.processes.get() as u64, "process")) " of " (counted(u64::from(view.spec.cores.0), "core"))
            " and " (view.spec.memory)
            @if let Some(first) = line.schedule.filter(|first| *first != line.id) {
                " · a run of the schedule of " a href=(format!("/jobs/{first}")) { "job " (first) }
            }
            @if let Some(next) = line.next_run { " · runs again " (until(view.now, next)) }
            @if let Some(model) = &view.model {
                " · made model " a href=(format!("/models/{}/report", in_query(model).replace('/', "%2F"))) title=(clean(model)) { code { (clip(&clean(model), 13)) } }
            }
            " · " a href=(format!("/api/jobs/{}", line.id)) { "JSON" }
        }
    }
}

fn stages(view: &JobView) -> Markup {
    if view.line.stages.is_empty() {
        return html! {};
    }
    html! {
        section.card {
            h2 { "Stages" }
            div.stages { @for stage in &view.line.stages { (stage_line(stage)) } }
        }
    }
}

/// What was asked for.
fn spec(view: &JobView) -> Markup {
    let spec = &view.spec;
    html! {
        section.card {
            h2 { @if view.specs.is_empty() { "What was submitted" } @else { "What it runs" } }
            dl.facts {
                div { dt { "Program" } dd { (spec.program) } }
                div { dt { "Processes" } dd { (spec.processes) } }
                div { dt { "Each has" } dd { (counted(u64::from(spec.cores.0), "core")) ", " (spec.memory) } }
                div { dt { "Started again" } dd { @if spec.supervise { "always, until it is stopped" } @else { "when a process or worker is lost" } } }
                @if let Some(every) = spec.every { div { dt { "Runs every" } dd { (span(every)) } } }
                @if !spec.files.is_empty() {
                    div { dt { "Carries" } dd { @for (number, file) in spec.files.iter().enumerate() { @if number > 0 { ", " } (clean(&file.name)) } } }
                }
            }
            (args(spec))
        }
    }
}

/// What it was before, and is now, of a job that was upgraded.
fn specs(view: &JobView) -> Markup {
    let present = view.generations.first().map(|life| life.spec);
    html! {
        @if !view.specs.is_empty() {
            section.card {
                h2 { "Specifications" }
                @for of in &view.specs {
                    details.life {
                        summary {
                            strong { "Specification " (of.number) } " "
                            span.when { "asked for " (since(view.now, of.asked)) @if present == Some(of.number) { ", in force" } }
                            @if let Some(why) = &of.given_up { span.why { "given up: " (clean(why)) } }
                        }
                        p.facts {
                            (counted(of.spec.processes.get() as u64, "process")) " of " (counted(u64::from(of.spec.cores.0), "core"))
                            " and " (of.spec.memory)
                            @for file in &of.spec.files { " · " (clean(&file.name)) }
                        }
                        (args(&of.spec))
                    }
                }
            }
        }
    }
}

fn args(spec: &JobSpec) -> Markup {
    html! {
        @if spec.args.is_empty() { p.none { "No arguments." } }
        @else { pre.args tabindex="0" aria-label="Arguments" { (spec.args.iter().map(|arg| quoted(arg)).collect::<Vec<_>>().join(" ")) } }
    }
}

/// An argument as one would type it.
fn quoted(arg: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,%+@{}".contains(c);
    let arg = clean(arg);
    if !arg.is_empty() && arg.chars().all(is_plain) { arg } else { format!("'{}'", arg.replace('\'', r"'\''")) }
}

/// The page that asks whether it is meant.
pub(in crate::ui) fn confirm(view: &JobView, how: StopHow, seal: &str) -> Markup {
    let is_over = view.line.state.is_over();
    let (verb, action, what) = match how {
        _ if is_over => (
            "End the schedule of",
            "stop",
            "There is no next run. One that is at work finishes what it has begun and ends (SIGTERM).",
        ),
        StopHow::Stop => (
            "Stop",
            "stop",
            "It finishes what it has begun and ends (SIGTERM). A stream can take a while, until all of its sinks have what was read.",
        ),
        StopHow::Kill => (
            "Kill",
            "kill",
            "Its processes end at once (SIGKILL). A stream loses and doubles nothing: if it is submitted again, it goes on from what its sinks have. Of a training nothing is left.",
        ),
    };
    let fault = (is_over && view.line.schedule.is_none()).then_some("It is over already.");
    let id = view.line.id;
    html! {
        section.card.narrow {
            h1 { (verb) " job " (id) "?" }
            p { strong { (clean(&view.line.name)) } " is " (badge(view.line.state.phase())) }
            @if let Some(fault) = fault {
                p.notice.alarm role="alert" { (fault) }
                p { a.button.plain href=(format!("/jobs/{id}")) { "Back to it" } }
            } @else {
                p { (what) }
                form.actions method="post" action=(format!("/jobs/{id}/{action}")) {
                    (sealed(seal))
                    button.danger[how == StopHow::Kill] type="submit" { (verb) " it" }
                    a.button.plain href=(format!("/jobs/{id}")) { "Leave it" }
                }
            }
        }
    }
}
