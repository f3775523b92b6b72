//! Waiting for a job with its progress, and following a log.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr};
use std::thread::sleep;
use std::time::{Duration, Instant};

use flightline_engine::ids::ProcessIndex;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::show;
use crate::failure::Failure;
use crate::ids::{Generation, JobId};
use crate::job::state::Phase;
use crate::protocol::messages::FromUser;
use crate::protocol::{LogStream, StageLine};
use crate::rpc::call::{CallError, Caller};
use crate::view::{JobView, LogPiece};

/// Between two looks at a job that somebody waits for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A master that can't be reached for so long is not waited for any longer. Its jobs go on without it, and so does who waits for
/// one.
const PATIENCE: Duration = Duration::from_secs(600);

/// For an answer.
const WAIT: Duration = Duration::from_secs(10);

/// Waits until a job is over, and shows its progress on standard error meanwhile.
///
/// # Errors
/// The master can't be reached for long, or has forgotten the job.
pub fn wait(caller: &Caller, job: JobId) -> Result<JobView, Failure> {
    let mut progress = Progress::new();
    let mut away_since: Option<Instant> = None;
    loop {
        match caller.call::<JobView>(&FromUser::Job { job }, WAIT) {
            Ok(view) => {
                away_since = None;
                progress.show(&view);
                if view.line.state.is_over() {
                    return Ok(view);
                }
            }
            Err(error) if error.is_transient() && away_since.get_or_insert_with(Instant::now).elapsed() < PATIENCE => {
                progress.say(&format!("waiting for the master, while the job goes on: {error}"));
            }
            Err(error) => return Err(called(&error)),
        }
        sleep(LOOK_EVERY);
    }
}

/// Writes a log to `output`: its end or all of it, and if `follow`, until its process has ended.
///
/// # Errors
/// It can't be had.
pub fn log(
    caller: &Caller,
    (job, generation): (JobId, Option<Generation>),
    (process, stream): (ProcessIndex, LogStream),
    (from, follow): (Option<u64>, bool),
    output: &mut dyn Write,
) -> Result<(), Failure> {
    let mut from = from;
    loop {
        let piece: LogPiece = caller
            .call(&FromUser::Log { job, generation, process, stream, from }, WAIT)
            .map_err(|error| called(&error))?;
        let written = output.write_all(piece.text.as_bytes()).and_then(|()| output.flush());
        if let Err(error) = written {
            // Who reads no further has seen enough.
            let gone = error.kind() == std::io::ErrorKind::BrokenPipe;
            return if gone {
                Ok(())
            } else {
                Err(Failure::storage(format!("can't write to standard output: {error}")))
            };
        }
        // What is there already is read to its end, also by who doesn't follow.
        let nothing_new = piece.text.is_empty();
        from = Some(piece.next);
        match (piece.more, nothing_new) {
            (false, _) => return Ok(()),
            (true, true) if !follow => return Ok(()),
            (true, true) => sleep(LOOK_EVERY),
            (true, false) => {}
        }
    }
}

/// A call that gave nothing, as a command's failure.
#[must_use]
pub fn called(error: &CallError) -> Failure {
    match error {
        CallError::Refused(_) | CallError::NotLetIn { .. } | CallError::TooLong { .. } => Failure::usage(error),
        _ => Failure::cluster(error),
    }
}

/// Bars on a terminal, plain lines elsewhere.
struct Progress {
    bars: Option<MultiProgress>,
    stages: BTreeMap<(Option<Generation>, String), ProgressBar>,
    said: String,
    phase: Option<(Phase, String)>,
}

impl Progress {
    fn new() -> Self {
        let bars = stderr().is_terminal().then(MultiProgress::new);
        Self { bars, stages: BTreeMap::new(), said: String::new(), phase: None }
    }

    fn show(&mut self, view: &JobView) {
        let line = &view.line;
        let show_stages = |progress: &mut Self| {
            line.stages.iter().for_each(|stage| progress.show_stage(line.generation, stage));
        };
        // What it has done comes before its end.
        if line.state.is_over() {
            show_stages(self);
        }
        let phase = (line.state.phase(), show::job(view).lines().next().unwrap_or_default().to_owned());
        if self.phase.as_ref() != Some(&phase) {
            self.say(&phase.1);
            self.phase = Some(phase);
        }
        show_stages(self);
    }

    fn show_stage(&mut self, generation: Option<Generation>, stage: &StageLine) {
        let key = (generation, stage.name.clone());
        let Some(bars) = &self.bars else {
            // A line for each stage that has ended.
            if stage.ended && !self.stages.contains_key(&key) {
                self.stages.insert(key, ProgressBar::hidden());
                self.say(&format!("  {}", show::stage(stage)));
            }
            return;
        };
        let bar = self.stages.entry(key).or_insert_with(|| bars.add(ProgressBar::new(0).with_style(style())));
        bar.set_length(stage.total);
        bar.set_position(stage.done);
        bar.set_prefix(stage.name.clone());
        bar.set_message(stage.unit.clone());
        if stage.ended && !bar.is_finished() {
            bar.finish();
        }
    }

    fn say(&mut self, line: &str) {
        if self.said == line {
            return;
        }
        line.clone_into(&mut self.said);
        match &self.bars {
            // It fails when there is nobody to read it.
            Some(bars) => drop(bars.println(line)),
            None => eprintln!("{line}"),
        }
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("  {prefix:8} {wide_bar} {human_pos} of {human_len} {msg}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}
