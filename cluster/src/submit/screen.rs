//! What somebody who waits sees on standard error: bars on a terminal, plain lines elsewhere; and what Ctrl-C leaves there.
//!
//! Whoever leaves ends nothing but the waiting: the bars stand as they are, one line says what goes on and how to ask for it.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, stderr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use flightline_engine::process::Exit;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::show;
use crate::ids::Generation;
use crate::job::state::Phase;
use crate::protocol::StageLine;
use crate::view::JobView;

/// Standard error, shared with who hears the signals.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<Inner>>);

struct Inner {
    bars: Option<MultiProgress>,
    stages: BTreeMap<(Option<Generation>, String), ProgressBar>,
    said: String,
    phase: Option<(Phase, String)>,
    parting: String,
}

impl Screen {
    /// An empty one. `parting` is said when the process is interrupted.
    #[must_use]
    pub fn new(parting: String) -> Self {
        let bars = stderr().is_terminal().then(MultiProgress::new);
        let inner = Inner { bars, stages: BTreeMap::new(), said: String::new(), phase: None, parting };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// From now on Ctrl-C and SIGTERM leave the screen whole and end the process with 130 or 143.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn watch_signals(&self) -> io::Result<()> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let screen = self.clone();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let Some(signal) = signals.forever().next() else { return };
            // Held to the end, so that nobody draws any more.
            let inner = screen.lock();
            inner.leave();
            if signal == SIGINT { Exit::Interrupted.end() } else { Exit::Terminated.end() }
        })?;
        Ok(())
    }

    /// What is said from now on when the process is interrupted.
    pub fn part_with(&self, line: String) {
        self.lock().parting = line;
    }

    /// Shows how a job is.
    pub fn show(&self, view: &JobView) {
        self.lock().show(view);
    }

    /// Says a line, unless it was the last one already.
    pub fn say(&self, line: &str) {
        self.lock().say(line);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn show(&mut self, view: &JobView) {
        let line = &view.line;
        // What it has done comes before its end.
        if line.state.is_over() {
            line.stages.iter().for_each(|stage| self.show_stage(line.generation, stage));
        }
        let phase = (line.state.phase(), show::job(view).lines().next().unwrap_or_default().to_owned());
        if self.phase.as_ref() != Some(&phase) {
            self.say(&phase.1);
            self.phase = Some(phase);
        }
        line.stages.iter().for_each(|stage| self.show_stage(line.generation, stage));
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

    fn leave(&self) {
        self.stages.values().filter(|bar| !bar.is_finished()).for_each(ProgressBar::abandon);
        // A terminal shows the keys that were pressed, and the cursor stands behind them.
        let start = if self.bars.is_some() { "\n" } else { "" };
        eprintln!("{start}{}", self.parting);
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("  {prefix:8} {wide_bar} {human_pos} of {human_len} {msg}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}
