//! A household with real processes. The programs are all one small script, which runs the script that the order carries.

mod endings;
mod line;
mod work;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use flightline_engine::ids::ProcessIndex;
use tempfile::TempDir;

use super::{Household, HouseholdError};
use crate::agent::log::LogLimits;
use crate::agent::{JobSecret, Keep, Settings, Wanted};
use crate::guard::Roots;
use crate::ids::{Cores, Generation, JobId, Memory, Moment, ProcessRef};
use crate::job::spec::{CarriedFile, JobSpec, Program};
use crate::protocol::life::LifeSpec;
use crate::protocol::{HowEnded, LogStream, ProcessReport, ProcessState, Wish};
use crate::samples;

/// Longer than anything takes: who waits so long hangs.
const HANGS: Duration = Duration::from_secs(120);

/// Runs until the agent's end of the cord is closed.
const OBEY: &str = "cat >/dev/null";

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < HANGS, "this never happened: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn settings(disk: &Path) -> Settings {
    let (root, programs) = (disk.join("root"), disk.join("programs"));
    fs::create_dir_all(&root).unwrap();
    fs::create_dir_all(&programs).unwrap();
    // Another process writes them: one of ours that is being started at that moment would hold the file open for writing,
    // and what is open for writing can't be run.
    let names = Program::ALL.map(Program::name).join(" ");
    let write = format!(
        "for name in {names}; do printf '#!/bin/sh\\nfor last; do :; done\\nall=\"$*\"\\nexport all\\nexec /bin/sh \"$last\"\\n' \
         > $name; chmod 700 $name; done"
    );
    assert!(Command::new("sh").args(["-c", &write]).current_dir(&programs).status().unwrap().success());
    Settings {
        work: disk.join("work"),
        programs,
        roots: Roots::new([root]).unwrap(),
        environment: std::env::vars_os().chain([("FLIGHTLINE_TOKEN".into(), "hush".into())]).collect(),
        keep: Keep::default(),
        log: LogLimits::default(),
        look_every: Duration::from_millis(20),
    }
}

fn begin(settings: Settings) -> Result<Household, HouseholdError> {
    let secret = |job, generation| JobSecret::new(format!("the secret of {job} and {generation}"));
    Household::start(settings, secret, || Moment(0))
}

fn household() -> (TempDir, Household) {
    let disk = tempfile::tempdir().unwrap();
    let household = begin(settings(disk.path())).unwrap();
    (disk, household)
}

fn id(job: u64, generation: u64) -> ProcessRef {
    ProcessRef { job: JobId(job), generation: Generation(generation), process: ProcessIndex::new(0) }
}

fn order(id: ProcessRef, program: Program, script: &str) -> Wanted {
    order_with(id, program, script, |_| {})
}

/// The same, but for what is changed.
fn order_with(id: ProcessRef, program: Program, script: &str, change: impl FnOnce(&mut JobSpec)) -> Wanted {
    let files = vec![CarriedFile { name: "run.sh".to_owned(), text: script.to_owned() }];
    let spec = samples::spec(program, &["{carried}/run.sh"]);
    let mut spec = JobSpec { files, cores: Cores(2), memory: Memory(8 << 30), ..spec };
    change(&mut spec);
    let hosts = (0..spec.processes.get()).map(|process| format!("host-{process}:1")).collect();
    Wanted { id, wish: Wish::Run, life: Some(LifeSpec { spec: spec.into(), hosts }.into()) }
}

fn with_wish(order: &Wanted, wish: Wish) -> Vec<Wanted> {
    vec![Wanted { wish, ..order.clone() }]
}

fn report(household: &Household, id: ProcessRef) -> Option<ProcessReport> {
    household.reports().into_iter().find(|report| report.id == id)
}

fn is_up(household: &Household, id: ProcessRef) -> bool {
    report(household, id).is_some_and(|report| matches!(report.state, ProcessState::Up { .. }))
}

fn wait_until_up(household: &Household, id: ProcessRef) {
    until("it is up", || is_up(household, id).then_some(()));
}

fn end_of(household: &Household, id: ProcessRef) -> (HowEnded, Vec<String>) {
    until("it has ended", || match report(household, id)?.state {
        ProcessState::Ended { how, last_lines, .. } => Some((how, last_lines)),
        ProcessState::Starting { .. } | ProcessState::Up { .. } => None,
    })
}

fn log(household: &Household, id: ProcessRef, stream: LogStream) -> String {
    household.logs(id, stream, Some(0), Memory(1 << 20)).map(|piece| piece.text).unwrap_or_default()
}

fn wait_for_word(household: &Household, id: ProcessRef, word: &str) {
    until(word, || log(household, id, LogStream::Stderr).contains(word).then_some(()));
}

fn end_now(household: &Household, id: ProcessRef) -> Option<HowEnded> {
    match report(household, id)?.state {
        ProcessState::Ended { how, .. } => Some(how),
        ProcessState::Starting { .. } | ProcessState::Up { .. } => None,
    }
}
