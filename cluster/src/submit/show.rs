//! Tables and sentences for people. Pure.

use std::time::Duration;

use console::{Alignment, pad_str};

use crate::ids::Moment;
use crate::job::spec::JobSpec;
use crate::job::state::JobState;
use crate::protocol::StageLine;
use crate::view::{ClusterView, JobLine, JobView, SpecView, WorkerState};

/// All jobs, the newest first.
#[must_use]
pub fn jobs(view: &ClusterView) -> String {
    if view.jobs.is_empty() {
        return "no jobs yet; submit one with `submit train --wait`\n".to_owned();
    }
    let mut rows = vec![["job", "name", "program", "state", "cores", "since", ""].map(str::to_owned).to_vec()];
    for job in &view.jobs {
        let since = job.ended.unwrap_or(job.submitted);
        rows.push(vec![
            job.id.to_string(),
            clean(&job.name),
            job.program.clone(),
            job.state.phase().to_string(),
            job.cores.to_string(),
            ago(since, view.now),
            why(job, view.now),
        ]);
    }
    table(&rows, &[0, 4])
}

/// The cluster: its workers, and how many jobs there are.
#[must_use]
pub fn cluster(view: &ClusterView) -> String {
    let open = view.jobs.iter().filter(|job| !job.state.is_over()).count();
    let mut text = format!(
        "{} workers, {open} jobs that are not over, master {} for {}\n",
        view.workers.len(),
        view.version,
        ago(view.since, view.now)
    );
    let mut rows =
        vec![["worker", "state", "cores", "taken", "memory", "taken", "used", "heard"].map(str::to_owned).to_vec()];
    for worker in &view.workers {
        rows.push(vec![
            worker.name.to_string(),
            state(worker.state).to_owned(),
            worker.cores.to_string(),
            worker.cores_taken.to_string(),
            worker.memory.to_string(),
            worker.memory_taken.to_string(),
            worker.memory_used.to_string(),
            format!("{} ago", ago(worker.heard, view.now)),
        ]);
    }
    if rows.len() > 1 {
        text.push_str(&table(&rows, &[2, 3, 4, 5, 6]));
    }
    text
}

/// One job.
#[must_use]
pub fn job(view: &JobView) -> String {
    let line = &view.line;
    let mut text = format!("job {}: {} ({}), {}", line.id, clean(&line.name), line.program, line.state.phase());
    let why = why(line, view.now);
    if !why.is_empty() {
        text.push_str(&format!(": {why}"));
    }
    text.push('\n');
    text.push_str(&format!("  {} {}\n", line.program, clean(&view.spec.args.join(" "))));
    for stage in &line.stages {
        text.push_str(&format!("  {}\n", self::stage(stage)));
    }
    if let Some(model) = &view.model {
        text.push_str(&format!("  made model {}\n", clean(model)));
    }
    for spec in &view.specs {
        text.push_str(&format!("  {}\n", specification(spec, view.now)));
    }
    let mut rows = vec![["life", "process", "worker", "address", "memory", "state"].map(str::to_owned).to_vec()];
    for life in &view.generations {
        for process in &life.processes {
            rows.push(vec![
                life.number.to_string(),
                process.process.to_string(),
                process.worker.to_string(),
                process.address.clone(),
                process.memory.to_string(),
                clean(&process.state),
            ]);
        }
        if let Some((at, why)) = &life.ended {
            let lasted = ago(life.started, *at);
            rows.push(vec![
                life.number.to_string(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                format!("ended after {lasted}: {}", clean(why)),
            ]);
        }
    }
    if rows.len() > 1 {
        text.push_str(&table(&rows, &[0, 1, 4]));
    }
    text
}

/// A specification of a job that was upgraded, in a line.
fn specification(of: &SpecView, now: Moment) -> String {
    let SpecView { number, asked, spec, given_up } = of;
    let JobSpec { processes, cores, memory, args, .. } = spec;
    let given_up = given_up.as_ref().map(|why| format!("; given up: {}", clean(why))).unwrap_or_default();
    format!(
        "specification {number}, {} ago: {processes} x {cores} cores, {memory}: {}{given_up}",
        ago(*asked, now),
        clean(&args.join(" "))
    )
}

/// A stage in a line: `grow 3 of 5 levels`.
#[must_use]
pub fn stage(stage: &StageLine) -> String {
    let StageLine { name, unit, total, done, ended } = stage;
    match (total, ended) {
        (_, true) => format!("{name} done: {done} {unit}"),
        (0, false) => format!("{name} {done} {unit}"),
        (total, false) => format!("{name} {done} of {total} {unit}"),
    }
}

fn why(job: &JobLine, now: Moment) -> String {
    let next = job.next_run.map(|next| format!("runs again in {}", ago(now, next)));
    match &job.state {
        JobState::Queued { why } | JobState::Ending { why } | JobState::Failed { why } => clean(why),
        JobState::BackingOff { until, why } => format!("again in {}: {}", ago(now, *until), clean(why)),
        _ => {
            let schedule = job.schedule.filter(|first| *first != job.id);
            let run = schedule.map(|first| format!("a run of the schedule of job {first}"));
            [run, next].into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
    }
}

const fn state(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Alive => "alive",
        WorkerState::OtherVersion => "alive, other version: no jobs",
        WorkerState::Unheard => "not heard yet",
        WorkerState::Draining => "draining",
        WorkerState::Lost => "lost",
        WorkerState::Gone => "gone",
    }
}

/// How long it is from one moment to another: `3 s`, `12 min`, `2 h`, `5 days`.
fn ago(from: Moment, to: Moment) -> String {
    let seconds = to.since(from).as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", Duration::from_secs(seconds).as_secs() / 86_400),
    }
}

