//! The thread that draws: bars on a terminal, plain lines elsewhere. Workers never wait for it.
//!
//! On a terminal each running stage has a line with a bar, ten times a second; one that has ended leaves a line
//! above the bars. Elsewhere a stage gets a line when it ends, and one every five seconds while it runs.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::pace::Pace;
use super::stage::{Snapshot, StageState};
use super::words;
use crate::clock::Clock;
use crate::console;

/// Between two looks at the stages.
const TICK: Duration = Duration::from_millis(100);

/// Between two plain lines of one stage.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The stages as they are made, shared with the drawing thread.
pub(super) type Stages = Arc<Mutex<Vec<Arc<StageState>>>>;

/// Wakes the drawing thread before its tick.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Mutex<Rung>,
    heard: Condvar,
}

#[derive(Debug, Default)]
struct Rung {
    now: bool,
    last: bool,
}

impl Bell {
    /// Asks for a look now.
    pub(super) fn ring(&self) {
        self.with(|rung| rung.now = true);
    }

    /// Asks for a last look.
    fn ring_last(&self) {
        self.with(|rung| rung.last = true);
    }

    fn with(&self, set: impl FnOnce(&mut Rung)) {
        set(&mut self.rung.lock().unwrap_or_else(PoisonError::into_inner));
        self.heard.notify_one();
    }

    /// Waits for a tick or a ring, whichever is first; true if it was the last.
    fn wait(&self) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.heard.wait_timeout_while(rung, TICK, |rung| !rung.now && !rung.last);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        rung.now = false;
        rung.last
    }
}

/// The running thread. Dropping it draws what has ended since, and waits for that.
#[derive(Debug)]
pub(super) struct Drawing {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

impl Drawing {
    /// Starts the thread. If there is none to be had, nothing is drawn: that is no reason to stop the work.
    pub(super) fn start(stages: Stages, clock: Arc<dyn Clock>, bell: Arc<Bell>, terminal: bool) -> Self {
        let waiting = Arc::clone(&bell);
        let draw = move || {
            let mut canvas: Box<dyn Canvas> =
                if terminal { Box::new(Bars::new()) } else { Box::new(Lines(&console::line)) };
            let mut drawn = Drawn::default();
            loop {
                let last = waiting.wait();
                let now = stages.lock().unwrap_or_else(PoisonError::into_inner).clone();
                drawn.look(&now, clock.now(), canvas.as_mut());
                if last {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name(console::DRAWING_THREAD.to_owned()).spawn(draw);
        if let Err(error) = &thread {
            tracing::warn!("no progress is shown: the operating system refused a thread ({error})");
        }
        Self { bell, thread: thread.ok() }
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        self.bell.ring_last();
        if let Some(thread) = self.thread.take() {
            // It panics only where drawing does, and the work doesn't depend on that.
            let _ = thread.join();
        }
    }
}

/// What can be drawn on.
trait Canvas {
    /// Stage number `index` runs.
    fn running(&mut self, index: usize, look: &Snapshot, pace: &Pace);
    /// Stage number `index` has ended, and isn't mentioned again.
    fn ended(&mut self, index: usize, look: &Snapshot);
    /// How far a stage's time must have come since `running` was last called for it, to be called again.
    fn every(&self) -> Duration;
}

/// What was drawn of each stage.
#[derive(Debug, Default)]
struct Drawn {
    stages: Vec<DrawnStage>,
}

#[derive(Debug, Default)]
struct DrawnStage {
    pace: Pace,
    ended: bool,
    drawn_at: Duration,
}

impl Drawn {
    fn look(&mut self, stages: &[Arc<StageState>], now: Duration, canvas: &mut dyn Canvas) {
        self.stages.resize_with(stages.len(), DrawnStage::default);
        for (index, (drawn, stage)) in self.stages.iter_mut().zip(stages).enumerate() {
            let Some(look) = stage.look(now).filter(|_| !drawn.ended) else { continue };
            drawn.pace.observe(look.elapsed, look.done);
            if look.ended {
                drawn.ended = true;
                canvas.ended(index, &look);
            } else if look.elapsed.saturating_sub(drawn.drawn_at) >= canvas.every() {
                drawn.drawn_at = look.elapsed;
                canvas.running(index, &look, &drawn.pace);
            }
        }
    }
}

/// Plain lines, handed to a writer.
struct Lines<'a>(&'a dyn Fn(&str));

impl Canvas for Lines<'_> {
    fn running(&mut self, _index: usize, look: &Snapshot, pace: &Pace) {
        (self.0)(&format!("{}: {}", look.name, words::running(look, pace).trim_start()));
    }

    fn ended(&mut self, _index: usize, look: &Snapshot) {
        (self.0)(&format!("{}: {}", look.name, words::finished(look)));
    }

    fn every(&self) -> Duration {
        PLAIN_EVERY
    }
}

/// Bars on a terminal.
struct Bars {
    all: MultiProgress,
    running: Vec<Option<ProgressBar>>,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(20));
        console::show_bars(Some(all.clone()));
        Self { all, running: Vec::new() }
    }