/// The text with what could steer a terminal spelt out.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars()
        .flat_map(|sign| if sign.is_control() { sign.escape_default().collect::<Vec<_>>() } else { vec![sign] })
        .collect()
}

/// The same of whole lines, whose ends and tabulators stay.
#[must_use]
pub fn clean_lines(text: &str) -> String {
    let line = |line: &str| match line.strip_suffix("\r\n") {
        Some(line) => cells(line) + "\r\n",
        None => line.strip_suffix('\n').map_or_else(|| cells(line), |line| cells(line) + "\n"),
    };
    text.split_inclusive('\n').map(line).collect()
}

fn cells(line: &str) -> String {
    line.split('\t').map(clean).collect::<Vec<_>>().join("\t")
}

/// Rows in columns, two blanks apart; those in `numbers` stand flush right.
fn table(rows: &[Vec<String>], numbers: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| console::measure_text_width(cell)).max();
    // The last column may be long sentences: it need not be filled up.
    let widths: Vec<usize> =
        (0..columns).map(|at| if at + 1 == columns { 0 } else { width(at).unwrap_or(0) }).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            let alignment = if numbers.contains(&at) { Alignment::Right } else { Alignment::Left };
            pad_str(cell, *width, alignment, None)
        });
        let line: Vec<_> = cells.collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_the_unit_that_people_think_in() {
        let after = |seconds: u64| ago(Moment(0), Moment(seconds * 1000));
        assert_eq!([after(3), after(720), after(7200), after(400_000)], ["3 s", "12 min", "2 h", "4 days"]);
        assert_eq!(ago(Moment(5000), Moment(0)), "0 s");
    }

    #[test]
    fn a_table_is_aligned_and_its_last_column_is_not_filled_up() {
        let rows = [["job", "name", "why"], ["12", "a", "x"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows, &[0]), "job  name  why\n 12  a     x\n");
    }

    #[test]
    fn a_name_steers_no_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
    }

    #[test]
    fn a_stage_says_how_far_it_is() {
        let line =
            |total, done, ended| StageLine { name: "grow".to_owned(), unit: "levels".to_owned(), total, done, ended };
        assert_eq!(stage(&line(5, 3, false)), "grow 3 of 5 levels");
        assert_eq!(stage(&line(0, 3, false)), "grow 3 levels");
        assert_eq!(stage(&line(5, 5, true)), "grow done: 5 levels");
    }
}