    fn bar(&mut self, index: usize, name: &'static str) -> &ProgressBar {
        if self.running.len() <= index {
            self.running.resize_with(index + 1, || None);
        }
        self.running[index].get_or_insert_with(|| self.all.add(ProgressBar::no_length().with_prefix(name)))
    }
}

/// The width of a stage's name, so that bars and lines stand below each other.
const NAME_WIDTH: usize = 10;

impl Canvas for Bars {
    fn running(&mut self, index: usize, look: &Snapshot, pace: &Pace) {
        let words = words::running(look, pace);
        let bar = self.bar(index, look.name);
        bar.set_style(style(look.total.is_some()));
        match look.total {
            Some(total) => bar.set_length(total),
            None => bar.unset_length(),
        }
        bar.set_position(look.done);
        bar.set_message(words);
        bar.tick();
    }

    fn ended(&mut self, index: usize, look: &Snapshot) {
        if let Some(bar) = self.running.get_mut(index).and_then(Option::take) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        let line = format!("{:<NAME_WIDTH$} {}", look.name, words::finished(look));
        self.all.suspend(|| console::line(&line));
    }

    fn every(&self) -> Duration {
        Duration::ZERO
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        // Stages that never ended (the work failed) must not leave half a bar under the last words.
        self.running.drain(..).flatten().for_each(|bar| bar.finish_and_clear());
        console::show_bars(None);
    }
}

/// Where the total is known. `wide_msg` is cut at the terminal's edge.
const BAR: &str = "{prefix:10} {bar:14} {wide_msg}";

/// Where it isn't: a sign of life.
const SPINNER: &str = "{prefix:10} {spinner:14} {wide_msg}";

fn style(total_known: bool) -> ProgressStyle {
    // The templates are constants, and tested: the default bar is never seen.
    ProgressStyle::with_template(if total_known { BAR } else { SPINNER })
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::stage::{Stage, Unit};
    use super::*;
    use crate::clock::ManualClock;

    fn stage(clock: &ManualClock, name: &'static str) -> (Arc<StageState>, Stage) {
        let state = Arc::new(StageState::new(name, Unit::Rows, 1, Arc::new(clock.clone()), Arc::default()));
        (Arc::clone(&state), Stage::new(state))
    }

    #[test]
    fn plain_lines_come_at_the_end_and_every_five_seconds() {
        let clock = ManualClock::new();
        let (read_state, read) = stage(&clock, "read");
        let (grow_state, _never_started) = stage(&clock, "grow");
        let stages = [read_state, grow_state];
        let written = RefCell::new(Vec::new());
        let write = |line: &str| written.borrow_mut().push(line.to_owned());
        let mut canvas = Lines(&write);
        let mut drawn = Drawn::default();

        read.start(1200);
        for _ in 0..110 {
            read.add(10);
            clock.advance(TICK);
            drawn.look(&stages, clock.now(), &mut canvas);
        }
        read.end();
        drawn.look(&stages, clock.now(), &mut canvas);
        drawn.look(&stages, clock.now(), &mut canvas);
        let expected = [
            "read: 41%, 7 s left, 500 of 1,200 rows, 100 rows/s",
            "read: 83%, 2 s left, 1,000 of 1,200 rows, 100 rows/s",
            "read: 1,100 rows in 11.0 s (100 rows/s)",
        ];
        assert_eq!(*written.borrow(), expected);
    }

    #[test]
    fn a_stage_that_ends_between_two_looks_still_gets_its_line() {
        let clock = ManualClock::new();
        let (state, save) = stage(&clock, "save");
        save.start(3);
        save.add(3);
        save.end();
        let written = RefCell::new(Vec::new());
        let write = |line: &str| written.borrow_mut().push(line.to_owned());
        Drawn::default().look(&[state], clock.now(), &mut Lines(&write));
        assert_eq!(*written.borrow(), ["save: 3 rows in 0.00 s"]);
    }

    #[test]
    fn both_templates_are_good() {
        for template in [BAR, SPINNER] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
